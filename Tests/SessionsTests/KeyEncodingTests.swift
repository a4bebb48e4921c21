import Glibc
import TerminalEngine
import TestKit
import Testing

@testable import Sessions

private func modes(after feed: String) -> TerminalModes {
  var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
  Array(feed.utf8).withUnsafeBytes { terminal.feed($0) }
  return terminal.modes
}

private func bytes(_ key: String, _ feed: String = "") throws -> String {
  String(decoding: try KeyEncoding.bytes(for: key, modes: modes(after: feed)), as: UTF8.self)
}

@Suite("Keys")
struct KeyEncodingTests {
  @Test(
    "named keys are what xterm sends",
    arguments: [
      ("enter", "\r"), ("Return", "\r"), ("tab", "\t"), ("shift+tab", "\u{1B}[Z"), ("escape", "\u{1B}"),
      ("esc", "\u{1B}"), ("backtab", "\u{1B}[Z"), ("BTab", "\u{1B}[Z"),
      ("backspace", "\u{7F}"), ("delete", "\u{1B}[3~"), ("up", "\u{1B}[A"), ("ctrl+right", "\u{1B}[1;5C"),
      ("pageup", "\u{1B}[5~"), ("Page_Up", "\u{1B}[5~"), ("C-Left", "\u{1B}[1;5D"),
      ("f1", "\u{1B}OP"), ("f5", "\u{1B}[15~"), ("f12", "\u{1B}[24~"), ("shift+f5", "\u{1B}[15;2~"),
      ("ctrl+c", "\u{3}"), ("C-c", "\u{3}"), ("ctrl+C", "\u{3}"), ("Control-c", "\u{3}"),
      ("ctrl+[", "\u{1B}"), ("ctrl+space", "\0"), ("alt+x", "\u{1B}x"), ("M-x", "\u{1B}x"), ("alt+enter", "\u{1B}\r"),
      ("ctrl+alt+a", "\u{1B}\u{1}"), ("ctrl++", "+"), ("alt+-", "\u{1B}-"), ("shift+1", "!"), ("ctrl+?", "\u{7F}"),
      ("space", " "), ("x", "x"), ("hello", "hello"), ("é", "é"), ("+", "+"), ("alt+é", "\u{1B}é"), ("shift+é", "É"),
      ("alt+X", "\u{1B}X"), ("kpenter", "\r"), ("kp5", "5"), ("kp_add", "+"),
    ])
  func named(key: String, expected: String) throws { #expect(try bytes(key) == expected) }

  @Test("every name has bytes, with every modifier and in every mode", arguments: ["", "\u{1B}[>4;2m", "\u{1B}[>31u"])
  func everyName(_ feed: String) throws {
    for name in KeyEncoding.names {
      for modifiers in ["", "shift+", "ctrl+alt+"] { #expect(try !bytes(modifiers + name, feed).isEmpty, "\(name)") }
    }
  }

  // MARK: xterm

  struct Row: CustomTestStringConvertible, Sendable {
    var modes: String
    var key: String
    /// By modifiers; nil where nothing was measured.
    var sent: [String?]
    var testDescription: String { "\(modes.debugDescription) \(key)" }
  }

  static let modifiers = [
    "", "shift+", "alt+", "ctrl+", "shift+alt+", "ctrl+shift+", "ctrl+alt+", "ctrl+alt+shift+",
  ]

  static let measured: [Row] = {
    let here = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 }
    guard let file = fopen("\(here)/Conformance/keys/xterm-379.txt", "r") else { return [] }
    defer { fclose(file) }
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { text += chunk[..<count] }
    var rows: [Row] = []
    var modes = ""
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where !line.hasPrefix("# ") {
      let words = line.split(separator: " ").map(String.init)
      if words[0] == "modes" {
        modes = words.count > 1 ? unescaped(words[1]) : ""
      } else {
        rows.append(Row(modes: modes, key: words[0], sent: words.dropFirst().map { $0 == "-" ? nil : unescaped($0) }))
      }
    }
    return rows
  }()

  private static func unescaped(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    var rest = Substring(text)
    while let first = rest.unicodeScalars.first {
      rest = rest.dropFirst()
      guard first == "\\" else {
        out.append(first)
        continue
      }
      switch rest.removeFirst() {
      case "e": out.append("\u{1B}")
      case "x":
        out.append(Unicode.Scalar(UInt8(rest.prefix(2), radix: 16) ?? 0))
        rest = rest.dropFirst(2)
      case let other: out.append(contentsOf: String(other).unicodeScalars)
      }
    }
    return String(out)
  }

  @Test("a key with modifiers is what xterm sends in the same modes", arguments: measured)
  func asXterm(_ row: Row) throws {
    try #require(row.sent.count <= Self.modifiers.count)
    for (modifiers, sent) in zip(Self.modifiers, row.sent) {
      guard let sent else { continue }
      let own = try bytes(modifiers + row.key, row.modes)
      #expect(
        own.utf8.elementsEqual(sent.utf8),
        "\(modifiers)\(row.key): \(own.debugDescription), xterm \(sent.debugDescription)")
    }
  }

