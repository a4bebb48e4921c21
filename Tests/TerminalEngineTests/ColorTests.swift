import TerminalEngine
import Testing

/// Colours that programs set and ask for (xterm's Control Sequences, OSC 4, 5, 10 to 19, 104, 105, 110 to 119). Values are what
/// xterm 379 answers on a display of 24 bits.
@Suite("Colours")
struct ColorTests {
  private static func answers(_ commands: [String], setup: (inout Terminal) -> Void = { _ in }) -> String {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    setup(&terminal)
    for command in commands { terminal.feed("\u{1B}]\(command)\u{1B}\\") }
    return String(decoding: terminal.takeReplies(), as: UTF8.self)
      .split(separator: "\u{1B}]").map { $0.dropLast(2) }.joined(separator: " ")
  }

  @Test(
    "a colour is read in every form that X11 has",
    arguments: [
      ("rgb:f/f/f", "ff/ff/ff"), ("rgb:8/80/800", "88/80/80"), ("rgb:1/23/456", "11/23/45"), ("rgb:12/34", ""),
      ("rgb:/1/2", ""), ("rgb:12345/0/0", ""), ("rgbi:1/1/1", "ff/ff/ff"), ("rgbi:0.5/0.5/0.5", "c1/bb/bb"),
      ("rgbi:0/.25/1e-1", "00/8d/64"), ("CIEXYZ:1/1/1", "ff/ff/ff"), ("CIEXYZ:0.5/0.5/0.5", "dd/b5/a0"),
      ("CIEuvY:1/1/1", "ff/ff/ff"), ("CIEuvY:0.5/0.5/0.5", "ff/a3/ae"),
      ("CIEuvY:0.2/0.4/0.3", "aa/8d/b8"), ("CIExyY:1/1/1", "ff/ff/ff"), ("CIExyY:0.5/0.5/0.5", "f7/b3/0e"),
      ("CIExyY:0.3/0.3/0.3", "ab/94/95"), ("CIELab:1/1/1", "6c/67/67"), ("CIELab:0.5/0.5/0.5", "52/4f/4f"),
      ("CIELab:100/0/0", "ff/ff/ff"), ("CIELuv:1/1/1", "16/14/0e"),
      ("CIELuv:0.5/0.5/0.5", "0e/13/0e"),
      ("TekHVC:1/1/1", "1a/13/0f"), ("TekHVC:0.5/0.5/0.5", "11/13/0e"), ("TekHVC:120/50/30", "51/8b/56"),
      ("TekHVC:300/70/50", "f2/7f/ea"), ("TekHVC:0/100/0", "ff/ff/ff"), ("TekHVC:30/60/200", "ef/75/0e"),
      ("#fff", "f0/f0/f0"), ("#123", "10/20/30"), ("#123456", "12/34/56"), ("#123456789", "12/45/78"),
      ("#123456789abc", "12/56/9a"), ("#12", ""), ("#1234", ""), ("red", "ff/00/00"), ("Dark Slate Gray", "2f/4f/4f"),
      ("darkslategray", "2f/4f/4f"), ("NAVY", "00/00/80"), ("grey50", "7f/7f/7f"), ("gray100", "ff/ff/ff"),
      ("alice blue", "f0/f8/ff"), ("nosuch", ""), ("RGB:ff/00/80", "ff/00/80"),
      ("tekhvc:120/50/30", "51/8b/56"), ("CIEXYZ:0.2/0.1", ""),
      ("CIELab:-5/0/0", ""), ("CIELab:200/0/0", ""), ("TekHVC:400/50/10", "93/7a/72"),
      ("TekHVC:-10/50/10", "99/76/7e"), ("web green", "00/80/00"), ("rebeccapurple", "66/33/99"),
      ("crimson", "dc/14/3c"), ("X11Gray", "be/be/be"),
    ] as [(String, String)])
  func forms(_ specification: String, value: String) {
    let expected = (value.isEmpty ? "01/02/03" : value).split(separator: "/").map { $0 + $0 }.joined(separator: "/")
    #expect(Self.answers(["4;7;#010203", "4;7;\(specification)", "4;7;?"]) == "4;7;rgb:\(expected)")
    #expect(Self.answers(["11;#010203", "11;\(specification)", "11;?"]) == "11;rgb:\(expected)")
    #expect(Self.answers(["5;1;#010203", "5;1;\(specification)", "5;1;?"]) == "5;1;rgb:\(expected)")
  }

  @Test(
    "what is no colour changes nothing and harms nobody",
    arguments: [
      "rgbi:inf/0/0", "rgbi:nan/0/0", "rgbi:0x1p3/0/0", "CIEXYZ:1e999/0/0", "CIEuvY:0/0/1", "CIExyY:0/0/0.5",
      "CIELuv:0.001/1e5/1e5x",
      "TekHVC:1/1/-1", "#", "#1234567890abcdef", "rgb:", "rgb:1/2/3/4", "hsv:1/1/1", ":", "gray101", "грей",
      "rgbi:1/1/1e", "CIELab:50/1e7/0",
    ])
  func nonsense(_ specification: String) {
    #expect(Self.answers(["10;#010203", "10;\(specification)", "10;?"]) == "10;rgb:0101/0202/0303")
  }

