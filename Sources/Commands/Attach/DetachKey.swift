/// The keys that leave an attached session: one key, one pressed twice, or a prefix and a key.
package struct DetachKey: Sendable, Equatable {
  /// Longest sequence taken; nobody types more to leave.
  static let mostKeys = 4
  /// How long after the first press the same key may follow.
  static let doublePressWindow = Duration.milliseconds(500)

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

/// Watches what is typed for the detach key. Keys that may begin it are held back until it is clear that they do not;
/// nothing typed is lost. Time comes in as a value: nanoseconds of any monotonic clock.
package struct DetachKeyMatcher: Sendable {
  private let key: DetachKey?
  private var held: [UInt8] = []
  private var progress = 0
  private var deadline: UInt64?

  /// - Parameter key: nil when no key detaches.
  package init(_ key: DetachKey?) {
    self.key = key
  }

  /// When ``expire(now:)`` is due, while something is held back that time alone releases.
  package var heldUntil: UInt64? { deadline }

  /// What to pass on of the bytes typed, and whether the key is complete. What follows it is dropped.
  package mutating func feed(_ bytes: [UInt8], now: UInt64) -> (forward: [UInt8], detach: Bool) {
    guard let key else { return (bytes, false) }
    var forward = expire(now: now)
    var index = 0
    while index < bytes.count {
      let rest = bytes[index...]
      if progress > 0, let length = mouseOrFocusReport(rest) {
        // A mouse that moves between two presses interrupts nothing.
        forward.append(contentsOf: rest.prefix(length))
        index += length
      } else if let press = keyReport(rest, of: key.keys[progress]) {
        held.append(contentsOf: rest.prefix(press.length))
        index += press.length
        guard !press.isRelease else { continue }
        progress += 1
        if progress == key.keys.count {
          release()
          return (forward, true)
        }
        if progress == 1 { deadline = key.window.map { now + UInt64($0.wholeMilliseconds) * 1_000_000 } }
      } else if progress > 0 {
        if let earlier = keyReport(rest, of: key.keys[progress - 1]), earlier.isRelease {
          held.append(contentsOf: rest.prefix(earlier.length))
          index += earlier.length
        } else {
          // It was something else: let go of it and look at this byte afresh.
          forward.append(contentsOf: held)
          release()
        }
      } else {
        forward.append(bytes[index])
        index += 1
      }
    }
    return (forward, false)
  }

  /// What was held back for longer than the key may take.
  package mutating func expire(now: UInt64) -> [UInt8] {
    guard let deadline, now >= deadline else { return [] }
    defer { release() }
    return held
  }

  private mutating func release() {
    held = []
    progress = 0
    deadline = nil
  }
}

/// Whether the bytes begin with the key, in any of the forms in which terminals report it: its plain bytes, xterm's
/// `CSI 27 ; modifiers ; code ~` (modifyOtherKeys) and `CSI code ; modifiers u` (fixterms, kitty, with event types).
private func keyReport(_ bytes: ArraySlice<UInt8>, of key: KeyName) -> (length: Int, isRelease: Bool)? {
  if let plain = key.bytes, bytes.starts(with: plain), !(plain == [0x1b] && bytes.count > 1) {
    return (plain.count, false)
  }
  guard
    let sequence = ControlSequence(bytes), let code = key.codePoint, sequence.prefix == nil,
    sequence.intermediates.isEmpty
  else { return nil }
  let modifiersField: [Int]
  switch (sequence.final, sequence.parameters.count) {
  case (UInt8(ascii: "u"), 1...):
    guard sequence.parameters[0].first == Int(code) else { return nil }
    modifiersField = sequence.parameters.count > 1 ? sequence.parameters[1] : [1]
  case (UInt8(ascii: "~"), 3):
    guard sequence.parameters[0] == [27], sequence.parameters[2].first == Int(code) else { return nil }
    modifiersField = sequence.parameters[1]
  default: return nil
  }
  // Bits above the eighth-power ones are caps lock and num lock: they change nothing here.
  let given = max(1, modifiersField.first ?? 1) - 1
  guard given & 0b0011_1111 == Int(key.modifiers.rawValue) else { return nil }
  return (sequence.length, modifiersField.count > 1 && modifiersField[1] == 3)
}

private func mouseOrFocusReport(_ bytes: ArraySlice<UInt8>) -> Int? {
  guard let sequence = ControlSequence(bytes) else { return nil }
  switch (sequence.prefix, sequence.final) {
  case (UInt8(ascii: "<"), UInt8(ascii: "M")), (UInt8(ascii: "<"), UInt8(ascii: "m")): return sequence.length
  case (nil, UInt8(ascii: "I")), (nil, UInt8(ascii: "O")):
    return sequence.parameters.isEmpty ? sequence.length : nil
  default: return nil
  }
}
