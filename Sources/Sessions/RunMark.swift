/// A mark (OSC 133) that says where the output of one run begins or ends:
/// `133;C;…;run=ID`, and `133;D;STATUS;…;run=ID` or `133;P;roost=back;…;run=ID`, with other options among them.
struct RunMark: Equatable {
  enum Kind: Equatable {
    case outputStart
    /// `isPadded`: blanks were printed behind the output.
    case commandEnd(exitStatus: Int?, isPadded: Bool = false)
  }
  let kind: Kind

  /// Fields of a mark that are looked at; a shell sends a few.
  private static let fieldLimit = 32

  /// Reads the text of an OSC; `nil` for whatever is not a mark with this very identity.
  init?(_ text: [UInt8], run: [UInt8]) {
    guard text.starts(with: "133;".utf8) else { return nil }
    let fields = text[4...].split(separator: 0x3B, maxSplits: RunMark.fieldLimit, omittingEmptySubsequences: false)
    guard let letter = fields.first, letter.count == 1 else { return nil }
    var isOurs = false
    let isPadded = fields.contains { $0.elementsEqual("pad=1".utf8) }
    for field in fields.dropFirst() where field.starts(with: "run=".utf8) {
      // One of another run beside ours is nobody's.
      guard field.dropFirst(4).elementsEqual(run) else { return nil }
      isOurs = true
    }
    guard isOurs else { return nil }
    switch letter.first {
    case 0x43: kind = .outputStart
    case 0x44:
      kind = .commandEnd(exitStatus: fields.count > 1 ? RunMark.number(fields[1]) : nil, isPadded: isPadded)
    // The prompt of a plain shell that gave the whole command up: what follows is the prompt.
    case 0x50 where fields.count > 1 && fields[1].elementsEqual("roost=back".utf8): kind = .commandEnd(exitStatus: nil)
    default: return nil
    }
  }

  /// Whether it is the mark of the end of a command that carries one of those fields.
  static func isEnd(_ text: [UInt8], of fields: [[UInt8]]) -> Bool {
    guard text.starts(with: "133;D;".utf8) else { return false }
    return text.split(separator: 0x3B, maxSplits: fieldLimit).contains { field in
      fields.contains { field.elementsEqual($0) }
    }
  }

  /// Whether it is the mark of the beginning of a prompt that carries that field, and a number above that one.
  static func isPrompt(_ text: [UInt8], of sign: [UInt8], after number: UInt64) -> Bool {
    guard text.starts(with: "133;A;".utf8) else { return false }
    let fields = text.split(separator: 0x3B, maxSplits: fieldLimit)
    return fields.contains { $0.elementsEqual(sign) }
      && fields.contains { field in
        field.starts(with: "n=".utf8)
          && UInt64(String(decoding: field.dropFirst(2), as: UTF8.self)).map { $0 > number } == true
      }
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard digits.count <= 11 else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
  }
}
