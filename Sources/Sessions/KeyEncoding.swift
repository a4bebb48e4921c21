package import TerminalEngine

/// Turns names of keys into the bytes that a terminal sends for them in the modes that the program has set: xterm's forms, with its
/// modifyOtherKeys (``XtermKeys``), or those of the kitty keyboard protocol (``KittyKeys``) where the program has asked for it, which
/// then comes first.
package enum KeyEncoding {
  /// Names without modifiers, for help and completion.
  package static var names: [String] { KeyNames.all }

  /// Bytes of one element of a `keys` list: a key by name, or a text that is typed as it is.
  ///
  /// Throws ``SessionError/Code/invalidKey`` for what looks like a key and is none (``KeyNames/reading(_:)``).
  package static func bytes(for element: String, modes: TerminalModes) throws(SessionError) -> [UInt8] {
    if let press = KeyPress(element) { return bytes(of: press, modes) }
    if case .mistyped(let names) = KeyNames.reading(element) {
      let hint = names.isEmpty ? "" : " Did you mean \(names.map { "'\($0)'" }.joined(separator: " or "))?"
      throw SessionError(
        .invalidKey,
        "There is no key '\(element)'.\(hint) To type it as text use session.input or the 'text' of session.interact.")
    }
    return typed(element, modes)
  }

  private static func bytes(of press: KeyPress, _ modes: TerminalModes) -> [UInt8] {
    let flags = KittyKeys.Flags(rawValue: modes.kittyKeyboardFlags)
    if flags.isEmpty { return XtermKeys.bytes(of: press, modes) }
    return KittyKeys.bytes(of: press, flags, modes)
  }

  /// A text is typed by its characters, unless the program wants keys for them.
  private static func typed(_ text: String, _ modes: TerminalModes) -> [UInt8] {
    let flags = KittyKeys.Flags(rawValue: modes.kittyKeyboardFlags)
    guard flags.contains(.allKeys) || flags.contains(.eventTypes) && text.count == 1 else { return Array(text.utf8) }
    return text.indices.flatMap { index in
      let character = text[index...].prefix(1)
      return KeyPress(typing: character).map { KittyKeys.bytes(of: $0, flags, modes) } ?? Array(character.utf8)
    }
  }
}
