import TerminalEngine

/// Keys as xterm sends them ("PC-Style Function Keys" and modifyOtherKeys of its ctlseqs), ESC standing for Alt.
///
/// The values are those of xterm 379 with metaSendsEscape on a US keyboard, its oddities included: at level 1 of modifyOtherKeys Alt goes
/// missing from keys that are sent as `CSI 27`.
enum XtermKeys {
  static func bytes(of press: KeyPress, _ modes: TerminalModes) -> [UInt8] {
    let modifiers = press.modifiers
    guard case .named(let name) = press.key else {
      return character(press.text ?? "", modifiers, modes)
    }
    if let key = KeyNames.keypad[name] { return keypad(key, modifiers, modes) }
    switch name {
    case "enter": return enter(modifiers, modes)
    case "tab": return tab(modifiers, modes)
    case "escape": return escape(modifiers, modes)
    case "backspace": return backspace(modifiers, modes)
    case "space": return character(" ", modifiers, modes)
    default: return function(name, modifiers, modes)
    }
  }

  private static let escapeByte: UInt8 = 0x1B

  private static func prefixed(_ bytes: [UInt8], _ modifiers: KeyPress.Modifiers) -> [UInt8] {
    modifiers.contains(.alt) ? [escapeByte] + bytes : bytes
  }

  /// A key in the form that modifyOtherKeys has for it.
  private static func other(_ code: Int, _ modifiers: KeyPress.Modifiers) -> [UInt8] {
    Array("\u{1B}[27;\(modifiers.parameter);\(code)~".utf8)
  }

  /// CR, or CR LF where LNM is set.
  private static func lineEnd(_ modes: TerminalModes) -> [UInt8] { modes.newLine ? [0x0D, 0x0A] : [0x0D] }

  private static func enter(_ modifiers: KeyPress.Modifiers, _ modes: TerminalModes) -> [UInt8] {
    let told: KeyPress.Modifiers =
      switch modes.modifyOtherKeys {
      case 0: []
      case 1: modifiers.contains(.alt) ? modifiers.intersection(.shift) : modifiers
      default: modifiers
      }
    return told.isEmpty ? prefixed(lineEnd(modes), modifiers) : other(13, told)
  }

  private static func tab(_ modifiers: KeyPress.Modifiers, _ modes: TerminalModes) -> [UInt8] {
    switch modes.modifyOtherKeys {
    case 2 where !modifiers.isEmpty && modifiers != .shift, 1 where modifiers == .ctrl: other(9, modifiers)
    case _ where modifiers.contains(.shift): Array("\u{1B}[Z".utf8)
    default: prefixed([0x09], modifiers)
    }
  }

  private static func escape(_ modifiers: KeyPress.Modifiers, _ modes: TerminalModes) -> [UInt8] {
    switch modes.modifyOtherKeys {
    case 2 where !modifiers.isEmpty: other(27, modifiers)
    case 1 where modifiers.contains(.alt) && modifiers != .alt: other(27, modifiers.subtracting(.alt))
    default: prefixed([escapeByte], modifiers)
    }
  }

  /// DEL, or BS where DECBKM is set; Ctrl gives the other of the two.
  private static func backspace(_ modifiers: KeyPress.Modifiers, _ modes: TerminalModes) -> [UInt8] {
    let byte: UInt8 = modes.backspaceSendsBackspace == modifiers.contains(.ctrl) ? 0x7F : 0x08
    if modes.modifyOtherKeys == 2, !modifiers.isEmpty, modifiers != .ctrl { return other(Int(byte), modifiers) }
    return prefixed([byte], modifiers)
  }

  private static func keypad(
    _ key: KeyNames.KeypadKey, _ modifiers: KeyPress.Modifiers, _ modes: TerminalModes
  ) -> [UInt8] {
    guard modes.applicationKeypad else { return key.text.map { Array($0.utf8) } ?? lineEnd(modes) }
    return Array("\u{1B}O\(modifiers.isEmpty ? "" : "\(modifiers.parameter)")\(key.letter)".utf8)
  }

  private static let letters = ["up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"]
  private static let codes: [String: Int] = {
    var codes = ["insert": 2, "delete": 3, "pageup": 5, "pagedown": 6]
    let numbers = [15, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34] + Array(42...56)
    for (index, number) in numbers.enumerated() { codes["f\(index + 5)"] = number }
    return codes
  }()

  private static func function(
    _ name: String, _ modifiers: KeyPress.Modifiers, _ modes: TerminalModes
  ) -> [UInt8] {
    let parameter = modifiers.isEmpty ? "" : "\(modifiers.parameter)"
    if let letter = letters[name] {
      let plain = modes.applicationCursorKeys ? "\u{1B}O" : "\u{1B}["
      return Array((modifiers.isEmpty ? plain + letter : "\u{1B}[1;\(parameter)\(letter)").utf8)
    }
    if let index = ["f1", "f2", "f3", "f4"].firstIndex(of: name) {
      let letter = ["P", "Q", "R", "S"][index]
      return Array((modifiers.isEmpty ? "\u{1B}O\(letter)" : "\u{1B}[1;\(parameter)\(letter)").utf8)
    }
    guard let code = codes[name] else { return [] }
    return Array("\u{1B}[\(code)\(modifiers.isEmpty ? "" : ";\(parameter)")~".utf8)
  }

  /// A character with modifiers: control codes where ASCII has one, ESC before it for Alt.
  private static func character(
    _ text: String, _ modifiers: KeyPress.Modifiers, _ modes: TerminalModes
  ) -> [UInt8] {
    guard !modifiers.isEmpty, let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1 else {
      return prefixed(Array(text.utf8), modifiers)
    }
    let code = Int(scalar.value)
    switch modes.modifyOtherKeys {
    case 2 where modifiers == .shift && (0x21..<0x40).contains(code): return Array(text.utf8)
    case 2: return other(code, modifiers)
    case 1 where modifiers.contains(.ctrl):
      // `?` has a control code only when nobody asked; a blank with everything held is told.
      let isTold = controlCode(scalar) == nil || scalar == "?" || scalar == " " && modifiers == [.shift, .alt, .ctrl]
      if isTold { return other(code, modifiers.subtracting(.alt)) }
    default: break
    }
    guard modifiers.contains(.ctrl), let control = controlCode(scalar) else {
      return prefixed(Array(text.utf8), modifiers)
    }
    return prefixed(control == 0x0D ? lineEnd(modes) : [control], modifiers)
  }

  /// What Ctrl makes of a character; nil when it makes nothing of it.
  private static func controlCode(_ scalar: Unicode.Scalar) -> UInt8? {
    switch scalar {
    case "a"..."z", "A"..."Z", "@", "[", "\\", "]", "^", "_", "{", "|", "}", "~": UInt8(scalar.value & 0x1F)
    case "`", " ", "2": 0
    case "3"..."7": UInt8(scalar.value - 0x33 + 0x1B)
    case "8", "?": 0x7F
    case "/": 0x1F
    default: nil
    }
  }
}
