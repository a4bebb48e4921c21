/// Header fields in the order they came, names compared without regard to case (RFC 9110 §5).
///
/// Kept as bytes with offsets: a request costs two allocations whatever it carries, and text is made only of the fields
/// someone asks for.
package struct HTTPHeaders: Sendable {
  private(set) var bytes: [UInt8]
  private(set) var fields: [Field]

  /// Where one field lies in `bytes`.
  struct Field: Sendable {
    var nameStart: Int32
    var nameCount: Int32
    var valueStart: Int32
    var valueCount: Int32
  }

  package init() {
    bytes = []
    fields = []
  }

  package init(_ pairs: [(String, String)]) {
    self.init()
    for (name, value) in pairs { append(name, value) }
  }

  /// Takes fields found by a parser; their offsets must lie in `bytes`.
  init(bytes: [UInt8], fields: [Field]) {
    self.bytes = bytes
    self.fields = fields
  }

  package var count: Int { fields.count }
  package var isEmpty: Bool { fields.isEmpty }

  /// The first field of that name. Bytes that are not UTF-8 become U+FFFD.
  package subscript(first name: String) -> String? {
    index(of: name).map { string(fields[$0].valueStart, fields[$0].valueCount) }
  }

  /// Every value of that name, in order.
  package func all(_ name: String) -> [String] {
    fields.filter { HTTPHeaders.matches(bytes, $0, name) }.map { string($0.valueStart, $0.valueCount) }
  }

  /// Every field, in order.
  package var pairs: [(name: String, value: String)] {
    fields.map { (string($0.nameStart, $0.nameCount), string($0.valueStart, $0.valueCount)) }
  }

  /// Adds a field after the others. A name that is not a token is left out; bytes that may not stand in a value (such as
  /// line breaks, which would forge fields) become spaces.
  package mutating func append(_ name: String, _ value: String) {
    var name = name
    var value = value
    let valid = name.withUTF8 { utf8 in !utf8.isEmpty && utf8.allSatisfy(ASCII.isToken) }
    guard valid, bytes.count + name.utf8.count + value.utf8.count < Int(Int32.max) else { return }
    let nameStart = bytes.count
    name.withUTF8 { bytes.append(contentsOf: $0) }
    let valueStart = bytes.count
    value.withUTF8 { bytes.append(contentsOf: $0) }
    for index in valueStart..<bytes.count where !ASCII.isFieldContent(bytes[index]) { bytes[index] = ASCII.space }
    fields.append(
      Field(
        nameStart: Int32(nameStart), nameCount: Int32(valueStart - nameStart), valueStart: Int32(valueStart),
        valueCount: Int32(bytes.count - valueStart)))
  }

  /// Puts one field in the place of all of that name.
  package mutating func set(_ name: String, _ value: String) {
    remove(name)
    append(name, value)
  }

  package mutating func remove(_ name: String) {
    let bytes = bytes
    fields.removeAll { HTTPHeaders.matches(bytes, $0, name) }
  }

  /// Is `token` in the comma-separated lists of that name, without regard to case? `token` is lower case.
  func list(_ name: StaticString, has token: StaticString) -> Bool {
    withFields { fieldName, value in ASCII.equal(fieldName, name) && ASCII.list(value, has: token) }
  }

  /// Calls `body` with name and value of each field until it returns true; was it ever?
  @inline(__always)
  func withFields(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool) -> Bool {
    bytes.withUnsafeBytes { all in
      for field in fields {
        let name = UnsafeRawBufferPointer(
          rebasing: all[Int(field.nameStart)..<Int(field.nameStart + field.nameCount)])
        let value = UnsafeRawBufferPointer(
          rebasing: all[Int(field.valueStart)..<Int(field.valueStart + field.valueCount)])
        if body(name, value) { return true }
      }
      return false
    }
  }

  private func index(of name: String) -> Int? {
    fields.firstIndex { HTTPHeaders.matches(bytes, $0, name) }
  }

  private static func matches(_ bytes: [UInt8], _ field: Field, _ name: String) -> Bool {
    let utf8 = name.utf8
    guard utf8.count == Int(field.nameCount) else { return false }
    var at = Int(field.nameStart)
    for byte in utf8 {
      if ASCII.lowered(byte) != ASCII.lowered(bytes[at]) { return false }
      at += 1
    }
    return true
  }

  private func string(_ start: Int32, _ count: Int32) -> String {
    String(decoding: bytes[Int(start)..<Int(start + count)], as: UTF8.self)
  }
}

extension HTTPHeaders: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral elements: (String, String)...) {
    self.init(elements)
  }
}

extension HTTPHeaders: Equatable {
  package static func == (left: HTTPHeaders, right: HTTPHeaders) -> Bool {
    let (a, b) = (left.pairs, right.pairs)
    return a.count == b.count
      && zip(a, b).allSatisfy { $0.name.lowercased() == $1.name.lowercased() && $0.value == $1.value }
  }
}
