/// A key as the list of sessions, the history and the prompts take it.
package enum KeyPress: Sendable, Equatable {
  case text(Character)
  case control(Character)
  case enter, escape, tab, backspace, delete
  case up, down, left, right, home, end, pageUp, pageDown
}

/// Reads the keys out of what a terminal in its usual modes sends; reports, and keys that mean nothing here, are passed over. Time comes in as a
/// value, as in ``AttachKeys``.
package struct KeyReader: Sendable {
  /// ESC is a key of its own and the beginning of many: after this long it was pressed alone.
  static let escapePatience: UInt64 = 50_000_000

  private var held: [UInt8] = []
  private var deadline: UInt64?

  package init() {}

  /// When ``expire(now:)`` is due.
  package var heldUntil: UInt64? { deadline }

  package mutating func feed(_ bytes: [UInt8], now: UInt64) -> [KeyPress] {
    let input = held + bytes
    held = []
    deadline = nil
    var presses: [KeyPress] = []
    var index = 0
    while index < input.count {
      let rest = input[index...]
      guard let (press, length) = KeyReader.press(rest) else {
        held = Array(rest)
        deadline = now + KeyReader.escapePatience
        break
      }
      if let press { presses.append(press) }
      index += length
    }
    return presses
  }

  package mutating func expire(now: UInt64) -> [KeyPress] {
    guard let deadline, now >= deadline else { return [] }
    defer {
      held = []
      self.deadline = nil
    }
    return held == [0x1b] ? [.escape] : []
  }

  /// The key at the beginning and its length, without a key where there is none for us; nil when its end is still to come.
  private static func press(_ bytes: ArraySlice<UInt8>) -> (KeyPress?, Int)? {
    guard let first = bytes.first else { return nil }
    switch first {
    case 0x1b: return escaped(bytes)
    case 0x0d, 0x0a: return (.enter, 1)
    case 0x09: return (.tab, 1)
    case 0x7f, 0x08: return (.backspace, 1)
    case 1...0x1a: return (.control(Character(Unicode.Scalar(first + 0x60))), 1)
    case 0..<0x20: return (nil, 1)
    case 0x20..<0x7f: return (.text(Character(Unicode.Scalar(first))), 1)
    default: return character(bytes)
    }
  }

  private static func character(_ bytes: ArraySlice<UInt8>) -> (KeyPress?, Int)? {
    let length =
      switch bytes[bytes.startIndex] {
      case 0xc2...0xdf: 2
      case 0xe0...0xef: 3
      case 0xf0...0xf4: 4
      default: 1
      }
    guard length > 1 else { return (nil, 1) }
    guard bytes.count >= length else { return nil }
    guard let text = String(validating: bytes.prefix(length), as: UTF8.self), let character = text.first else {
      return (nil, 1)
    }
    return (.text(character), length)
  }

  private static func escaped(_ bytes: ArraySlice<UInt8>) -> (KeyPress?, Int)? {
    guard bytes.count >= 2 else { return nil }
    switch bytes[bytes.startIndex + 1] {
    case 0x1b: return (.escape, 1)
    case UInt8(ascii: "O"):
      guard bytes.count >= 3 else { return nil }
      return (cursorKey(bytes[bytes.startIndex + 2]), 3)
    case UInt8(ascii: "["):
      if let sequence = ControlSequence(bytes) { return (key(sequence), sequence.length) }
      let parameters = bytes.dropFirst(2).prefix { (0x20...0x3f).contains($0) }
      guard parameters.count + 2 == bytes.count, bytes.count < ControlSequence.longest else { return (nil, 2) }
      return nil
    // Alt and a key.
    default: return (nil, 2)
    }
  }

  private static func cursorKey(_ final: UInt8) -> KeyPress? {
    switch final {
    case UInt8(ascii: "A"): .up
    case UInt8(ascii: "B"): .down
    case UInt8(ascii: "C"): .right
    case UInt8(ascii: "D"): .left
    case UInt8(ascii: "H"): .home
    case UInt8(ascii: "F"): .end
    case UInt8(ascii: "M"): .enter
    default: nil
    }
  }

  private static func key(_ sequence: ControlSequence) -> KeyPress? {
    guard sequence.prefix == nil, sequence.intermediates.isEmpty else { return nil }
    if sequence.final == UInt8(ascii: "~") {
      switch sequence.parameters.first?.first {
      case 1, 7: return .home
      case 4, 8: return .end
      case 3: return .delete
      case 5: return .pageUp
      case 6: return .pageDown
      case 27 where sequence.parameters.count == 3:
        return coded(sequence.parameters[2].first ?? 0, modifiers: sequence.parameters[1])
      default: return nil
      }
    }
    if sequence.final == UInt8(ascii: "u") {
      return coded(sequence.parameters.first?.first ?? 0, modifiers: sequence.parameters.dropFirst().first ?? [1])
    }
    return cursorKey(sequence.final)
  }

  /// A key by its code point: `CSI code ; modifiers u` and `CSI 27 ; modifiers ; code ~`, which a program may have asked for just before.
  private static func coded(_ code: Int, modifiers: [Int]) -> KeyPress? {
    // Its release.
    if modifiers.count > 1, modifiers[1] == 3 { return nil }
    let given = KeyName.Modifiers(rawValue: UInt8(truncatingIfNeeded: max(1, modifiers.first ?? 1) - 1))
    switch code {
    case 13: return .enter
    case 27: return .escape
    case 9: return .tab
    case 127: return .backspace
    default: break
    }
    guard code >= 0x20, let scalar = Unicode.Scalar(UInt32(truncatingIfNeeded: code)) else { return nil }
    if given.contains(.control) { return .control(Character(scalar)) }
    if given.contains(.alt) { return nil }
    let character = Character(scalar)
    return .text(given.contains(.shift) ? character.uppercased().first ?? character : character)
  }
}