  @Test("xterm's values were read")
  func measurements() {
    #expect(Self.measured.count > 250)
    #expect(Self.measured.reduce(0) { $0 + $1.sent.count { $0 != nil } } > 1500)
  }

  @Test("the digits of the keypad have keys of their own in application mode")
  func applicationKeypad() throws {
    #expect(try bytes("kp0", "\u{1B}=") == "\u{1B}Op")
    #expect(try bytes("kp9", "\u{1B}[?66h") == "\u{1B}Oy")
    #expect(try bytes("kpdecimal", "\u{1B}=") == "\u{1B}On")
    #expect(try bytes("kp0", "\u{1B}=\u{1B}>") == "0")
  }

  // MARK: kitty

  @Test(
    "the kitty protocol's flags shape a key as the protocol says",
    arguments: [
      // 1: what is ambiguous gets a form of its own.
      (1, "escape", "\u{1B}[27u"), (1, "ctrl+i", "\u{1B}[105;5u"), (1, "enter", "\r"), (1, "tab", "\t"),
      (1, "backspace", "\u{7F}"), (1, "ctrl+enter", "\u{1B}[13;5u"), (1, "shift+enter", "\u{1B}[13;2u"),
      (1, "shift+tab", "\u{1B}[9;2u"), (1, "alt+backspace", "\u{1B}[127;3u"), (1, "alt+x", "\u{1B}[120;3u"),
      (1, "alt+X", "\u{1B}[120;4u"), (1, "ctrl+C", "\u{1B}[99;5u"), (1, "ctrl+shift+c", "\u{1B}[99;6u"),
      (1, "shift+a", "A"), (1, "a", "a"), (1, "shift+space", " "), (1, "ctrl+space", "\u{1B}[32;5u"),
      (1, "ctrl+?", "\u{1B}[47;6u"), (1, "up", "\u{1B}[A"), (1, "ctrl+up", "\u{1B}[1;5A"), (1, "f1", "\u{1B}[P"),
      (1, "f3", "\u{1B}[13~"), (1, "shift+f3", "\u{1B}[13;2~"), (1, "f4", "\u{1B}[S"), (1, "f5", "\u{1B}[15~"),
      (1, "f13", "\u{1B}[57376u"), (1, "f35", "\u{1B}[57398u"), (1, "kpenter", "\u{1B}[57414u"), (1, "kp5", "5"),
      (1, "ctrl+kp5", "\u{1B}[57404;5u"), (1, "ctrl+é", "\u{1B}[233;5u"), (1, "delete", "\u{1B}[3~"),
      (1, "hello", "hello"),
      // 2: a key is released, but for those that a shell needs after a program that died.
      (3, "ctrl+c", "\u{1B}[99;5u\u{1B}[99;5:3u"), (3, "a", "a\u{1B}[97;1:3u"), (3, "up", "\u{1B}[A\u{1B}[1;1:3A"),
      (3, "enter", "\r"), (3, "escape", "\u{1B}[27u\u{1B}[27;1:3u"), (3, "hello", "hello"),
      (2, "ctrl+c", "\u{3}\u{1B}[99;5:3u"), (2, "up", "\u{1B}[A\u{1B}[1;1:3A"),
      (10, "enter", "\u{1B}[13u\u{1B}[13;1:3u"),
      // 4: the character that Shift makes of it.
      (5, "ctrl+shift+a", "\u{1B}[97:65;6u"), (5, "ctrl+!", "\u{1B}[49:33;6u"), (5, "ctrl+a", "\u{1B}[97;5u"),
      (4, "ctrl+c", "\u{3}"), (4, "up", "\u{1B}[A"),
      // 8: every key is told as a key.
      (8, "a", "\u{1B}[97u"), (8, "A", "\u{1B}[97;2u"), (8, "!", "\u{1B}[49;2u"), (8, "enter", "\u{1B}[13u"),
      (8, "tab", "\u{1B}[9u"), (8, "backspace", "\u{1B}[127u"), (8, "space", "\u{1B}[32u"), (8, " ", "\u{1B}[32u"),
      (8, "escape", "\u{1B}[27u"), (8, "kp5", "\u{1B}[57404u"), (8, "hi", "\u{1B}[104u\u{1B}[105u"),
      (8, "é", "\u{1B}[233u"), (8, "👍🏽", "👍🏽"), (12, "A", "\u{1B}[97:65;2u"),
      // 16: with its text.
      (24, "a", "\u{1B}[97;;97u"), (24, "A", "\u{1B}[97;2;65u"), (24, "ctrl+a", "\u{1B}[97;5u"),
      (24, "kp5", "\u{1B}[57404;;53u"), (24, "enter", "\u{1B}[13u"), (28, "shift+1", "\u{1B}[49:33;2;33u"),
      (31, "a", "\u{1B}[97;;97u\u{1B}[97;1:3u"), (16, "a", "a"),
    ])
  func kitty(flags: Int, key: String, expected: String) throws {
    #expect(try bytes(key, "\u{1B}[>\(flags)u") == expected)
  }

