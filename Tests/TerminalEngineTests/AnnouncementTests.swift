import TerminalEngine
import Testing

@Suite("What programs announce")
struct AnnouncementTests {
  private static func events(_ input: String) -> [TerminalEvent] {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed(input)
    return terminal.takeEvents()
  }

  private static func mark(_ input: String) -> Mark? {
    guard case .mark(let mark)? = events(input).first else { return nil }
    return mark
  }

  @Test("an exit status may be given, missing or negative")
  func exitStatus() {
    #expect(Self.mark("\u{1B}]133;D;7\u{7}")?.exitStatus == 7)
    #expect(Self.mark("\u{1B}]133;D\u{7}")?.exitStatus == nil)
    #expect(Self.mark("\u{1B}]133;D;-1\u{7}")?.exitStatus == -1)
    #expect(Self.mark("\u{1B}]133;D;7;aid=12\u{7}")?.options == ["aid": "12"])
    #expect(Self.mark("\u{1B}]133;D;999999999999\u{7}")?.exitStatus == nil)
  }

  @Test("the command line comes in three writings")
  func commandLines() {
    #expect(Self.mark("\u{1B}]133;C;cmdline_url=ls%20-l%3B\u{7}")?.text == "ls -l;")
    #expect(Self.mark("\u{1B}]133;C;cmdline=ls\\ -l\u{7}")?.text == "ls -l")
    #expect(Self.mark("\u{1B}]133;C;cmdline=$'a\\nb'\u{7}")?.text == "a\nb")
    let mark = Self.mark("\u{1B}]633;E;echo \\x3b \\\\n;abc-nonce\u{1B}\\")
    #expect(mark?.text == "echo ; \\n")
    #expect(mark?.nonce == "abc-nonce")
    #expect(mark?.dialect == .osc633)
    #expect(Self.mark("\u{1B}]633;P;Cwd=/home/a\\x20b\u{7}")?.text == "Cwd=/home/a b")
  }

  @Test("letters that mean nothing make no mark")
  func unknownMarks() {
    #expect(Self.events("\u{1B}]133;Z\u{7}\u{1B}]133\u{7}\u{1B}]133;\u{7}\u{1B}]133;AB\u{7}\u{1B}]633;N\u{7}").isEmpty)
  }

