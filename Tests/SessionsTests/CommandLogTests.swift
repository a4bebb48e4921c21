import Formats
import TerminalEngine
import Testing

@testable import Sessions

@Suite("The command log")
struct CommandLogTests {
  private func mark(_ kind: Mark.Kind, line: Int, status: Int? = nil, text: String = "", nonce: String? = nil) -> Mark {
    var mark = Mark(kind: kind, dialect: .osc133, line: line, column: 0)
    mark.exitStatus = status
    mark.text = text
    mark.nonce = nonce
    return mark
  }

  @Test("a prompt, a command and its end make one record")
  func oneCommand() {
    var log = CommandLog(nonce: "n")
    let time = Timestamp(milliseconds: 1000)
    log.take(mark(.promptStart, line: 0), directory: nil, generation: 1, at: time)
    log.take(mark(.promptEnd, line: 0), directory: nil, generation: 1, at: time)
    #expect(log.phase == .atPrompt(at: LinePosition(line: 0, column: 0)))
    log.take(mark(.commandLine, line: 0, text: "make", nonce: "n"), directory: nil, generation: 2, at: time)
    log.take(mark(.outputStart, line: 1), directory: "/src", generation: 2, at: time)
    #expect(log.phase == .running)
    #expect(log.ended(from: 1) == nil)
    let record = log.take(
      mark(.commandEnd, line: 5, status: 2), directory: "/src", generation: 3, at: Timestamp(milliseconds: 3000)
    ).finished
    #expect(record?.command == "make")
    #expect(record?.exitStatus == 2)
    #expect(record?.directory == "/src")
    #expect(record?.outputStart.line == 1)
    #expect(record?.outputEnd?.line == 5)
    #expect(log.ended(from: 1) == record)
  }

  @Test("a command line with another nonce is not believed")
  func forgedCommandLine() {
    var log = CommandLog(nonce: "secret")
    let time = Timestamp(milliseconds: 0)
    log.take(mark(.commandLine, line: 0, text: "rm -rf /", nonce: "guess"), directory: nil, generation: 1, at: time)
    log.take(mark(.outputStart, line: 1), directory: nil, generation: 1, at: time)
    #expect(log.records.last?.command == nil)
  }

  @Test("a prompt that comes without an end closes the record without a status")
  func interrupted() {
    var log = CommandLog(nonce: nil)
    let time = Timestamp(milliseconds: 0)
    log.take(mark(.outputStart, line: 1), directory: nil, generation: 1, at: time)
    log.take(mark(.promptStart, line: 3), directory: nil, generation: 2, at: time)
    #expect(log.records.last?.endedAt != nil)
    #expect(log.records.last?.exitStatus == nil)
  }