  @Test("the kitty protocol comes before modifyOtherKeys and the cursor keys' application mode")
  func kittyFirst() throws {
    #expect(try bytes("ctrl+i", "\u{1B}[>4;2m\u{1B}[>1u") == "\u{1B}[105;5u")
    #expect(try bytes("shift+enter", "\u{1B}[>4;2m\u{1B}[>4u") == "\r")
    #expect(try bytes("up", "\u{1B}[?1h\u{1B}[>1u") == "\u{1B}[A")
    #expect(try bytes("ctrl+i", "\u{1B}[>4;2m\u{1B}[>1u\u{1B}[<u") == "\u{1B}[27;5;105~")
    #expect(try bytes("ctrl+i", "\u{1B}[=1u\u{1B}[=1;3u") == "\t")
    // Another screen, another keyboard.
    #expect(try bytes("escape", "\u{1B}[>1u\u{1B}[?1049h") == "\u{1B}")
    #expect(try bytes("escape", "\u{1B}[>1u\u{1B}[?1049h\u{1B}[?1049l") == "\u{1B}[27u")
  }

  // MARK: what is no key

  @Test(
    "what looks like a key and is none is refused with the nearest names",
    arguments: [
      ("ctrl+foo", ""), ("ctrl+entr", "'ctrl+enter'"), ("alt+pgupp", "'alt+pageup'"), ("super+x", ""), ("cmd+c", ""),
      ("ctrl+", ""), ("shift+", ""), ("f0", "'f1'"), ("f99", "'f12'"), ("F36", ""), ("entr", "'enter'"),
      ("entre", "'enter'"), ("escpae", "'escape'"), ("ecsape", "'escape'"), ("backspce", "'backspace'"),
      ("spcae", "'space'"), ("pagedwon", "'pagedown'"), ("retrun", "'return'"), ("dwon", "'down'"),
      ("C-entr", "'ctrl+enter'"),
      ("ctrl-delte", "'ctrl+delete'"), ("^C", "'ctrl+c'"), ("^d", "'ctrl+d'"), ("<CR>", "'enter'"),
      ("<C-x>", "'ctrl+x'"),
      ("{ENTER}", "'enter'"), ("<S-Tab>", "'shift+tab'"), ("ctrl+alt+xy", ""),
      ("ctl+c", "'ctrl+c'"), ("contrl+c", "'ctrl+c'"), ("shft+Tab", "'shift+tab'"), ("ctrl + c", "'ctrl+c'"),
      ("Ctrl +Alt+ Del", "'ctrl+alt+del'"), ("tabb", "'tab'"), ("endd", "'end'"), ("KEY_ENTER", "'enter'"),
      ("key_home", "'home'"), ("spacebar", "'space'"), ("LineFeed", "'ctrl+j'"),
    ])
  func mistyped(element: String, guess: String) {
    do {
      let sent = try bytes(element)
      Issue.record("\(element) was typed as \(sent.debugDescription)")
    } catch let error as SessionError {
      #expect(error.code == .invalidKey)
      #expect(error.message.contains(guess), "\(error.message)")
    } catch {
      Issue.record("\(error)")
    }
  }

  @Test(
    "a text is typed as it is",
    arguments: [
      "echo hello", "hello", "light", "center", "town", "deleted", "returns", "inset", "spade", "hoe", "let", "ends",
      ":wq", "/^c", "ctrl+c stops it", "c-ares", "s-expr", "meta-data", "alt-text", "a+b", "c++", "x=1+2", "f", "fx",
      "f1.txt", "foo+bar", "<b>", "<div>", "{}", "{a}", "^", "^2", "^^", "größe", "日本", "\n", "ls\n", "1f", "kp", "+",
      "-", "salt+pepper", "a + b", "ctrl + shift + words here", "c + d", "KEY_FOO", "key_value", "tag", "and", "nd",
      "--help", "up to date", "End.",
    ])
  func texts(_ text: String) throws { #expect(try bytes(text) == text) }
}
