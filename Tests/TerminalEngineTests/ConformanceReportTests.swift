import TerminalEngine
import Testing

/// What a terminal answers and tells: reports (xterm ctlseqs, DEC STD 070), events and modes.
@Suite("Reports, events and modes")
struct ConformanceReportTests {
  func replies(to input: String, rows: Int = 24, columns: Int = 80) -> String {
    var terminal = Terminal(size: TerminalSize(rows: rows, columns: columns))
    terminal.feed(input)
    return String(decoding: terminal.takeReplies(), as: UTF8.self)
  }

  func events(of input: String) -> [TerminalEvent] {
    var terminal = Terminal(size: TerminalSize(rows: 24, columns: 80))
    terminal.feed(input)
    return terminal.takeEvents()
  }

  @Test(
    "a query gets its answer",
    arguments: [
      ("\u{1B}[5n", "\u{1B}[0n"), ("\u{1B}[6n", "\u{1B}[1;1R"), ("\u{1B}[3;5H\u{1B}[6n", "\u{1B}[3;5R"),
      ("\u{1B}[2;9r\u{1B}[?6h\u{1B}[2;3H\u{1B}[6n", "\u{1B}[2;3R"),
      ("\u{1B}[1;80Hx\u{1B}[6n", "\u{1B}[1;80R"),  // a pending wrap is still in the last column
      ("\u{1B}[18t", "\u{1B}[8;24;80t"), ("\u{1B}[?7$p", "\u{1B}[?7;1$y"), ("\u{1B}[?7l\u{1B}[?7$p", "\u{1B}[?7;2$y"),
      ("\u{1B}[?2026$p", "\u{1B}[?2026;2$y"), ("\u{1B}[?2004h\u{1B}[?2004$p", "\u{1B}[?2004;1$y"),
      ("\u{1B}[?31999$p", "\u{1B}[?31999;0$y"), ("\u{1B}[4$p", "\u{1B}[4;2$y"), ("\u{1B}[4h\u{1B}[4$p", "\u{1B}[4;1$y"),
      ("\u{1B}P$qr\u{1B}\\", "\u{1B}P1$r1;24r\u{1B}\\"), ("\u{1B}[3;9r\u{1B}P$qr\u{1B}\\", "\u{1B}P1$r3;9r\u{1B}\\"),
      ("\u{1B}P$qm\u{1B}\\", "\u{1B}P1$r0m\u{1B}\\"), ("\u{1B}[1;4m\u{1B}P$qm\u{1B}\\", "\u{1B}P1$r0;1;4m\u{1B}\\"),
      ("\u{1B}P$qx\u{1B}\\", "\u{1B}P0$r\u{1B}\\"), ("\u{1B}[4 q\u{1B}P$q q\u{1B}\\", "\u{1B}P1$r4 q\u{1B}\\"),
      ("\u{1B}[?u", "\u{1B}[?0u"), ("\u{1B}[>5u\u{1B}[?u", "\u{1B}[?5u"),
      ("\u{1B}[>1u\u{1B}[>3u\u{1B}[<u\u{1B}[?u", "\u{1B}[?1u"), ("\u{1B}[=5;1u\u{1B}[=2;2u\u{1B}[?u", "\u{1B}[?7u"),
      ("\u{1B}[=7;1u\u{1B}[=2;3u\u{1B}[?u", "\u{1B}[?5u"), ("\u{1B}[>1u\u{1B}[?1049h\u{1B}[?u", "\u{1B}[?0u"),
      ("\u{1B}[>9999u\u{1B}[<99999u\u{1B}[?u", "\u{1B}[?0u"),
      ("\u{1B}]4;1;rgb:12/34/56\u{1B}\\\u{1B}]4;1;?\u{1B}\\", "\u{1B}]4;1;rgb:1212/3434/5656\u{1B}\\"),
      ("\u{1B}]52;c;?\u{07}", ""), ("\u{1B}[21t", ""), ("\u{1B}[1*x\u{1B}P$q*x\u{1B}\\", "\u{1B}P1$r1*x\u{1B}\\"),
      ("\u{1B}[0*x\u{1B}P$q*x\u{1B}\\", "\u{1B}P1$r0*x\u{1B}\\"), ("\u{1B}P$q$}\u{1B}\\", "\u{1B}P1$r0$}\u{1B}\\"),
      ("\u{1B}P$q$~\u{1B}\\", "\u{1B}P1$r0$~\u{1B}\\"), ("\u{1B}P$qt\u{1B}\\", "\u{1B}P1$r24t\u{1B}\\"),
      ("\u{1B}[1\"q\u{1B}P$q\"q\u{1B}\\", "\u{1B}P1$r1\"q\u{1B}\\"),
      ("\u{1B}V\u{1B}P$q\"q\u{1B}\\", "\u{1B}P1$r0\"q\u{1B}\\"),
      ("\u{1B}[?5n", "\u{1B}[?0n"), ("\u{1B}[?53n", "\u{1B}[?53n"), ("\u{1B}[?62n", "\u{1B}[0000*{"),
      ("\u{1B}[?63;123n", "\u{1B}P123!~0000\u{1B}\\"),
    ] as [(String, String)])
  func query(_ input: String, answer: String) {
    #expect(replies(to: input) == answer)
  }

