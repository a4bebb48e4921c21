/// Takes out of what the user's terminal sends the answers to questions that the session's programs asked (device
/// attributes, cursor position, colours, modes). The server has answered those itself, as it must when nobody is
/// attached; a second answer would arrive as if it had been typed. Time comes in as a value, as in `DetachKeyMatcher`.
package struct ReplyFilter: Sendable {
  /// Terminals send an answer in one piece; what is still incomplete after this long was typed by a person.
  static let patience: UInt64 = 100_000_000
  /// Longest answer waited for: colour and capability reports are far shorter.
  static let longestReply = 4096

  private var held: [UInt8] = []
  private var deadline: UInt64?
  /// Between the marks of a bracketed paste nothing is an answer, whatever it looks like.
  private var isPasting = false

  private static let pasteStart = Array("\u{1b}[200~".utf8)
  private static let pasteEnd = Array("\u{1b}[201~".utf8)

  package init() {}

  /// When ``expire(now:)`` is due, while the beginning of an answer is held back.
  package var heldUntil: UInt64? { deadline }

  /// The bytes less the answers in them.
  package mutating func feed(_ bytes: [UInt8], now: UInt64) -> [UInt8] {
    guard !held.isEmpty || bytes.contains(0x1b) else { return bytes }
    let input = held + bytes
    held = []
    deadline = nil
    var forward: [UInt8] = []
    forward.reserveCapacity(input.count)
    var index = 0
    while index < input.count {
      guard input[index] == 0x1b else {
        forward.append(input[index])
        index += 1
        continue
      }
      switch classify(input[index...]) {
      case .reply(let length):
        index += length
      case .key(let length):
        forward.append(contentsOf: input[index..<index + length])
        index += length
      case .incomplete:
        held = Array(input[index...])
        deadline = now + ReplyFilter.patience
        return forward
      }
    }
    return forward
  }

  /// What turned out to be no answer.
  package mutating func expire(now: UInt64) -> [UInt8] {
    guard let deadline, now >= deadline else { return [] }
    defer {
      held = []
      self.deadline = nil
    }
    return held
  }

  private enum Finding {
    case reply(Int)
    case key(Int)
    case incomplete
  }

  private mutating func classify(_ bytes: ArraySlice<UInt8>) -> Finding {
    if isPasting {
      if bytes.starts(with: ReplyFilter.pasteEnd) { isPasting = false }
      return ReplyFilter.pasteEnd.starts(with: bytes) && bytes.count < ReplyFilter.pasteEnd.count
        ? .incomplete : .key(1)
    }
    if bytes.starts(with: ReplyFilter.pasteStart) {
      isPasting = true
      return .key(ReplyFilter.pasteStart.count)
    }
    guard bytes.count >= 2 else { return .key(1) }
    switch bytes[bytes.startIndex + 1] {
    case UInt8(ascii: "["): return classifyControlSequence(bytes)
    case UInt8(ascii: "P"), UInt8(ascii: "]"), UInt8(ascii: "_"): return classifyString(bytes)
    default: return .key(1)
    }
  }

  private func classifyControlSequence(_ bytes: ArraySlice<UInt8>) -> Finding {
    guard let sequence = ControlSequence(bytes) else {
      let rest = bytes.dropFirst(2)
      // Only a beginning that an answer could have is worth waiting for: keys begin the same way.
      let mayGoOn = rest.allSatisfy { (0x20...0x3f).contains($0) } && rest.count < ControlSequence.longest - 2
      guard mayGoOn, let first = rest.first, first != UInt8(ascii: "<") else { return .key(1) }
      return .incomplete
    }
    return isReply(sequence) ? .reply(sequence.length) : .key(sequence.length)
  }

  /// The reports of ECMA-48, DEC, xterm (ctlseqs) and kitty that no key sends.
  private func isReply(_ sequence: ControlSequence) -> Bool {
    switch (sequence.prefix, sequence.intermediates, sequence.final) {
    case (UInt8(ascii: "?"), [], UInt8(ascii: "c")), (UInt8(ascii: ">"), [], UInt8(ascii: "c")),
      (UInt8(ascii: "="), [], UInt8(ascii: "c")):
      return true  // Device attributes.
    case (UInt8(ascii: "?"), [], UInt8(ascii: "R")): return true  // DECXCPR.
    case (nil, [], UInt8(ascii: "R")):
      // The cursor's position, or F3 with a modifier: `CSI 1 ; modifier R`.
      guard sequence.parameters.count == 2 else { return false }
      return !(sequence.parameters[0] == [1] && (2...16).contains(sequence.parameters[1].first ?? 0))
    case (nil, [], UInt8(ascii: "n")), (UInt8(ascii: "?"), [], UInt8(ascii: "n")): return true  // Status reports.
    case (_, [UInt8(ascii: "$")], UInt8(ascii: "y")): return true  // DECRPM.
    case (UInt8(ascii: "?"), [], UInt8(ascii: "u")): return true  // Kitty keyboard flags.
    case (nil, [], UInt8(ascii: "t")): return true  // Window reports.
    case (UInt8(ascii: "?"), [], UInt8(ascii: "S")): return true  // Graphics attributes.
    default: return false
    }
  }

  /// DCS, OSC and APC strings end with ST, an OSC also with BEL.
  private func classifyString(_ bytes: ArraySlice<UInt8>) -> Finding {
    let isOSC = bytes[bytes.startIndex + 1] == UInt8(ascii: "]")
    var index = bytes.startIndex + 2
    while index < bytes.endIndex {
      switch bytes[index] {
      case 0x07 where isOSC: return .reply(index + 1 - bytes.startIndex)
      case 0x1b:
        guard index + 1 < bytes.endIndex else { return .incomplete }
        guard bytes[index + 1] == UInt8(ascii: "\\") else { return .key(2) }
        return .reply(index + 2 - bytes.startIndex)
      case 0x20..., 0x08...0x0d: index += 1
      // A control character is in no answer: this was Alt and a letter, and then something else.
      default: return .key(2)
      }
    }
    return bytes.count < ReplyFilter.longestReply ? .incomplete : .key(2)
  }
}