  @Test("an end without a beginning makes no record")
  func strayEnd() {
    var log = CommandLog(nonce: nil)
    #expect(
      log.take(mark(.commandEnd, line: 1, status: 1), directory: nil, generation: 1, at: .init(milliseconds: 0))
        .finished
        == nil)
    #expect(log.records.isEmpty)
    #expect(log.lastExitStatus == 1)
  }

  private func signed(_ kind: Mark.Kind, n: Int, run: UInt64? = nil, status: Int? = nil, nonce: String = "n") -> Mark {
    var mark = mark(kind, line: 0, status: status)
    mark.options = ["aid": nonce, "n": String(n)]
    if let run { mark.options["run"] = String(run) }
    return mark
  }

  private func log(expecting id: UInt64) -> CommandLog {
    var log = CommandLog(nonce: "n")
    _ = log.take(signed(.promptStart, n: 1), directory: nil, generation: 1, at: .init(milliseconds: 0))
    _ = log.take(signed(.promptEnd, n: 1), directory: nil, generation: 1, at: .init(milliseconds: 0))
    log.expected = .init(id: id, command: "make", cause: nil)
    return log
  }

  private func take(_ log: inout CommandLog, _ mark: Mark) -> CommandLog.Taken {
    log.take(mark, directory: nil, generation: 2, at: .init(milliseconds: 0))
  }

  @Test("a run's own marks answer it, and those of a line that was typed before do not")
  func ownRun() {
    var log = log(expecting: 7)
    #expect(take(&log, signed(.outputStart, n: 1, run: 0)).run == nil)
    #expect(take(&log, signed(.commandEnd, n: 1, run: 0, status: 1)).run == nil)
    #expect(take(&log, signed(.outputStart, n: 2, run: 7)).run == .began(2))
    let end = take(&log, signed(.commandEnd, n: 2, run: 7, status: 3))
    #expect(end.run == .ended(status: 3, record: log.record(2)))
    #expect(log.record(2)?.command == "make")
    #expect(log.record(2)?.run == 7)
    #expect(log.record(1)?.run == nil)
  }

  @Test("marks with a guessed run, a guessed nonce, none, or a number that has been, are not believed")
  func forgedRun() {
    var log = log(expecting: 7)
    _ = take(&log, signed(.outputStart, n: 2, run: 7))
    for forged in [
      signed(.commandEnd, n: 2, run: 8, status: 0, nonce: "guess"), mark(.commandEnd, line: 0, status: 0),
      signed(.commandEnd, n: 1, run: 7, status: 0), mark(.promptStart, line: 0), mark(.promptEnd, line: 0),
    ] {
      let taken = take(&log, forged)
      #expect(taken.run == nil && taken.finished == nil)
    }
    #expect(log.phase == .running)
  }

  @Test("of a command of several lines the first beginning counts, and the last end")
  func severalLines() {
    var log = log(expecting: 7)
    #expect(take(&log, signed(.outputStart, n: 1, run: 7)).run == .began(1))
    #expect(take(&log, signed(.outputStart, n: 1, run: 7)).run == nil)
    #expect(log.records.count == 1)
    #expect(take(&log, signed(.commandEnd, n: 1, run: 7, status: 5)).run == .ended(status: 5, record: log.record(1)))
    #expect(log.records.allSatisfy { $0.endedAt != nil })
  }

  @Test("a shell that found nothing to run, or wants more lines, says so for the run")
  func nothingRan() {
    var log = log(expecting: 7)
    #expect(take(&log, signed(.commandEnd, n: 1, run: 7)).run == .ended(status: nil, record: nil))
    log.expected = .init(id: 8, command: "(", cause: nil)
    var more = signed(.property, n: 2)
    more.options["k"] = "s"
    // Not before it has the line: somebody else's is not complete.
    #expect(take(&log, more).run == nil)
    _ = take(&log, signed(.promptStart, n: 2))
    _ = take(&log, signed(.promptEnd, n: 2))
    #expect(log.standsAtPrompt)
    var taken = signed(.property, n: 2, run: 8)
    taken.options["roost"] = "taken"
    _ = take(&log, taken)
    #expect(take(&log, more).run == .incomplete(isGivenUp: false))
    #expect(log.isContinuing && !log.standsAtPrompt)
  }

  @Test("what runs in a shell inside the shell has records of its own, and ends with it")
  func nested() {
    var log = CommandLog(nonce: "n")
    _ = take(&log, signed(.outputStart, n: 1))
    log.follow(nonce: "inner")
    _ = take(&log, signed(.promptEnd, n: 1, nonce: "inner"))
    #expect(log.phase == .atPrompt(at: LinePosition(line: 0, column: 0)))
    _ = take(&log, signed(.outputStart, n: 1, nonce: "inner"))
    _ = take(&log, signed(.commandEnd, n: 1, status: 4, nonce: "inner"))
    #expect(log.record(2)?.exitStatus == 4)
    #expect(log.record(1)?.endedAt == nil)
    _ = take(&log, signed(.commandEnd, n: 1, status: 0))
    #expect(log.record(1)?.exitStatus == 0)
  }

  private func plain(_ kind: Mark.Kind, run: UInt64, status: Int? = nil) -> Mark {
    var mark = mark(kind, line: 0, status: status)
    mark.options = ["plain": "1", "run": String(run)]
    return mark
  }

  @Test("a run in a shell that a command has started is a command of its own, and the outer one goes on")
  func inside() {
    var log = CommandLog(nonce: "n")
    _ = take(&log, signed(.outputStart, n: 1))
    log.expected = .init(id: 7, command: "make", cause: nil, isInside: true)
    #expect(take(&log, plain(.outputStart, run: 7)).run == .began(2))
    #expect(take(&log, plain(.commandEnd, run: 7, status: 3)).run == .ended(status: 3, record: log.record(2)))
    #expect(log.phase == .running && log.record(1)?.endedAt == nil)
    _ = take(&log, signed(.commandEnd, n: 1, status: 0))
    #expect(log.record(1)?.exitStatus == 0)
  }

  @Test("a shell that a run has become takes the next run, and the first has ended with it")
  func becomes() {
    var log = CommandLog(nonce: nil)
    log.expected = .init(id: 7, command: "exec dash", cause: nil)
    #expect(take(&log, plain(.outputStart, run: 7)).run == .began(1))
    log.expected = .init(id: 8, command: "make", cause: nil)
    #expect(take(&log, plain(.outputStart, run: 8)).run == .began(2))
    #expect(log.record(1)?.endedAt != nil && log.record(1)?.exitStatus == nil)
    #expect(take(&log, plain(.commandEnd, run: 8, status: 0)).run == .ended(status: 0, record: log.record(2)))
    #expect(log.phase == .unknown)
  }

  @Test(
    "a prompt for more lines is no prompt for a run, also where the first lines of a paste have run",
    arguments: [true, false])
  func continues(isRunning: Bool) {
    var log = CommandLog(nonce: "n")
    _ = take(&log, signed(isRunning ? .outputStart : .promptEnd, n: 1))
    var more = signed(.property, n: 1)
    more.options["k"] = "s"
    #expect(take(&log, more).run == nil)
    #expect(log.isContinuing)
    _ = take(&log, signed(.promptStart, n: 2))
    #expect(!log.isContinuing)
  }

  @Test("what a shell says of itself tells how it is given runs")
  func arrives() {
    var log = CommandLog(nonce: "n")
    #expect(log.needsCancel == nil)
    var here = signed(.property, n: 0)
    here.options["roost"] = "here"
    _ = take(&log, here)
    #expect(log.takesRuns && log.needsCancel == false)
    log.losesKeys()
    #expect(!log.takesRuns && log.hasLostKeys)
    here.options["cancel"] = "1"
    _ = take(&log, here)
    #expect(log.takesRuns && log.needsCancel == true && !log.hasLostKeys)
    here.options["roost"] = "none"
    _ = take(&log, here)
    #expect(!log.takesRuns && log.isWithoutMarks)
  }

  @Test("keys that were not answered once are tried again at the next prompt, and are there when they are answered")
  func keysComeBack() {
    var log = log(expecting: 7)
    _ = take(&log, signed(.promptEnd, n: 1))
    #expect(log.takesRuns)
    log.losesKeys()
    #expect(log.hasLostKeys)
    // The same prompt, painted again.
    _ = take(&log, signed(.promptEnd, n: 1))
    #expect(log.hasLostKeys)
    _ = take(&log, signed(.promptEnd, n: 2))
    #expect(log.takesRuns)
    var taken = signed(.property, n: 2, run: 7)
    taken.options["roost"] = "taken"
    _ = take(&log, taken)
    log.losesKeys()
    _ = take(&log, signed(.promptEnd, n: 3))
    #expect(log.takesRuns)
    // Twice in a row: they are lost.
    log.losesKeys()
    _ = take(&log, signed(.promptEnd, n: 4))
    #expect(!log.takesRuns && log.hasLostKeys)
  }

  @Test("a line editor in the middle of something else refuses the run, and nobody else's word does")
  func refuses() {
    var log = log(expecting: 7)
    var busy = signed(.property, n: 1, run: 8)
    busy.options["roost"] = "busy"
    #expect(take(&log, busy).run == nil)
    busy.options["run"] = "7"
    #expect(take(&log, busy).run == .refused)
    busy.options["roost"] = "changed"
    #expect(take(&log, busy).run == .changed)
  }

  @Test(
    "a signal's status is 128 and its number, whatever a plain shell calls it",
    arguments: [
      (0, 0), (137, 137), (255, 255), (256, 256), (265, 137), (271, 143), (393, 137), (399, 143), (1000, 1000),
    ])
  func signals(told: Int, status: Int) {
    var log = CommandLog(nonce: nil)
    log.expected = .init(id: 7, command: "make", cause: nil)
    _ = take(&log, plain(.outputStart, run: 7))
    #expect(take(&log, plain(.commandEnd, run: 7, status: told)).finished?.exitStatus == status)
  }

  @Test("a line that repeats the one before is known by what stands on the screen")
  func repeated() {
    for (typed, known) in [("make", "make" as String?), (" secret", nil)] {
      var log = log(expecting: 9)
      var line = mark(.commandLine, line: 0, text: "make", nonce: "n")
      line.options["again"] = ""
      _ = take(&log, line)
      _ = log.take(
        signed(.outputStart, n: 1), directory: nil, generation: 2, at: .init(milliseconds: 0), typed: { typed })
      #expect(log.records.last?.command == known)
    }
  }

  @Test("the log is bounded, and numbers go on")
  func bounded() {
    var log = CommandLog(nonce: nil)
    let time = Timestamp(milliseconds: 0)
    for _ in 0..<2000 {
      log.take(mark(.outputStart, line: 1), directory: nil, generation: 1, at: time)
      log.take(mark(.commandEnd, line: 1, status: 0), directory: nil, generation: 1, at: time)
    }
    #expect(log.records.count == CommandLog.maximumRecords)
    #expect(log.records.last?.id == 2000)
    #expect(log.lastID == 2000)
  }
}