  @Test(
    "extreme numbers give some colour",
    arguments: ["CIELuv:0.001/99999/99999", "CIEXYZ:-5/0.5/99999", "TekHVC:99999/50/99999"])
  func extremes(_ specification: String) {
    #expect(RGB(specification: specification.utf8) != nil)
  }

  @Test(
    "several in one command, special colours, and what resets them",
    arguments: [
      (
        ["4;1;#111111;2;#222222;3;?", "4;1;?;2;?"],
        "4;3;rgb:cdcd/cdcd/0000 4;1;rgb:1111/1111/1111 4;2;rgb:2222/2222/2222"
      ),
      // A pair that means nothing ends the command.
      (["4;1;bad;2;#333333", "4;2;?"], "4;2;rgb:0000/cdcd/0000"), (["4;300;?;2;?"], ""), (["4;1"], ""),
      (["5;0;#aabbcc", "5;0;?", "4;256;?"], "5;0;rgb:aaaa/bbbb/cccc 4;256;rgb:aaaa/bbbb/cccc"),
      (["4;260;#aabbcc", "5;4;?"], "5;4;rgb:aaaa/bbbb/cccc"), (["5;5;?", "4;261;?"], ""),
      (["10;#123456", "5;2;?"], "5;2;rgb:1212/3434/5656"),
      (["5;0;#aabbcc;1;#ddeeff", "105;0", "5;0;?;1;?"], "5;0;rgb:e5e5/e5e5/e5e5 5;1;rgb:dddd/eeee/ffff"),
      (["5;1;#aabbcc", "105", "5;1;?"], "5;1;rgb:e5e5/e5e5/e5e5"),
      (["5;1;#aabbcc", "104;257", "5;1;?"], "5;1;rgb:e5e5/e5e5/e5e5"),
      (["5;1;#aabbcc", "104", "5;1;?"], "5;1;rgb:aaaa/bbbb/cccc"),
      (["4;1;#111111;2;#222222", "104;1", "4;1;?;2;?"], "4;1;rgb:cdcd/0000/0000 4;2;rgb:2222/2222/2222"),
      (["4;1;#111111;2;#222222", "104", "4;1;?;2;?"], "4;1;rgb:cdcd/0000/0000 4;2;rgb:0000/cdcd/0000"),
      (
        ["10;#111111;#222222;#333333", "10;?;?;?"], "10;rgb:1111/1111/1111 11;rgb:2222/2222/2222 12;rgb:3333/3333/3333"
      ),
      (["10;bad;#444444", "11;?"], "11;rgb:4444/4444/4444"), (["10;;#555555", "11;?"], "11;rgb:5555/5555/5555"),
      (["10;#111111", "110", "10;?"], "10;rgb:e5e5/e5e5/e5e5"),
      (["19;#123456", "19;?", "119", "19;?"], "19;rgb:1212/3434/5656 19;rgb:0000/0000/0000"),
      (
        ["17;?", "18;?", "19;?", "14;?"],
        "17;rgb:e5e5/e5e5/e5e5 18;rgb:e5e5/e5e5/e5e5 19;rgb:0000/0000/0000 14;rgb:0000/0000/0000"
      ),
    ] as [([String], String)])
  func commands(_ commands: [String], answer: String) {
    #expect(Self.answers(commands) == answer)
  }

  @Test("programs are answered with the colours of who looks, until they set their own")
  func viewersColors() {
    let light: (inout Terminal) -> Void = {
      $0.setDefaultColors(DefaultColors(foreground: RGB(1, 2, 3), background: RGB(specification: "white".utf8)))
    }
    #expect(
      Self.answers(["10;?;?;?"], setup: light) == "10;rgb:0101/0202/0303 11;rgb:ffff/ffff/ffff 12;rgb:0101/0202/0303")
    #expect(
      Self.answers(["11;black", "11;?", "111", "11;?"], setup: light) == "11;rgb:0000/0000/0000 11;rgb:ffff/ffff/ffff")
    #expect(Self.answers(["11;black"], setup: light).isEmpty)
  }

  @Test("a repaint brings the colours that were set along")
  func repaint() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed("\u{1B}]4;9;TekHVC:120/50/30\u{7}\u{1B}]5;3;navy\u{7}\u{1B}]11;snow\u{7}")
    var copy = Terminal(size: TerminalSize(rows: 4, columns: 20))
    copy.feed(terminal.repaint())
    copy.feed("\u{1B}]4;9;?\u{7}\u{1B}]5;3;?\u{7}\u{1B}]11;?\u{7}")
    #expect(
      String(decoding: copy.takeReplies(), as: UTF8.self)
        == "\u{1B}]4;9;rgb:5151/8b8b/5656\u{7}\u{1B}]5;3;rgb:0000/0000/8080\u{7}\u{1B}]11;rgb:ffff/fafa/fafa\u{7}")
  }
}
