package import TerminalEngine

/// Turns names of keys into the bytes that a terminal sends for them (xterm ctlseqs, "PC-Style Function Keys"; kitty keyboard protocol).
///
/// A name is one of the keys below, with any of `ctrl+`, `alt+` and `shift+` before it; a single character stands for itself.
package enum KeyEncoding {
  /// Names without modifiers, for help and completion.
  package static let names: [String] =
    [
      "enter", "tab", "escape", "space", "backspace", "delete", "insert", "up", "down", "left", "right", "home", "end",
      "pageup", "pagedown",
    ]
    + (1...20).map { "f\($0)" }

  private static let aliases = [
    "return": "enter", "cr": "enter", "esc": "escape", "bs": "backspace", "del": "delete", "ins": "insert",
    "pgup": "pageup",
    "page_up": "pageup", "pgdn": "pagedown", "page_down": "pagedown", "arrowup": "up", "arrowdown": "down",
    "arrowleft": "left",
    "arrowright": "right", "backtab": "shift+tab", "btab": "shift+tab",
  ]

  /// Bytes of one element of a `keys` list: a key by name, or, when it names none, its text as it is.
  package static func bytes(for element: String, modes: TerminalModes) -> [UInt8] {
    key(element, modes: modes) ?? Array(element.utf8)
  }

  /// Bytes of a named key, or `nil` when `name` is none.
  package static func key(_ name: String, modes: TerminalModes) -> [UInt8]? {
    var rest = Substring(name.lowercased())
    if let alias = aliases[String(rest)] { rest = Substring(alias) }
    var modifiers = Modifiers()
    var original = Substring(name)
    while let (modifier, length) = Modifiers.prefix(of: rest) {
      modifiers.insert(modifier)
      rest = rest.dropFirst(length)
      original = original.dropFirst(length)
    }
    let base = aliases[String(rest)] ?? String(rest)
    if modifiers.isEmpty, base.count == 1 { return nil }
    return named(base, modifiers, modes) ?? character(original, modifiers, modes)
  }

  private struct Modifiers: OptionSet {
    let rawValue: Int
    static let shift = Modifiers(rawValue: 1)
    static let alt = Modifiers(rawValue: 2)
    static let ctrl = Modifiers(rawValue: 4)

    /// The parameter of xterm's modified keys.
    var parameter: Int { rawValue + 1 }

    static func prefix(of text: Substring) -> (Modifiers, Int)? {
      for (name, value) in [
        ("ctrl", ctrl), ("control", ctrl), ("alt", alt), ("meta", alt), ("shift", shift), ("c", ctrl), ("m", alt),
        ("s", shift),
      ] {
        for separator in ["+", "-"] where text.hasPrefix(name + separator) && text.count > name.count + 1 {
          return (value, name.count + 1)
        }
      }
      return nil
    }
  }

  private static func named(_ name: String, _ modifiers: Modifiers, _ modes: TerminalModes) -> [UInt8]? {
    let disambiguates = modes.kittyKeyboardFlags & 1 != 0
    func prefixed(_ bytes: [UInt8]) -> [UInt8] { modifiers.contains(.alt) ? [0x1B] + bytes : bytes }
    func csiU(_ code: Int) -> [UInt8] {
      Array("\u{1B}[\(code)\(modifiers.isEmpty ? "" : ";\(modifiers.parameter)")u".utf8)
    }
    switch name {
    case "enter": return disambiguates && !modifiers.isEmpty ? csiU(13) : prefixed([0x0D])
    case "tab":
      if disambiguates, !modifiers.isEmpty { return csiU(9) }
      return modifiers.contains(.shift) ? Array("\u{1B}[Z".utf8) : prefixed([0x09])
    case "escape": return disambiguates ? csiU(27) : prefixed([0x1B])
    case "space":
      if disambiguates, !modifiers.isEmpty { return csiU(32) }
      return prefixed(modifiers.contains(.ctrl) ? [0] : [0x20])
    case "backspace":
      if disambiguates, !modifiers.isEmpty { return csiU(127) }
      return prefixed(modifiers.contains(.ctrl) ? [0x08] : [0x7F])
    default: break
    }
    let letters = ["up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"]
    if let letter = letters[name] {
      if !modifiers.isEmpty { return Array("\u{1B}[1;\(modifiers.parameter)\(letter)".utf8) }
      return Array((modes.applicationCursorKeys ? "\u{1B}O" : "\u{1B}[").utf8) + Array(letter.utf8)
    }
    if name.first == "f", let number = Int(name.dropFirst()), (1...4).contains(number) {
      let letter = ["P", "Q", "R", "S"][number - 1]
      return Array((modifiers.isEmpty ? "\u{1B}O\(letter)" : "\u{1B}[1;\(modifiers.parameter)\(letter)").utf8)
    }
    let codes = [
      "insert": 2, "delete": 3, "pageup": 5, "pagedown": 6, "f5": 15, "f6": 17, "f7": 18, "f8": 19, "f9": 20, "f10": 21,
      "f11": 23,
      "f12": 24, "f13": 25, "f14": 26, "f15": 28, "f16": 29, "f17": 31, "f18": 32, "f19": 33, "f20": 34,
    ]
    guard let code = codes[name] else { return nil }
    return Array("\u{1B}[\(code)\(modifiers.isEmpty ? "" : ";\(modifiers.parameter)")~".utf8)
  }

  /// A character with modifiers: control codes where ASCII has one, ESC before it for Alt.
  private static func character(_ text: Substring, _ modifiers: Modifiers, _ modes: TerminalModes) -> [UInt8]? {
    guard text.count == 1, let scalar = text.unicodeScalars.first, !modifiers.isEmpty else { return nil }
    var bytes = Array((modifiers.contains(.shift) ? text.uppercased() : String(text)).utf8)
    if modifiers.contains(.ctrl) {
      let value = scalar.value
      switch value {
      case 0x40...0x5F: bytes = [UInt8(value & 0x1F)]
      case 0x61...0x7A: bytes = [UInt8(value & 0x1F)]
      case 0x3F: bytes = [0x7F]
      case 0x32: bytes = [0]
      case 0x33...0x37: bytes = [UInt8(value - 0x33 + 0x1B)]
      case 0x38: bytes = [0x7F]
      case 0x2F: bytes = [0x1F]
      default:
        guard modes.kittyKeyboardFlags & 1 != 0 else { return nil }
        return Array("\u{1B}[\(value);\(modifiers.parameter)u".utf8)
      }
      if modes.kittyKeyboardFlags & 1 != 0 {
        return Array("\u{1B}[\(value | (value >= 0x41 && value <= 0x5A ? 0x20 : 0));\(modifiers.parameter)u".utf8)
      }
    }
    return modifiers.contains(.alt) ? [0x1B] + bytes : bytes
  }
}