  @Test("what cannot be changed is told as always set or always reset")
  func fixedModes() {
    for (modes, answer) in [
      ([2, 8, 14, 1036, 1039], 3),
      ([13, 38, 46, 80, 1001, 1034, 1035, 1037, 1050, 1051, 1060, 1061, 2001, 2002, 2003, 2005, 2006, 8452], 4),
      ([10, 57, 60, 61, 64, 68, 73, 81, 9001], 0),
    ] {
      for mode in modes {
        let input = "\u{1B}[?\(mode)h\u{1B}[?\(mode)$p\u{1B}[?\(mode)l\u{1B}[?\(mode)$p"
        let expected = "\u{1B}[?\(mode);\(answer)$y"
        #expect(replies(to: input) == expected + expected)
      }
    }
    for mode in [1, 5, 7, 10, 11, 13, 14, 15, 16, 17, 18, 19] {
      #expect(replies(to: "\u{1B}[\(mode)$p") == "\u{1B}[\(mode);4$y")
    }
    for mode in [6, 8, 9, 21] { #expect(replies(to: "\u{1B}[\(mode)$p") == "\u{1B}[\(mode);0$y") }
  }

  @Test("a mode that does nothing here is kept for who saves and restores it")
  func rememberedModes() {
    for mode in [4, 18, 19, 30, 35, 41, 44, 1010, 1011, 1040, 1041, 1042, 1043, 1044, 1045, 1046] {
      func told(_ value: Int) -> String { "\u{1B}[?\(mode);\(value)$y" }
      let ask = "\u{1B}[?\(mode)$p"
      let initially = [35, 1010, 1040, 1046].contains(mode) ? 1 : 2
      #expect(
        replies(to: ask + "\u{1B}[?\(mode)h" + ask + "\u{1B}[?\(mode)l" + ask) == told(initially) + told(1) + told(2))
      #expect(replies(to: "\u{1B}[?\(mode)h\u{1B}[?\(mode)s\u{1B}[?\(mode)l\u{1B}[?\(mode)r" + ask) == told(1))
    }
  }

  @Test("mode 1046 keeps programs off the alternate screen")
  func alternateScreenAllowed() {
    #expect(events(of: "\u{1B}[?1046l\u{1B}[?1049h\u{1B}[?47h\u{1B}[?1047h") == [])
    #expect(events(of: "\u{1B}[?1049h\u{1B}[?1046l") == [.alternateScreen(true), .alternateScreen(false)])
    #expect(replies(to: "\u{1B}[?1049h\u{1B}[?1049s\u{1B}[?1049l\u{1B}[?1049r\u{1B}[?1049$p") == "\u{1B}[?1049;1$y")
  }

  @Test("device attributes name a terminal that programs know")
  func deviceAttributes() {
    #expect(replies(to: "\u{1B}[c").hasPrefix("\u{1B}[?6"))
    #expect(replies(to: "\u{1B}[c").hasSuffix("c"))
    #expect(replies(to: "\u{1B}[c").dropLast().split(separator: ";").contains("52"))
    #expect(replies(to: "\u{1B}[>c").hasPrefix("\u{1B}[>"))
    #expect(replies(to: "\u{1B}[>q").hasPrefix("\u{1B}P>|"))
    #expect(replies(to: "\u{1B}[0c") == replies(to: "\u{1B}Z"))
  }

