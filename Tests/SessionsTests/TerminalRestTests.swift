import Formats
import Testing

@testable import Sessions

@Suite("How long a program has done nothing but poll its terminal")
struct TerminalRestTests {
  private let start = ContinuousClock.now

  private func look(
    _ rest: inout TerminalRest, at milliseconds: Int, used microseconds: Int, process: Int32 = 7, generation: UInt64 = 1
  ) -> Int {
    rest.time(
      of: process, used: .microseconds(microseconds), generation: generation, now: start + .milliseconds(milliseconds)
    ).milliseconds
  }

  @Test("counts from the first look, while it uses next to nothing")
  func counts() {
    var rest = TerminalRest()
    #expect(look(&rest, at: 0, used: 50_000) == 0)
    for step in 1...20 { #expect(look(&rest, at: step * 100, used: 50_000 + step * 100) == step * 100) }
    #expect(look(&rest, at: 3_600_000, used: 3_650_000) == 3_600_000)
  }

  @Test("begins anew with work, with another process, with output or input, and with another call")
  func anew() {
    var rest = TerminalRest()
    _ = look(&rest, at: 0, used: 0)
    #expect(look(&rest, at: 1000, used: 500_000) == 0)
    #expect(look(&rest, at: 1100, used: 500_100) == 100)
    #expect(look(&rest, at: 1200, used: 500_200, process: 8) == 0)
    #expect(look(&rest, at: 1300, used: 500_300, process: 8, generation: 2) == 0)
    #expect(look(&rest, at: 1400, used: 500_400, process: 8, generation: 2) == 100)
    rest.end()
    #expect(!rest.isBegun)
    #expect(look(&rest, at: 1500, used: 500_500, process: 8, generation: 2) == 0)
  }

  @Test("small steps that are looked at often do not hide work")
  func steps() {
    var rest = TerminalRest()
    // A tenth of the processor, a millisecond at a time.
    #expect((0..<500).allSatisfy { look(&rest, at: $0 * 10, used: $0 * 1000) < 100 })
  }
}
