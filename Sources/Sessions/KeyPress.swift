/// A key as `session.keys` names it, with the modifiers that are held.
///
/// Characters are those of a US keyboard where it has them: `!` is the key 1 with Shift, as `shift+1` is. Programs that ask for keys rather
/// than characters are told of both.
struct KeyPress: Equatable {
  enum Key: Equatable {
    /// What the key gives without Shift.
    case character(String)
    /// One of ``KeyNames/all``.
    case named(String)
  }

  struct Modifiers: OptionSet {
    let rawValue: Int
    static let shift = Modifiers(rawValue: 1)
    static let alt = Modifiers(rawValue: 2)
    static let ctrl = Modifiers(rawValue: 4)

    /// The parameter of modified keys, in xterm's forms as in kitty's.
    var parameter: Int { rawValue + 1 }
  }

  var key: Key
  var modifiers: Modifiers

  /// A key by its name, with any of `ctrl+`, `alt+` and `shift+` before it; nil when `name` is none. A character alone is a text.
  init?(_ name: String) {
    var (modifiers, rest) = KeyNames.modifiers(of: name)
    if let named = KeyNames.key(rest) {
      if named == "backtab" { modifiers.insert(.shift) }
      key = .named(named == "backtab" ? "tab" : named)
      self.modifiers = modifiers
      return
    }
    guard rest.count == 1, !modifiers.isEmpty, let press = KeyPress(typing: rest) else { return nil }
    key = press.key
    // Ctrl+C is Ctrl and the key c, however it is written: Shift is held where it is said.
    let isCapital = rest.lowercased() != String(rest)
    self.modifiers = modifiers.union(modifiers.contains(.ctrl) && isCapital ? [] : press.modifiers)
  }

  /// The key that gives a character; nil for what no key gives.
  init?(typing character: Substring) {
    guard let scalar = character.unicodeScalars.first, character.count == 1, scalar.value >= 0x20, scalar.value != 0x7F
    else { return nil }
    let text = String(character)
    if text == " " {
      (key, modifiers) = (.named("space"), [])
    } else if let base = KeyPress.unshifted[text] {
      (key, modifiers) = (.character(base), .shift)
    } else {
      let lowered = text.lowercased()
      let isCapital = lowered != text && lowered.uppercased() == text && lowered.count == 1
      (key, modifiers) = (.character(isCapital ? lowered : text), isCapital ? .shift : [])
    }
  }

  /// The character that a key gives with Shift as it is held; nil for a key that gives none.
  var text: String? {
    switch key {
    case .named("space"): " "
    case .named(let name): KeyNames.keypad[name]?.text
    case .character(let base): modifiers.contains(.shift) ? shifted : base
    }
  }

  /// The character that the key gives with Shift.
  var shifted: String? {
    guard case .character(let base) = key else { return nil }
    if let known = KeyPress.shiftPairs[base] { return known }
    let raised = base.uppercased()
    return raised.count == 1 ? raised : base
  }

  private static let shiftPairs = [
    "`": "~", "1": "!", "2": "@", "3": "#", "4": "$", "5": "%", "6": "^", "7": "&", "8": "*", "9": "(", "0": ")",
    "-": "_", "=": "+", "[": "{", "]": "}", "\\": "|", ";": ":", "'": "\"", ",": "<", ".": ">", "/": "?",
  ]
  private static let unshifted = Dictionary(uniqueKeysWithValues: shiftPairs.map { ($1, $0) })
}
