import Formats
import TerminalEngine
import Testing

@testable import Sessions

@Suite("How many commands are told of")
struct CommandAllowanceTests {
  private func record(_ id: Int, correlation: String? = nil, run: UInt64? = nil) -> CommandRecord {
    CommandRecord(
      id: id, command: "x", directory: nil, startedAt: .now(), outputStart: .init(line: 0, column: 0),
      evidence: .osc133, principal: nil, correlationID: correlation, run: run)
  }

  @Test("a burst, then a few a second; what is left out is counted, its ends with its beginnings")
  func allowance() {
    var allowance = CommandAllowance()
    let start = ContinuousClock.now
    var told: [Int] = []
    for id in 1...1000 where allowance.admits(start: record(id), now: start) { told.append(id) }
    #expect(told == Array(1...Int(CommandAllowance.burst)))
    #expect(!allowance.admits(finish: record(1000)) && allowance.admits(finish: record(1)))
    #expect(allowance.leftOut == .init(count: 940, first: 61, last: 1000))
    #expect(allowance.takeLeftOut()?.count == 940 && allowance.takeLeftOut() == nil)
    // However often it is asked within the time.
    told = []
    for step in 1...100_000 where allowance.admits(start: record(1000 + step), now: start + .microseconds(step * 100)) {
      told.append(step)
    }
    #expect((28...31).contains(told.count), "\(told.count) in ten seconds")
  }

  @Test("what calls have typed is told of, a run once") func calls() {
    var allowance = CommandAllowance()
    let now = ContinuousClock.now
    for id in 1...100 { _ = allowance.admits(start: record(id), now: now) }
    var told: [Int] = []
    for id in 101...300 where allowance.admits(start: record(id, correlation: "c-\(id)"), now: now) { told.append(id) }
    #expect(told == Array(101...300))
    told = []
    for id in 301...310 {
      if allowance.admits(start: record(id, correlation: "c", run: 7), now: now) { told.append(id) }
    }
    #expect(told == [301])
    let isNextTold = allowance.admits(start: record(311, correlation: "c", run: 8), now: now)
    #expect(isNextTold)
  }
}
