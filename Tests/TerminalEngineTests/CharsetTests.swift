import TerminalEngine
import Testing

/// Character sets (xterm's Control Sequences, "ESC ( C"; the VT510 manual). What replaces what was looked at in xterm 379.
@Suite("Character sets")
struct CharsetTests {
  private static func row(_ text: String) -> String {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 120))
    terminal.feed(text)
    return terminal.rowText(0)
  }

  @Test(
    "a national set replaces characters of ASCII where mode 42 is set",
    arguments: [
      ("4", "£¾[½|^_`¨|¼´"), ("C", "#@ÄÖÅÜ_éäöåü"), ("5", "#@ÄÖÅÜ_éäöåü"), ("R", "£à°ç§^_`éùè¨"), ("f", "£à°ç§^_`éùè¨"),
      ("Q", "#àâçêî_ôéùèû"), ("9", "#àâçêî_ôéùèû"), ("K", "#§ÄÖÜ^_`äöüß"), ("Y", "£§°çé^_ùàòèì"), ("`", "#ÄÆØÅÜ_äæøåü"),
      ("E", "#ÄÆØÅÜ_äæøåü"), ("6", "#ÄÆØÅÜ_äæøåü"), ("%6", "#@ÃÇÕ^_`ãçõ~"), ("Z", "£§¡Ñ¿^_`°ñç~"),
      ("H", "#ÉÄÖÅÜ_éäöåü"),
      ("7", "#ÉÄÖÅÜ_éäöåü"), ("=", "ùàéçêîèôäöüû"), ("%2", "#İŞÖÇÜ_Ğşöçü"),
    ])
  func national(_ designator: String, text: String) {
    let bytes = "#@[\\]^_`{|}~"
    #expect(Self.row("\u{1B}[?42h\u{1B}(\(designator)\(bytes)") == text)
    #expect(Self.row("\u{1B}[?42h\u{1B})\(designator)\u{E}\(bytes)\u{F}#") == text + "#")
    // As it is set, not as it was when the set was given.
    #expect(Self.row("\u{1B}(\(designator)\u{1B}[?42h\(bytes)\u{1B}[?42l\(bytes)") == text + bytes)
    #expect(Self.row("\u{1B}(\(designator)\(bytes)") == bytes)
  }

  @Test(
    "other sets stand for themselves",
    arguments: [
      ("(0", "lqk", "┌─┐"), ("(A", "#", "£"), ("(<", "!(W]w}", "¡¤ŒŸœÿ"), ("(%5", "!(W]w}", "¡¤ŒŸœÿ"),
      ("(>", "!$%<D~", "⎷⌠⌡≤Δ↓"),
      ("(\"?", "Aa", "Αα"), ("(\"4", "`z", "\u{5D0}\u{5EA}"), ("(%0", "P~", "Ğş"), ("(&4", "@A", "юа"),
      ("(z", "x", "x"),
    ])
  func others(_ designator: String, bytes: String, text: String) {
    #expect(Self.row("\u{1B}\(designator)\(bytes)") == text)
  }

  @Test(
    "sets of 96 characters have one for the blank and one for DEL",
    arguments: [
      ("A", "!\u{7F}", "¡ÿ"), ("B", "!~", "Ąţ"), ("F", "a", "α"), ("H", "`", "\u{5D0}"), ("L", "0P", "Аа"),
      ("M", "]^", "İŞ"),
    ])
  func ninetySix(_ final: String, bytes: String, text: String) {
    #expect(Self.row("\u{1B}-\(final)\u{E}\(bytes)") == text)
    #expect(Self.row("\u{1B}.\(final)\u{1B}n\(bytes)") == text)
    #expect(Self.row("\u{1B}/\(final)\u{1B}o\(bytes)") == text)
    #expect(Self.row("\u{1B}-A\u{E} x") == "\u{A0}ø")
  }

  @Test("a repaint leaves the sets as they are")
  func repaint() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 40))
    terminal.feed("\u{1B}[?42h\u{1B}(K\u{1B})%6\u{1B}.A")
    var copy = Terminal(size: TerminalSize(rows: 2, columns: 40))
    copy.feed(terminal.repaint())
    copy.feed("[\u{E}[\u{1B}n!")
    #expect(copy.rowText(0) == "ÄÃ¡")
  }

  @Test("mode 42 is told, and ends with a reset")
  func mode() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 40))
    terminal.feed("\u{1B}[?42$p\u{1B}[?42h\u{1B}[?42$p\u{1B}[!p\u{1B}[?42$p")
    #expect(
      String(decoding: terminal.takeReplies(), as: UTF8.self) == "\u{1B}[?42;2$y\u{1B}[?42;1$y\u{1B}[?42;2$y")
    terminal.feed("\u{1B}[?42h\u{1B}(K\u{1B}7\u{1B}[?42l\u{1B}8[")
    #expect(terminal.rowText(0) == "[")
  }
}
