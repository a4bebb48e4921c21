/// Why a text is no JSON, and at which byte.
package struct JSONSyntaxError: Error, Sendable, Equatable {
  package var message: String
  package var offset: Int
}

extension JSON {
  /// Deepest nesting taken: the parser calls itself once a level, and no document of ours comes near.
  package static let deepestNesting = 256

  /// What is done with a document that RFC 8259 allows and that two readers may understand differently: with a member that is given twice (§4),
  /// and with a number that is too large or too small for a `Double` (§6).
  package enum Ambiguity: Sendable {
    /// It is refused: whatever is asked of a server.
    case refused
    /// Members are refused, numbers are not: of what is kept and given back byte for byte.
    case refusedInMembers
    /// The first of two members is found, the nearest number taken: for showing what somebody has stored.
    case tolerated
  }

  package init(parsing text: String, ambiguity: Ambiguity = .refused) throws(JSONSyntaxError) {
    try self.init(parsing: Array(text.utf8), ambiguity: ambiguity)
  }

  /// Reads one document with nothing but white space around it. Invalid UTF-8 inside strings is replaced, as the
  /// Unicode standard has it; everything else that RFC 8259 does not allow is refused.
  package init(parsing bytes: [UInt8], ambiguity: Ambiguity = .refused) throws(JSONSyntaxError) {
    var parser = JSONParser(bytes, ambiguity)
    self = try parser.document()
  }
}

/// The names of one object's members so far: a few are compared, many are looked up.
struct MemberNames {
  private static let few = 16
  private var list: [String] = []
  private var set: Set<String> = []

  /// False when the name was there.
  mutating func insert(_ name: String) -> Bool {
    if set.isEmpty, list.count < MemberNames.few {
      if list.contains(name) { return false }
      list.append(name)
      return true
    }
    if set.isEmpty { set = Set(list) }
    return set.insert(name).inserted
  }
}

private struct JSONParser {
  private let bytes: [UInt8]
  private let refusesNames: Bool
  private let refusesNumbers: Bool
  private var offset = 0

  init(_ bytes: [UInt8], _ ambiguity: JSON.Ambiguity) {
    self.bytes = bytes
    refusesNames = ambiguity != .tolerated
    refusesNumbers = ambiguity == .refused
  }

  mutating func document() throws(JSONSyntaxError) -> JSON {
    let value = try value(depth: 0)
    skipSpace()
    guard offset == bytes.count else { throw failure("something follows the document") }
    return value
  }

  private func failure(_ message: String) -> JSONSyntaxError {
    JSONSyntaxError(message: message, offset: offset)
  }

  private var next: UInt8? {
    offset < bytes.count ? bytes[offset] : nil
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { offset += 1 }
  }

  private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: scalar) else { return false }
    offset += 1
    return true
  }

  private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSON {
    guard depth < JSON.deepestNesting else { throw failure("nested too deep") }
    skipSpace()
    guard let next else { throw failure("the document ends too early") }
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw failure("this begins no value")
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSON) throws(JSONSyntaxError) -> JSON {
    let count = text.utf8CodeUnitCount
    let matches = text.withUTF8Buffer { word in
      offset + count <= bytes.count && bytes[offset..<offset + count].elementsEqual(word)
    }
    guard matches else { throw failure("this begins no value") }
    offset += count
    return value
  }

  private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSON {
    offset += 1
    var members: [JSON.Member] = []
    var names = MemberNames()
    skipSpace()
    if skip("}") { return .object(members) }
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw failure("a member needs a name in quotes") }
      let name = try string()
      guard !refusesNames || names.insert(name) else { throw failure("'\(name.prefix(80))' is given twice") }
      skipSpace()
      guard skip(":") else { throw failure("':' is missing") }
      members.append(JSON.Member(name, try value(depth: depth + 1)))
      skipSpace()
      if skip("}") { return .object(members) }
      guard skip(",") else { throw failure("',' or '}' is missing") }
    }
  }

  private mutating func array(depth: Int) throws(JSONSyntaxError) -> JSON {
    offset += 1
    var elements: [JSON] = []
    skipSpace()
    if skip("]") { return .array(elements) }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      if skip("]") { return .array(elements) }
      guard skip(",") else { throw failure("',' or ']' is missing") }
    }
  }

  private mutating func digits() -> Int {
    let start = offset
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { offset += 1 }
    return offset - start
  }

  private mutating func number() throws(JSONSyntaxError) -> JSON {
    let start = offset
    var isWhole = true
    _ = skip("-")
    let leadingZero = next == UInt8(ascii: "0")
    let count = digits()
    guard count > 0, !(leadingZero && count > 1) else { throw failure("this is no number") }
    if skip(".") {
      isWhole = false
      guard digits() > 0 else { throw failure("this is no number") }
    }
    if skip("e") || skip("E") {
      isWhole = false
      if !skip("+") { _ = skip("-") }
      guard digits() > 0 else { throw failure("this is no number") }
    }
    let text = String(decoding: bytes[start..<offset], as: UTF8.self)
    if isWhole, let value = Int(text) { return .integer(value) }
    guard var value = Double(text), value.isFinite || !refusesNumbers else { throw failure("the number is too large") }
    if !value.isFinite { value = value < 0 ? -.greatestFiniteMagnitude : .greatestFiniteMagnitude }
    if refusesNumbers, value == 0, text.utf8.prefix(while: { $0 | 0x20 != 0x65 }).contains(where: { $0 &- 0x31 < 9 }) {
      throw failure("the number is too small, and is not 0")
    }
    return .number(value)
  }

  private mutating func string() throws(JSONSyntaxError) -> String {
    offset += 1
    let start = offset
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { offset += 1 }
    if next == UInt8(ascii: "\"") {
      defer { offset += 1 }
      return String(decoding: bytes[start..<offset], as: UTF8.self)
    }
    var text = Array(bytes[start..<offset])
    while let byte = next {
      offset += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20: throw failure("a control character in a string must be escaped")
      default: text.append(byte)
      }
    }
    throw failure("the string does not end")
  }

  private mutating func escape(into text: inout [UInt8]) throws(JSONSyntaxError) {
    guard let byte = next else { throw failure("the string does not end") }
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0c)
    case UInt8(ascii: "n"): text.append(0x0a)
    case UInt8(ascii: "r"): text.append(0x0d)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): text.append(contentsOf: String(try unicodeEscape()).utf8)
    default: throw failure("there is no such escape")
    }
  }

  private mutating func unicodeEscape() throws(JSONSyntaxError) -> Unicode.Scalar {
    let first = try hexUnit()
    guard (0xd800..<0xdc00).contains(first) else { return Unicode.Scalar(first) ?? "\u{fffd}" }
    // A pair of surrogates is one character; half a pair is none.
    let afterFirst = offset
    guard skip("\\"), skip("u") else {
      offset = afterFirst
      return "\u{fffd}"
    }
    let second = try hexUnit()
    guard (0xdc00..<0xe000).contains(second) else {
      offset = afterFirst
      return "\u{fffd}"
    }
    return Unicode.Scalar(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)) ?? "\u{fffd}"
  }

  private mutating func hexUnit() throws(JSONSyntaxError) -> UInt32 {
    guard offset + 4 <= bytes.count else { throw failure("the string does not end") }
    var value: UInt32 = 0
    for byte in bytes[offset..<offset + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { throw failure("\\u needs four digits") }
      value = value << 4 | UInt32(digit)
    }
    offset += 4
    return value
  }
}
