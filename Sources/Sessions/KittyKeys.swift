import TerminalEngine

/// Keys in the kitty keyboard protocol (https://sw.kovidgoyal.net/kitty/keyboard-protocol/).
enum KittyKeys {
  struct Flags: OptionSet {
    let rawValue: UInt8
    /// Keys that are one byte otherwise, or an ESC and a byte, have a form of their own.
    static let disambiguate = Flags(rawValue: 1)
    /// Releases are told too.
    static let eventTypes = Flags(rawValue: 2)
    /// The character that the key gives with Shift is told beside its own.
    static let alternateKeys = Flags(rawValue: 4)
    /// Keys that give text are told as keys.
    static let allKeys = Flags(rawValue: 8)
    /// The text is told with the key.
    static let associatedText = Flags(rawValue: 16)
  }

  private enum Event: Int { case press = 1, release = 3 }

  /// A key pressed, and released where the program wants to be told: to it, one that is never released is held for ever.
  static func bytes(of press: KeyPress, _ flags: Flags, _ modes: TerminalModes) -> [UInt8] {
    var bytes = pressed(press, flags, modes)
    // Enter, Tab and Backspace have no release events unless all keys are told, so that a shell after a program that died can be used.
    if flags.contains(.eventTypes), flags.contains(.allKeys) || !isEditing(press.key) {
      bytes += sequence(press, flags, .release)
    }
    return bytes
  }

  private static func isEditing(_ key: KeyPress.Key) -> Bool {
    [.named("enter"), .named("tab"), .named("backspace")].contains(key)
  }

  private static func pressed(_ press: KeyPress, _ flags: Flags, _ modes: TerminalModes) -> [UInt8] {
    if flags.contains(.allKeys) { return sequence(press, flags, .press) }
    // What gives text is text: by itself or with Shift.
    if let text = press.text, press.modifiers.isSubset(of: .shift) { return Array(text.utf8) }
    if isEditing(press.key), press.modifiers.isEmpty { return XtermKeys.bytes(of: press, plain(modes)) }
    // Without flag 1 keys keep their old forms, except that cursor keys are not SS3 where their releases are told.
    guard flags.contains(.disambiguate) || flags.contains(.eventTypes) && isFunction(press.key) else {
      return XtermKeys.bytes(of: press, plain(modes))
    }
    return sequence(press, flags, .press)
  }

  /// The protocol is in force instead of modifyOtherKeys.
  private static func plain(_ modes: TerminalModes) -> TerminalModes {
    var modes = modes
    modes.modifyOtherKeys = 0
    return modes
  }

  private static func isFunction(_ key: KeyPress.Key) -> Bool {
    guard case .named(let name) = key else { return false }
    return functionKeys[name] != nil
  }

  /// The number and the last character of keys that xterm has forms for, which the protocol keeps but for F3: `CSI R` is a cursor report.
  private static let functionKeys: [String: (Int, Character)] = {
    var keys: [String: (Int, Character)] = [
      "insert": (2, "~"), "delete": (3, "~"), "pageup": (5, "~"), "pagedown": (6, "~"), "up": (1, "A"),
      "down": (1, "B"), "right": (1, "C"), "left": (1, "D"), "home": (1, "H"), "end": (1, "F"), "f1": (1, "P"),
      "f2": (1, "Q"), "f3": (13, "~"), "f4": (1, "S"),
    ]
    for (index, number) in [15, 17, 18, 19, 20, 21, 23, 24].enumerated() { keys["f\(index + 5)"] = (number, "~") }
    for number in 13...35 { keys["f\(number)"] = (57376 + number - 13, "u") }
    return keys
  }()
  private static let editingKeys = ["escape": 27, "enter": 13, "tab": 9, "backspace": 127, "space": 32]

  /// `CSI key:shifted ; modifiers:event ; text u`, without what is not needed.
  private static func sequence(_ press: KeyPress, _ flags: Flags, _ event: Event) -> [UInt8] {
    var (number, last): (Int, Character)
    switch press.key {
    case .named(let name):
      (number, last) =
        functionKeys[name] ?? (editingKeys[name] ?? KeyNames.keypad[name]?.number ?? 0, "u")
    case .character(let base):
      // A character of several code points has no key number.
      let scalars = base.unicodeScalars
      (number, last) = (scalars.count == 1 ? Int(scalars.first?.value ?? 0) : 0, "u")
    }
    let key = "\(number)" + alternate(press, flags)
    let modifiers = press.modifiers.isEmpty && event == .press ? "" : "\(press.modifiers.parameter)"
    let middle = modifiers + (event == .press ? "" : ":\(event.rawValue)")
    let text = event == .press ? associatedText(press, flags) : ""
    let parameters = !text.isEmpty ? "\(key);\(middle);\(text)" : !middle.isEmpty ? "\(key);\(middle)" : key
    return Array("\u{1B}[\(parameters == "1" ? "" : parameters)\(last)".utf8)
  }

  private static func alternate(_ press: KeyPress, _ flags: Flags) -> String {
    guard flags.contains(.alternateKeys), press.modifiers.contains(.shift), case .character(let base) = press.key,
      let shifted = press.shifted, shifted != base, shifted.unicodeScalars.count == 1
    else { return "" }
    return ":\(shifted.unicodeScalars.first?.value ?? 0)"
  }

  private static func associatedText(_ press: KeyPress, _ flags: Flags) -> String {
    guard flags.contains(.associatedText), flags.contains(.allKeys), press.modifiers.isSubset(of: .shift),
      let text = press.text
    else { return "" }
    return text.unicodeScalars.map { "\($0.value)" }.joined(separator: ":")
  }
}