  @Test("kitty's notifications may come in pieces and in base64")
  func kittyNotifications() {
    #expect(Self.events("\u{1B}]99;;hello\u{7}") == [.notification(title: nil, body: "hello")])
    #expect(
      Self.events("\u{1B}]99;i=1:d=0;head\u{7}\u{1B}]99;i=1:p=body;text\u{7}")
        == [.notification(title: "head", body: "text")])
    #expect(Self.events("\u{1B}]99;e=1;aGVsbG8=\u{7}") == [.notification(title: nil, body: "hello")])
    #expect(Self.events("\u{1B}]99;p=icon;xx\u{7}\u{1B}]99;e=1;!\u{7}\u{1B}]99\u{7}").isEmpty)
  }

  @Test("progress is told from notifications")
  func progress() {
    #expect(Self.events("\u{1B}]9;4;1;50\u{7}") == [.progress(state: 1, percent: 50)])
    #expect(Self.events("\u{1B}]9;4;1;500\u{7}") == [.progress(state: 1, percent: 100)])
    #expect(Self.events("\u{1B}]9;4;3\u{7}") == [.progress(state: 3, percent: 0)])
    #expect(Self.events("\u{1B}]9;4;9;1\u{7}\u{1B}]9;1;100\u{7}").isEmpty)
    #expect(Self.events("\u{1B}]9;done; all of it\u{7}") == [.notification(title: nil, body: "done; all of it")])
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed("\u{1B}]9;4;2;30\u{7}")
    #expect(terminal.progress == Progress(state: 2, percent: 30))
    terminal.feed("\u{1B}]9;4;0\u{7}")
    #expect(terminal.progress == nil)
  }

  @Test("a wished size is passed on and not taken")
  func sizes() {
    #expect(Self.events("\u{1B}[8;30;100t") == [.sizeRequested(TerminalSize(rows: 30, columns: 100))])
    #expect(Self.events("\u{1B}[8;;100t") == [.sizeRequested(TerminalSize(rows: 4, columns: 100))])
    #expect(Self.events("\u{1B}[36t") == [.sizeRequested(TerminalSize(rows: 36, columns: 20))])
    #expect(Self.events("\u{1B}[?3h") == [.cleared(line: 0)])
    #expect(Self.events("\u{1B}[?40h\u{1B}[?3h").contains(.sizeRequested(TerminalSize(rows: 4, columns: 132))))
    #expect(Self.events("\u{1B}[132$|") == [.sizeRequested(TerminalSize(rows: 4, columns: 132))])
    #expect(Self.events("\u{1B}[$|") == [.sizeRequested(TerminalSize(rows: 4, columns: 80))])
    #expect(Self.events("\u{1B}[100$|") == [])
    #expect(Self.events("\u{1B}[12*|") == [.sizeRequested(TerminalSize(rows: 12, columns: 20))])
    #expect(Self.events("\u{1B}[4;160;320t") == [.sizeRequested(TerminalSize(rows: 10, columns: 40))])
    #expect(
      Self.events("\u{1B}[?40h\u{1B}[?3h\u{1B}c").contains(.sizeRequested(TerminalSize(rows: 4, columns: 80))))
  }

  @Test("a host can give a wished size before the rest of the output is taken")
  func sizeInBetween() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    let bytes = [UInt8]("ab\u{1B}[8;6;30t\u{1B}[18tc".utf8)
    var work = 1 << 20
    let taken = bytes.withUnsafeBytes { terminal.feed($0, work: &work, untilSizeRequest: true) }
    #expect(terminal.hasStoppedForSize == true)
    #expect(taken == 11)
    #expect(terminal.isAtRest == true)
    for event in terminal.takeEvents() {
      if case .sizeRequested(let size) = event { terminal.resize(size) }
    }
    let rest = bytes[taken...].withUnsafeBytes { terminal.feed($0, work: &work, untilSizeRequest: true) }
    #expect(terminal.hasStoppedForSize == false)
    #expect(rest == bytes.count - taken)
    #expect(String(decoding: terminal.takeReplies(), as: UTF8.self) == "\u{1B}[8;6;30t")
    #expect(terminal.rowText(0) == "abc")
    // Nobody has to wait.
    terminal.feed("\u{1B}[8;6;10td")
    #expect(terminal.rowText(0) == "abcd")
  }

  @Test("colours are set, told, and reset")
  func colours() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed("\u{1B}]4;1;?\u{7}\u{1B}]10;?;?\u{1B}\\")
    #expect(
      String(decoding: terminal.takeReplies(), as: UTF8.self)
        == "\u{1B}]4;1;rgb:cdcd/0000/0000\u{7}\u{1B}]10;rgb:e5e5/e5e5/e5e5\u{1B}\\\u{1B}]11;rgb:0000/0000/0000\u{1B}\\")
    terminal.feed("\u{1B}]4;1;#102030;2;rgb:ff/80/0\u{7}\u{1B}]11;rgb:1111/2222/3333\u{7}")
    #expect(terminal.paletteColor(1) == RGB(0x10, 0x20, 0x30))
    #expect(terminal.paletteColor(2) == RGB(0xFF, 0x80, 0x00))
    #expect(terminal.backgroundColor == RGB(0x11, 0x22, 0x33))
    terminal.feed("\u{1B}]104;1\u{7}\u{1B}]111\u{7}")
    #expect(terminal.paletteColor(1) == RGB(0xCD, 0, 0))
    #expect(terminal.paletteColor(2) == RGB(0xFF, 0x80, 0x00))
    #expect(terminal.backgroundColor == RGB(0, 0, 0))
    terminal.feed("\u{1B}]104\u{7}\u{1B}]4;300;#fff\u{7}\u{1B}]4;1\u{7}\u{1B}]4;1;mauve\u{7}\u{1B}]10;\u{7}")
    #expect(terminal.paletteColor(2) == RGB(0, 0xCD, 0))
  }

  @Test("capabilities are answered one by one, unknown ones with a refusal")
  func capabilities() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed("\u{1B}P+q436F;544e;zz\u{1B}\\")
    #expect(
      String(decoding: terminal.takeReplies(), as: UTF8.self)
        == "\u{1B}P1+r436F=323536\u{1B}\\\u{1B}P1+r544e=787465726D2D323536636F6C6F72\u{1B}\\\u{1B}P0+r\u{1B}\\")
  }

  @Test("mode 2048 reports the size when it changes")
  func inBandResize() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed("\u{1B}[?2048h")
    #expect(terminal.takeReplies() == Array("\u{1B}[48;4;20;64;160t".utf8))
    terminal.resize(TerminalSize(rows: 5, columns: 20))
    #expect(terminal.takeReplies() == Array("\u{1B}[48;5;20;80;160t".utf8))
  }
}