  @Test(
    "a capability is told as it is here",
    arguments: [
      ("TN", "xterm-256color"), ("Co", "256"), ("RGB", "8/8/8"), ("Ms", "\u{1B}]52;%p1%s;%p2%s\u{7}"),
      ("Smulx", "\u{1B}[4:%p1%dm"),
      ("Setulc", "\u{1B}[58:2:%p1%{65536}%/%d:%p1%{256}%/%{255}%&%d:%p1%{255}%&%d%;m"), ("cols", "80"),
      ("kcuu1", "\u{1B}[A"),
      ("kbs", "\u{7F}"), ("Su", ""), ("Tc", ""),
    ])
  func capability(_ name: String, value: String) {
    func hexadecimal(_ text: String) -> String {
      text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
    }
    let answer = "\u{1B}P1+r\(hexadecimal(name))" + (value.isEmpty ? "" : "=\(hexadecimal(value))") + "\u{1B}\\"
    #expect(replies(to: "\u{1B}P+q\(hexadecimal(name))\u{1B}\\") == answer)
    // What is not known is said by its name, and what is no name not at all.
    #expect(
      replies(to: "\u{1B}P+q\(hexadecimal(name));666F6F;zz\u{1B}\\") == answer
        + "\u{1B}P0+r666F6F\u{1B}\\\u{1B}P0+r\u{1B}\\")
  }

  @Test("the cursor keys are told as the modes make them")
  func capabilitiesOfKeys() {
    #expect(replies(to: "\u{1B}[?1h\u{1B}P+q6B63757531\u{1B}\\") == "\u{1B}P1+r6B63757531=1B4F41\u{1B}\\")
    #expect(replies(to: "\u{1B}[?67h\u{1B}P+q6B6273\u{1B}\\") == "\u{1B}P1+r6B6273=08\u{1B}\\")
  }

  @Test("a terminal that answers no queries answers none")
  func silent() {
    var options = TerminalOptions()
    options.answersQueries = false
    var terminal = Terminal(size: TerminalSize(rows: 24, columns: 80), options: options)
    terminal.feed("\u{1B}[c\u{1B}[6n\u{1B}P$qm\u{1B}\\\u{1B}]11;?\u{07}")
    #expect(terminal.hasReplies == false)
  }

  @Test("answers are bounded, whatever is asked")
  func boundedReplies() {
    var terminal = Terminal(size: TerminalSize(rows: 24, columns: 80))
    for _ in 0..<50 { terminal.feed(String(repeating: "\u{1B}[c\u{1B}[6n", count: 1_000)) }
    #expect(terminal.takeReplies().count <= 64 << 10)
    #expect(terminal.hasReplies == false)
  }

  @Test("the checksum of a rectangle is the one xterm reports")
  func checksum() {
    // xterm's default: the negated sum of the characters, as 16 bits.
    #expect(replies(to: "A\u{1B}[1;1;1;1;1;1*y") == "\u{1B}P1!~FFBF\u{1B}\\")
    for (text, area, sum) in [
      ("", "1;1;1;1", 0x20), ("A", "1;1;1;2", 0x41), ("A ", "1;1;1;2", 0x61), ("\u{1B}[2GA", "1;1;1;2", 0x61),
      ("A\u{1B}[3GA", "1;1;1;3", 0x82), ("hello", "", 532), ("A\u{1B}[2J", "1;1;1;1", 0x20),
      ("\u{1B}[1mA", "1;1;1;1", 0xC1), ("\u{1B}[4mA", "1;1;1;1", 0x51), ("\u{1B}[5mA", "1;1;1;1", 0x81),
      ("\u{1B}[7mA", "1;1;1;1", 0x61), ("\u{1B}[8mA", "1;1;1;1", 0x20), ("\u{1B}[1;4;5;7;8mA", "1;1;1;1", 0x110),
      ("\u{1B}[2;3;9;31;42;53mA", "1;1;1;1", 0x41), ("é", "1;1;1;1", 0xE9), ("λ", "1;1;1;1", 0xBB),
      ("漢", "1;1;1;2", 0x121), ("\u{1B}#8", "1;1;2;2", 0x114),
    ] {
      let expected = String(0x10000 - sum, radix: 16, uppercase: true)
      #expect(replies(to: "\(text)\u{1B}[9;1;\(area)*y") == "\u{1B}P9!~\(expected)\u{1B}\\", "\(text) \(area)")
    }
  }

  @Test("titles, bells, directories, clipboard, progress and notifications are told")
  func plainEvents() {
    #expect(events(of: "\u{1B}]2;t\u{07}") == [.title("t")])
    #expect(events(of: "\u{1B}]1;i\u{07}") == [.iconName("i")])
    #expect(Set(events(of: "\u{1B}]0;both\u{07}").map { "\($0)" }).count == 2)
    #expect(events(of: "\u{07}") == [.bell])
    #expect(events(of: "\u{1B}]7;file://h/tmp\u{07}") == [.workingDirectory("file://h/tmp")])
    #expect(events(of: "\u{1B}]52;c;aGk=\u{07}") == [.clipboard(selection: "c", base64: [UInt8]("aGk=".utf8))])
    #expect(events(of: "\u{1B}]9;4;1;42\u{07}") == [.progress(state: 1, percent: 42)])
    #expect(events(of: "\u{1B}]9;done\u{07}") == [.notification(title: nil, body: "done")])
    #expect(events(of: "\u{1B}]777;notify;t;b\u{07}") == [.notification(title: "t", body: "b")])
    #expect(events(of: "\u{1B}[?1049h") == [.alternateScreen(true)])
    #expect(events(of: "\u{1B}[?1049h\u{1B}[?1049l") == [.alternateScreen(true), .alternateScreen(false)])
    #expect(events(of: "\u{1B}c").contains(.reset))
    #expect(events(of: "\u{1B}]52;c;?\u{07}") == [])
  }

  @Test("prompt marks say where and what")
  func marks() {
    let found = events(of: "\r\n$ \u{1B}]133;B\u{07}ls\r\n\u{1B}]133;C\u{07}out\r\n\u{1B}]133;D;3\u{07}").compactMap {
      if case .mark(let mark) = $0 { mark } else { nil }
    }
    #expect(found.map(\.kind) == [.promptEnd, .outputStart, .commandEnd])
    #expect(found.map(\.line) == [1, 2, 3])
    #expect(found.map(\.column) == [2, 0, 0])
    #expect(found.last?.exitStatus == 3)
    #expect(found.allSatisfy { $0.dialect == .osc133 })
  }

  @Test("the command line of an editor's shell integration is unescaped and keeps its nonce")
  func commandLineMark() {
    let found = events(of: "\u{1B}]633;E;echo \\x3b \\\\ ok;n0nce\u{07}").compactMap {
      if case .mark(let mark) = $0 { mark } else { nil }
    }
    #expect(found.count == 1)
    #expect(found.first?.kind == .commandLine)
    #expect(found.first?.text == "echo ; \\ ok")
    #expect(found.first?.nonce == "n0nce")
  }

  @Test("a mark's line is counted from the first line ever, however much has scrolled")
  func marksScroll() {
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: 10))
    terminal.feed(String(repeating: "x\r\n", count: 10) + "\u{1B}]133;A\u{07}")
    guard case .mark(let mark)? = terminal.takeEvents().first else {
      Issue.record("no mark")
      return
    }
    #expect(mark.line == 10)
    #expect(terminal.screenTop == 8)
  }

  @Test("modes are set, told and reset")
  func modes() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 10))
    terminal.feed("\u{1B}[?1h\u{1B}=\u{1B}[?2004h\u{1B}[?1004h\u{1B}[?1002h\u{1B}[?1006h\u{1B}[?25l\u{1B}[?2026h")
    #expect(terminal.modes.applicationCursorKeys == true)
    #expect(terminal.modes.applicationKeypad == true)
    #expect(terminal.modes.bracketedPaste == true)
    #expect(terminal.modes.focusReporting == true)
    #expect(terminal.modes.mouseTracking == .button)
    #expect(terminal.modes.mouseEncoding == .sgr)
    #expect(terminal.cursor.isVisible == false)
    #expect(terminal.isSynchronized == true)
    terminal.feed("\u{1B}c")
    #expect(terminal.modes.applicationCursorKeys == false)
    #expect(terminal.modes.bracketedPaste == false)
    #expect(terminal.modes.mouseTracking == .none)
    #expect(terminal.cursor.isVisible == true)
    #expect(terminal.isSynchronized == false)
  }

  @Test("XTSAVE keeps a mode and XTRESTORE gives it back")
  func savedModes() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 10))
    terminal.feed("\u{1B}[?2004h\u{1B}[?2004s\u{1B}[?2004l\u{1B}[?2004r")
    #expect(terminal.modes.bracketedPaste == true)
  }

  @Test("the title stack gives titles back")
  func titleStack() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 10))
    terminal.feed("\u{1B}]2;one\u{07}\u{1B}[22;0t\u{1B}]2;two\u{07}")
    #expect(terminal.title == "two")
    terminal.feed("\u{1B}[23;0t")
    #expect(terminal.title == "one")
    terminal.feed("\u{1B}[23;0t\u{1B}[23;0t")
    #expect(terminal.title == "one")
  }

  @Test(
    "the cursor takes the shape that DECSCUSR names",
    arguments: [
      (1, Cursor.Shape.block, true), (2, .block, false), (3, .underline, true), (4, .underline, false), (5, .bar, true),
      (6, .bar, false),
    ])
  func cursorShape(_ number: Int, shape: Cursor.Shape, blinks: Bool) {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 10))
    terminal.feed("\u{1B}[\(number) q")
    #expect(terminal.cursor.shape == shape)
    #expect(terminal.cursor.blinks == blinks)
  }
}
