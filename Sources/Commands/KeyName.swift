/// A key as people write it: `enter`, `f5`, `ctrl+c`, `alt+left`, `x`. `C-c`, `^C` and `ctrl-c` are read too.
package struct KeyName: Sendable, Equatable {
  package struct Modifiers: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    // The bits of a modified key's parameter, less one (xterm ctlseqs, "PC-Style Function Keys"; kitty's protocol).
    package static let shift = Modifiers(rawValue: 1)
    package static let alt = Modifiers(rawValue: 2)
    package static let control = Modifiers(rawValue: 4)
  }

  package enum Base: Sendable, Equatable {
    case character(Unicode.Scalar)
    case named(String)
  }

  package var modifiers: Modifiers
  package var base: Base

  package init?(_ text: String) {
    guard !text.isEmpty, text.utf8.count <= 32 else { return nil }
    var rest = Substring(text)
    var modifiers: Modifiers = []
    if rest.count == 2, rest.first == "^" {
      modifiers = .control
      rest = rest.dropFirst()
    }
    while let (modifier, length) = KeyName.modifier(at: rest) {
      modifiers.insert(modifier)
      rest = rest.dropFirst(length)
    }
    self.modifiers = modifiers
    if rest.unicodeScalars.count == 1, let scalar = rest.unicodeScalars.first {
      let lowered = modifiers.contains(.control) ? rest.lowercased().unicodeScalars.first ?? scalar : scalar
      base = .character(lowered)
      return
    }
    let name = rest.lowercased()
    guard let known = KeyName.names[name] else { return nil }
    base = .named(known)
  }

  private static func modifier(at text: Substring) -> (Modifiers, Int)? {
    let spellings: [(String, Modifiers)] = [
      ("ctrl", .control), ("control", .control), ("alt", .alt), ("meta", .alt), ("shift", .shift), ("c", .control),
      ("m", .alt), ("s", .shift),
    ]
    let lowered = text.lowercased()
    for (spelling, modifier) in spellings {
      for joint in ["+", "-"] where lowered.hasPrefix(spelling + joint) && lowered.count > spelling.count + 1 {
        return (modifier, spelling.count + 1)
      }
    }
    return nil
  }

  /// As we write it: `ctrl+\`.
  package var text: String {
    var words: [String] = []
    if modifiers.contains(.control) { words.append("ctrl") }
    if modifiers.contains(.alt) { words.append("alt") }
    if modifiers.contains(.shift) { words.append("shift") }
    switch base {
    case .character(let scalar): words.append(String(scalar))
    case .named(let name): words.append(name)
    }
    return words.joined(separator: "+")
  }

  /// The code of the key in the keyboard protocols that report keys by code point (`CSI code ; modifiers u`); nil for
  /// keys that have none.
  var codePoint: UInt32? {
    switch base {
    case .character(let scalar): scalar.value
    case .named("enter"): 13
    case .named("tab"): 9
    case .named("escape"): 27
    case .named("backspace"): 127
    case .named("space"): 32
    case .named: nil
    }
  }

  /// What a terminal sends for the key when no program asked for more; nil when a terminal sends nothing of its own.
  package var bytes: [UInt8]? {
    var sequence: [UInt8]
    switch base {
    case .character(let scalar):
      if modifiers.contains(.control) {
        guard let code = KeyName.controlCode(scalar) else { return nil }
        sequence = [code]
      } else {
        sequence = Array(String(scalar).utf8)
      }
    case .named(let name):
      if name == "space" && modifiers.contains(.control) {
        sequence = [0]
      } else if modifiers.isSubset(of: .alt), let plain = KeyName.plainSequences[name] {
        sequence = plain
      } else {
        return nil
      }
    }
    if modifiers.contains(.alt) { sequence.insert(0x1b, at: 0) }
    return sequence
  }

  private static func controlCode(_ scalar: Unicode.Scalar) -> UInt8? {
    switch scalar {
    case "a"..."z": UInt8(scalar.value) - 0x60
    case "@", "[", "\\", "]", "^", "_": UInt8(scalar.value) & 0x1f
    case "?": 0x7f
    default: nil
    }
  }

  // MARK: Tables

  /// Every spelling of a named key, with the name we use.
  private static let names: [String: String] = {
    var names = [
      "enter": "enter", "return": "enter", "cr": "enter", "tab": "tab", "esc": "escape", "escape": "escape",
      "backspace": "backspace", "bs": "backspace", "bspace": "backspace", "delete": "delete", "del": "delete",
      "insert": "insert", "ins": "insert", "up": "up", "down": "down", "left": "left", "right": "right",
      "home": "home", "end": "end", "pageup": "pageup", "pgup": "pageup", "pagedown": "pagedown", "pgdn": "pagedown",
      "page_up": "pageup", "page_down": "pagedown", "arrowup": "up", "arrowdown": "down", "arrowleft": "left",
      "arrowright": "right", "space": "space",
    ]
    for number in 1...20 { names["f\(number)"] = "f\(number)" }
    return names
  }()

  /// xterm ctlseqs, "PC-Style Function Keys" and "VT220-Style Function Keys".
  private static let plainSequences: [String: [UInt8]] = {
    let texts = [
      "enter": "\r", "tab": "\t", "escape": "\u{1b}", "backspace": "\u{7f}", "space": " ", "up": "\u{1b}[A",
      "down": "\u{1b}[B", "right": "\u{1b}[C", "left": "\u{1b}[D", "home": "\u{1b}[H", "end": "\u{1b}[F",
      "insert": "\u{1b}[2~", "delete": "\u{1b}[3~", "pageup": "\u{1b}[5~", "pagedown": "\u{1b}[6~",
      "f1": "\u{1b}OP", "f2": "\u{1b}OQ", "f3": "\u{1b}OR", "f4": "\u{1b}OS", "f5": "\u{1b}[15~", "f6": "\u{1b}[17~",
      "f7": "\u{1b}[18~", "f8": "\u{1b}[19~", "f9": "\u{1b}[20~", "f10": "\u{1b}[21~", "f11": "\u{1b}[23~",
      "f12": "\u{1b}[24~", "f13": "\u{1b}[25~", "f14": "\u{1b}[26~", "f15": "\u{1b}[28~", "f16": "\u{1b}[29~",
      "f17": "\u{1b}[31~", "f18": "\u{1b}[32~", "f19": "\u{1b}[33~", "f20": "\u{1b}[34~",
    ]
    return texts.mapValues { Array($0.utf8) }
  }()

  /// What a shell offers for a key.
  package static let completions: [String] =
    [
      "enter", "tab", "escape", "backspace", "delete", "insert", "up", "down", "left", "right", "home", "end", "pageup",
      "pagedown", "space",
    ] + (1...12).map { "f\($0)" } + "abcdefghijklmnopqrstuvwxyz".map { "ctrl+\($0)" } + ["ctrl+\\", "shift+tab"]
}
