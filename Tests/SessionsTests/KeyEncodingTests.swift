import Sessions
import TerminalEngine
import Testing

@Suite("Keys")
struct KeyEncodingTests {
  private func bytes(_ key: String, _ feed: String = "") -> String {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    Array(feed.utf8).withUnsafeBytes { terminal.feed($0) }
    return String(decoding: KeyEncoding.bytes(for: key, modes: terminal.modes), as: UTF8.self)
  }

  @Test(
    "named keys are what xterm sends",
    arguments: [
      ("enter", "\r"), ("Return", "\r"), ("tab", "\t"), ("shift+tab", "\u{1B}[Z"), ("escape", "\u{1B}"),
      ("esc", "\u{1B}"),
      ("backspace", "\u{7F}"), ("delete", "\u{1B}[3~"), ("up", "\u{1B}[A"), ("ctrl+right", "\u{1B}[1;5C"),
      ("pageup", "\u{1B}[5~"),
      ("f1", "\u{1B}OP"), ("f5", "\u{1B}[15~"), ("f12", "\u{1B}[24~"), ("shift+f5", "\u{1B}[15;2~"),
      ("ctrl+c", "\u{3}"), ("C-c", "\u{3}"),
      ("ctrl+[", "\u{1B}"), ("ctrl+space", "\0"), ("alt+x", "\u{1B}x"), ("M-x", "\u{1B}x"), ("alt+enter", "\u{1B}\r"),
      ("ctrl+alt+a", "\u{1B}\u{1}"),
      ("space", " "), ("x", "x"), ("hello", "hello"), ("é", "é"), ("ctrl+", "ctrl+"), ("+", "+"), ("alt+é", "\u{1B}é"),
      ("alt+X", "\u{1B}X"),
    ])
  func named(key: String, expected: String) { #expect(bytes(key) == expected) }

  @Test("arrows follow the application's cursor mode")
  func applicationMode() {
    #expect(bytes("up", "\u{1B}[?1h") == "\u{1B}OA")
    #expect(bytes("ctrl+up", "\u{1B}[?1h") == "\u{1B}[1;5A")
  }

  @Test("the kitty protocol tells keys apart that are one byte otherwise")
  func kitty() {
    #expect(bytes("escape", "\u{1B}[>1u") == "\u{1B}[27u")
    #expect(bytes("ctrl+i", "\u{1B}[>1u") == "\u{1B}[105;5u")
    #expect(bytes("enter", "\u{1B}[>1u") == "\r")
    #expect(bytes("ctrl+enter", "\u{1B}[>1u") == "\u{1B}[13;5u")
  }
}
