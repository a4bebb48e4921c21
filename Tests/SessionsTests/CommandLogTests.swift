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
      mark(.commandEnd, line: 5, status: 2), directory: "/src", generation: 3, at: Timestamp(milliseconds: 3000))
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
      log.take(mark(.commandEnd, line: 1, status: 1), directory: nil, generation: 1, at: .init(milliseconds: 0)) == nil)
    #expect(log.records.isEmpty)
    #expect(log.lastExitStatus == 1)
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
