/// The keys that leave an attached session: one key, one pressed twice, or a prefix and a key.
package struct DetachKey: Sendable, Equatable {
  /// Longest sequence taken; nobody types more to leave.
  static let mostKeys = 4
  /// How long after the first press the same key may follow.
  static let doublePressWindow = Duration.milliseconds(500)
  /// The same where other keys may follow it too: those are looked for on the keyboard.
  static let prefixWindow = Duration.seconds(1)

  package var keys: [KeyName]

  /// `ctrl+\` twice.
  package static let standard = DetachKey(keys: [backslash, backslash])
  private static let backslash = KeyName("ctrl+\\") ?? KeyName(controlling: "\\")

  init(keys: [KeyName]) {
    self.keys = keys
  }

  /// Reads `ctrl+b d`, `ctrl+\ ctrl+\` or `f12`; nil when a word is no key that a terminal can send.
  package init?(_ text: String) {
    let words = text.split(separator: " ")
    guard !words.isEmpty, words.count <= DetachKey.mostKeys else { return nil }
    var keys: [KeyName] = []
    for word in words {
      guard let key = KeyName(String(word)), key.bytes != nil else { return nil }
      keys.append(key)
    }
    self.keys = keys
  }

  /// Only a key pressed repeatedly must come in time: pressed once it has its own meaning for a program (`ctrl+\` is
  /// quit). A prefix waits for as long as it takes, as in tmux.
  var window: Duration? {
    keys.count > 1 && keys.allSatisfy { $0 == keys[0] } ? DetachKey.doublePressWindow : nil
  }

  package var text: String {
    keys.map(\.text).joined(separator: " ")
  }
}

extension KeyName {
  fileprivate init(controlling scalar: Unicode.Scalar) {
    modifiers = .control
    base = .character(scalar)
  }
}
