import Testing

@testable import Sessions

@Suite("What one run printed, between its own marks")
struct RunCaptureTests {
  private static let id: UInt64 = 12_345_678_901_234_567_890
  private static let start = "\u{1B}]133;C;aid=5f;n=3;run=12345678901234567890\u{7}"
  private static let end = "\u{1B}]133;D;7;aid=5f;n=3;run=12345678901234567890\u{7}"

  private static func capture(_ stream: String, cutAt cuts: [Int] = [], shell: RunCapture.Shell? = nil) -> (
    state: RunCapture.State, text: String, status: Int?
  ) {
    let bytes = Array(stream.utf8)
    var capture = RunCapture(id: id, rows: 24, shell: shell)
    var start = 0
    for end in cuts + [bytes.count] {
      bytes[start..<end].withUnsafeBytes { capture.feed($0) }
      start = end
    }
    capture.settle()
    return (
      capture.state, String(decoding: capture.output.head(bytes: .max), as: UTF8.self), capture.exitStatus
    )
  }

  @Test("the next prompt of its shell ends it where no mark of the end came, and no prompt of before does")
  func promptEnds() {
    let shell = RunCapture.Shell(nonce: "5f", prompt: 3)
    func prompt(_ fields: String) -> String { "\u{1B}]133;A;\(fields)\u{7}$ " }
    let got = Self.capture("\(Self.start)^C\r\n\(prompt("aid=5f;n=4"))", shell: shell)
    #expect(got.state == .ended && got.text == "^C\n" && got.status == nil, "\(got)")
    // One that ctrl+c has brought before the run begins is none of it.
    let late = Self.capture("\(prompt("aid=5f;n=4"))\(Self.start)mine\r\n\(Self.end)", shell: shell)
    #expect(late.state == .ended && late.text == "mine\n" && late.status == 7, "\(late)")
    for other in ["aid=5f;n=3", "aid=5f;n=2", "aid=5f", "aid=60;n=9", "n=9", "aid=5f;n=x"] {
      #expect(Self.capture("\(Self.start)a\(prompt(other))", shell: shell).state == .capturing, "\(other)")
    }
  }

  @Test("where a plain shell gave the whole command up, its prompt is no output")
  func gaveUp() {
    let back = "\u{1B}]133;P;roost=back;plain=1;run=12345678901234567890\u{7}"
    let got = Self.capture("\(Self.start)^C\r\n\(back)$ ")
    #expect(got.state == .ended && got.text == "^C\n" && got.status == nil)
    #expect(Self.capture("\(Self.start)a\u{1B}]133;P;roost=back;run=1\u{7}b").state == .capturing)
  }

  @Test("neither the prompt before nor the one after is output, wherever the bytes are cut")
  func between() {
    let stream =
      "\u{1B}[1mprompt$ \u{1B}[0mecho\r\n\u{1B}[?2004l\(Self.start)größe\r\nthe end\(Self.end)\r\n\u{1B}[2Jprompt$ "
    let count = stream.utf8.count
    for cuts in (0...count).map({ [$0] }) + [Array(0..<count)] {
      let got = Self.capture(stream, cutAt: cuts)
      #expect(got.state == .ended, "\(cuts)")
      #expect(got.text == "größe\nthe end", "\(cuts)")
      #expect(got.status == 7)
    }
  }

  @Test(
    "marks end with BEL or ST, whatever else they say",
    arguments: [
      "\u{1B}]133;D;0;run=12345678901234567890\u{1B}\\", "\u{9D}133;D;0;run=12345678901234567890\u{9C}",
      "\u{1B}]133;D;0;n=1;run=12345678901234567890;aid=x;err=\u{7}",
      // A program that left a string open does not hide the end.
      "\u{1B}]0;title\u{1B}]133;D;0;run=12345678901234567890\u{7}",
      "\u{1B}Pq\u{1B}]133;D;0;run=12345678901234567890\u{7}",
      "\u{1B}[12\u{1B}]133;D;0;run=12345678901234567890\u{7}",
    ])
  func spellings(mark: String) {
    let got = Self.capture("\(Self.start)text\(mark)after")
    #expect(got.state == .ended)
    #expect(got.text == "text")
    #expect(got.status == 0)
  }

