/// Takes out of what the user's terminal sends the answers to questions that the session's programs asked (device
/// attributes, cursor position, colours, modes, the clipboard). The server has answered those itself, as it must when nobody is
/// attached; a second answer would arrive as if it had been typed. Time comes in as a value, as in ``AttachKeys``.
package struct ReplyFilter: Sendable {
  /// How long what a person may have typed is held back: Alt and the letter that begins an answer.
  static let patience: UInt64 = 100_000_000
  /// How long the rest of what can only be an answer may take. A clipboard over a slow line comes in pieces.
  static let replyPatience: UInt64 = 2_000_000_000
  /// The longest answer that is kept to be looked at: colour and capability reports are far shorter. Of a longer one (a clipboard) only the end
  /// is looked for.
  static let longestReply = 4096
  /// The longest answer at all; what goes on after that is no answer any more. A clipboard of several MiB, in Base64.
  static let longestString = 16 << 20

  private var held: [UInt8] = []
  private var deadline: UInt64?
  /// Between the marks of a bracketed paste nothing is an answer, whatever it looks like.
  private var isPasting = false
  /// Inside an answer that is too long to be held: how much of it has been dropped, and whether it is an OSC.
  private var dropping: (bytes: Int, isOSC: Bool)?
  /// The answers taken out since they were asked for last, the newest ones.
  private var replies: [[UInt8]] = []
  private static let repliesKept = 64

  private static let pasteStart = Array("\u{1b}[200~".utf8)
  private static let pasteEnd = Array("\u{1b}[201~".utf8)

  /// The terminal has been asked where its cursor is: then a report that F3 with a modifier looks like is the answer.
  package var expectsPosition = false

  package init() {}

  /// When ``expire(now:)`` is due, while the beginning of an answer is held back.
  package var heldUntil: UInt64? { deadline }

  /// The answers that were taken out, each whole, since this was asked last.
  package mutating func takeReplies() -> [[UInt8]] {
    defer { replies = [] }
    return replies
  }

  /// The bytes less the answers in them.
  package mutating func feed(_ bytes: [UInt8], now: UInt64) -> [UInt8] {
    guard !held.isEmpty || dropping != nil || bytes.contains(0x1b) else { return bytes }
    let input = held + bytes
    held = []
    deadline = nil
    var forward: [UInt8] = []
    forward.reserveCapacity(input.count)
    var index = 0
    while index < input.count {
      if dropping != nil {
        index += drop(input[index...])
        if dropping != nil {
          // A lone ESC may be half of the end.
          held = Array(input[index...])
          deadline = now + ReplyFilter.replyPatience
          return forward
        }
        continue
      }
      guard input[index] == 0x1b else {
        forward.append(input[index])
        index += 1
        continue
      }
      switch classify(input[index...]) {
      case .reply(let length):
        note(input[index..<index + length])
        index += length
      case .key(let length):
        forward.append(contentsOf: input[index..<index + length])
        index += length
      case .incomplete(let patience):
        held = Array(input[index...])
        deadline = now + patience
        return forward
      case .long(let isOSC):
        dropping = (0, isOSC)
      }
    }
    return forward
  }

  /// What turned out to be no answer. The beginning of what can be nothing else is dropped: nobody has typed it.
  package mutating func expire(now: UInt64) -> [UInt8] {
    guard let deadline, now >= deadline else { return [] }
    defer {
      held = []
      dropping = nil
      self.deadline = nil
    }
    return dropping != nil || isStringReply(held[...]) == .certain ? [] : held
  }

  private mutating func note(_ reply: ArraySlice<UInt8>) {
    if replies.count == ReplyFilter.repliesKept { replies.removeFirst() }
    replies.append(Array(reply))
  }

  /// Drops what belongs to a long answer. Returns how many bytes; the answer may not be over then.
  private mutating func drop(_ bytes: ArraySlice<UInt8>) -> Int {
    guard let (dropped, isOSC) = dropping else { return 0 }
    var index = bytes.startIndex
    // The introducer itself.
    if dropped == 0 { index += 2 }
    while index < bytes.endIndex {
      switch end(of: bytes, at: index, isOSC: isOSC) {
      case .goesOn: index += 1
      case .over(let length):
        dropping = nil
        return index + length - bytes.startIndex
      case .unknown:
        dropping = (dropped + index - bytes.startIndex, isOSC)
        return index - bytes.startIndex
      }
      guard dropped + index - bytes.startIndex <= ReplyFilter.longestString else {
        dropping = nil
        return index - bytes.startIndex
      }
    }
    dropping = (dropped + bytes.count, isOSC)
    return bytes.count
  }

  private enum StringEnd {
    case goesOn
    /// The string ends with so many bytes here; none when something else begins.
    case over(Int)
    case unknown
  }

  /// DCS, OSC and APC strings end with ST, an OSC also with BEL. A control character is in none: something else begins there.
  private func end(of bytes: ArraySlice<UInt8>, at index: Int, isOSC: Bool) -> StringEnd {
    switch bytes[index] {
    case 0x07 where isOSC: return .over(1)
    case 0x1b:
      guard index + 1 < bytes.endIndex else { return .unknown }
      return .over(bytes[index + 1] == UInt8(ascii: "\\") ? 2 : 0)
    case 0x20..., 0x08...0x0d: return .goesOn
    default: return .over(0)
    }
  }

  private enum Finding {
    case reply(Int)
    case key(Int)
    case incomplete(patience: UInt64)
    /// A string that can only be an answer and is longer than what is kept.
    case long(isOSC: Bool)
  }

  private mutating func classify(_ bytes: ArraySlice<UInt8>) -> Finding {
    if isPasting {
      if bytes.starts(with: ReplyFilter.pasteEnd) { isPasting = false }
      return ReplyFilter.pasteEnd.starts(with: bytes) && bytes.count < ReplyFilter.pasteEnd.count
        ? .incomplete(patience: ReplyFilter.patience) : .key(1)
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
      return .incomplete(patience: ReplyFilter.replyPatience)
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
      return expectsPosition || !(sequence.parameters[0] == [1] && (2...16).contains(sequence.parameters[1].first ?? 0))
    case (nil, [], UInt8(ascii: "n")), (UInt8(ascii: "?"), [], UInt8(ascii: "n")): return true  // Status reports.
    case (_, [UInt8(ascii: "$")], UInt8(ascii: "y")): return true  // DECRPM.
    case (UInt8(ascii: "?"), [], UInt8(ascii: "u")): return true  // Kitty keyboard flags.
    case (nil, [], UInt8(ascii: "t")): return true  // Window reports.
    case (UInt8(ascii: "?"), [], UInt8(ascii: "S")): return true  // Graphics attributes.
    default: return false
    }
  }

  private func classifyString(_ bytes: ArraySlice<UInt8>) -> Finding {
    let isOSC = bytes[bytes.startIndex + 1] == UInt8(ascii: "]")
    let likeness = isStringReply(bytes)
    var index = bytes.startIndex + 2
    while index < bytes.endIndex {
      switch end(of: bytes, at: index, isOSC: isOSC) {
      case .goesOn: index += 1
      case .over(let length):
        // One that is interrupted was Alt and a letter, and then something else; or an answer that was cut off.
        if length == 0 { return likeness == .certain ? .reply(index - bytes.startIndex) : .key(2) }
        return .reply(index + length - bytes.startIndex)
      case .unknown: return .incomplete(patience: ReplyFilter.replyPatience)
      }
    }
    switch likeness {
    case .certain:
      return bytes.count < ReplyFilter.longestReply
        ? .incomplete(patience: ReplyFilter.replyPatience) : .long(isOSC: isOSC)
    case .possible:
      // The introducer alone is Alt and a letter as well.
      return .incomplete(patience: bytes.count > 2 ? ReplyFilter.replyPatience : ReplyFilter.patience)
    case .none: return .key(2)
    }
  }

  private enum Likeness { case none, possible, certain }

  /// Whether a string that has begun is an answer: by its first characters, those of the reports of xterm (ctlseqs) and kitty.
  private func isStringReply(_ bytes: ArraySlice<UInt8>) -> Likeness {
    guard bytes.count >= 2, bytes.first == 0x1b else { return .none }
    let rest = bytes.dropFirst(2)
    switch bytes[bytes.startIndex + 1] {
    case UInt8(ascii: "]"):
      // `4`, `10` to `19`, `52`, `l`, `L` and others: a number and a semicolon, or a title.
      if let first = rest.first, first == UInt8(ascii: "l") || first == UInt8(ascii: "L") { return .possible }
      let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard digits.count <= 5 else { return .none }
      guard let next = rest.dropFirst(digits.count).first else { return .possible }
      return !digits.isEmpty && next == UInt8(ascii: ";") ? .certain : .none
    case UInt8(ascii: "P"):
      // XTVERSION `>|`, DECRQSS `1$r`, XTGETTCAP `1+r`, DECRQCRA `1!~`, tertiary attributes `!|`.
      let head = rest.drop { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      for begin in [">|", "$r", "+r", "!~", "!|"].map({ Array($0.utf8) }) {
        if head.starts(with: begin) { return .certain }
        if begin.starts(with: head), rest.count <= ControlSequence.longest { return .possible }
      }
      return .none
    case UInt8(ascii: "_"):
      // Kitty's graphics.
      guard let first = rest.first else { return .possible }
      return first == UInt8(ascii: "G") ? .certain : .none
    default: return .none
    }
  }
}