  @Test(
    "nobody else's marks are seen, at the beginning or at the end",
    arguments: [
      "run=12345678901234567891", "run=1234567890123456789", "run=", "run=012345678901234567890",
      "run=12345678901234567890;run=1", "xrun=12345678901234567890", "RUN=12345678901234567890", "aid=5f", "",
      "run= 12345678901234567890", "n=1 run=12345678901234567890",
    ])
  func foreign(options: String) {
    let begun = Self.capture("\u{1B}]133;C;\(options)\u{7}not mine")
    #expect(begun.state == .waiting)
    #expect(begun.text == "")
    let ended = Self.capture("\(Self.start)a\u{1B}]133;D;0;\(options)\u{7}b\(Self.end)c")
    #expect(ended.text == "ab")
    #expect(ended.status == 7)
  }

  @Test("a mark hidden in another string, or too long, is none")
  func hidden() {
    for hidden in [
      "\u{1B}P133;D;0;run=12345678901234567890\u{1B}\\", "\u{1B}_]133;D;0;run=12345678901234567890\u{1B}\\",
      "\u{1B}]0;133;D;0;run=12345678901234567890\u{7}", "\u{1B}]633;D;0;run=12345678901234567890\u{7}",
      "\u{1B}]133;DD;0;run=12345678901234567890\u{7}", "\u{1B}]133;D;0;run=12345678901234567890\u{18}",
      "\u{1B}]133;D;0;\(String(repeating: "x", count: 5000));run=12345678901234567890\u{7}",
    ] {
      let got = Self.capture("\(Self.start)a\(hidden)b\(Self.end)")
      #expect(got.text == "ab", "\(hidden.debugDescription)")
    }
  }

  @Test("the first beginning counts; later ones are no text and change nothing")
  func severalBeginnings() {
    let got = Self.capture("prompt\(Self.start)one\r\n\(Self.start)two\r\n\(Self.start)\(Self.end)\(Self.start)three")
    #expect(got.text == "one\ntwo\n")
  }

  @Test("an end without a beginning is the end of a run that printed nothing")
  func endAlone() {
    let got = Self.capture("shell: syntax error\r\n\(Self.end)prompt")
    #expect(got.state == .ended)
    #expect(got.text == "")
    #expect(got.status == 7)
  }

  @Test("while it goes on, what was printed so far is told")
  func running() {
    let got = Self.capture("$ \(Self.start)Continue? [y/N] ")
    #expect(got.state == .capturing)
    #expect(got.text == "Continue? [y/N] ")
    #expect(got.status == nil)
  }

  @Test("a run that is given up keeps what it printed")
  func givenUp() {
    var capture = RunCapture(id: Self.id, rows: 5)
    Array("\(Self.start)half".utf8).withUnsafeBytes { capture.feed($0) }
    capture.finish()
    Array(" and more\(Self.end)".utf8).withUnsafeBytes { capture.feed($0) }
    #expect(capture.output.head(bytes: 100) == Array("half".utf8))
    #expect(capture.output.isFinished)
    #expect(capture.exitStatus == nil)
  }

  @Test("a mark of the end that the alternate screen was left open before still ends it")
  func alternateScreen() {
    let got = Self.capture("\(Self.start)a\u{1B}[?1049hfull\r\n\(Self.end)")
    #expect(got.state == .ended)
    #expect(got.text == "a")
  }

  @Test("of the runs of a session the latest sixteen are kept, and the one in progress")
  func kept() {
    var outputs = CapturedOutputs()
    for record in 1...20 {
      let output = CommandOutput()
      Array("\(record)".utf8).withUnsafeBytes { output.append($0, lines: 0) }
      outputs.keep(output, for: record)
    }
    #expect(outputs.output(for: 4) == nil)
    #expect(outputs.output(for: 5)?.head(bytes: 9) == Array("5".utf8))
    #expect(outputs.output(for: 20)?.head(bytes: 9) == Array("20".utf8))
    outputs.running = RunCapture(id: Self.id, rows: 5)
    outputs.runningRecord = 21
    Array("\(Self.start)now".utf8).withUnsafeBytes { outputs.running?.feed($0) }
    #expect(outputs.output(for: 21)?.head(bytes: 9) == Array("now".utf8))
  }
}
