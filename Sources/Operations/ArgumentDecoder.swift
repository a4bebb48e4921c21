/// Values that came as text (path, query) or as the raw body, laid over the JSON body.
struct Overlay: Sendable {
  var texts: [(name: String, value: String)]
  var raw: [UInt8]?
  var rawField: String?

  func text(_ name: String) -> String? { texts.first { $0.name == name }?.value }
}

/// Bytes for a terminal: in JSON a string (its UTF-8), over REST the body as it is.
package struct InputBytes: Sendable, Decodable, SchemaDescribing {
  package let bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  package init(from decoder: any Decoder) throws {
    bytes = Array(try decoder.singleValueContainer().decode(String.self).utf8)
  }

  package static let schema = Schema.string()
  package static let sample = InputBytes([])
}

struct AnyKey: CodingKey {
  var stringValue: String
  var intValue: Int? { nil }
  init(_ name: String) { stringValue = name }
  init?(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

/// Decodes an operation's input from the overlay first and the JSON body second. Swift's camel-case names meet JSON's snake case here.
struct ArgumentDecoder: Decoder {
  let overlay: Overlay
  let base: any Decoder
  let container: KeyedDecodingContainer<AnyKey>

  init(overlay: Overlay, base: any Decoder, container: KeyedDecodingContainer<AnyKey>) {
    self.overlay = overlay
    self.base = base
    self.container = container
  }

  /// For a call without a JSON body, which most are: a general decoder of `{}` would cost more than all the rest.
  init(overlay: Overlay) {
    self.init(overlay: overlay, base: NoBody(), container: KeyedDecodingContainer(NoBody.Fields<AnyKey>()))
  }

  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy: Key.Type) -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(Keyed<Key>(overlay: overlay, body: container))
  }
  func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try base.unkeyedContainer() }
  func singleValueContainer() throws -> any SingleValueDecodingContainer { try base.singleValueContainer() }

  private struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let overlay: Overlay
    let body: KeyedDecodingContainer<AnyKey>

    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }

    private func name(_ key: Key) -> String { snakeCased(key.stringValue) }

    func contains(_ key: Key) -> Bool {
      let name = name(key)
      return overlay.text(name) != nil || overlay.rawField == name || body.contains(AnyKey(name))
    }

    func decodeNil(forKey key: Key) throws -> Bool {
      let name = name(key)
      if overlay.text(name) != nil || overlay.rawField == name { return false }
      return try body.decodeNil(forKey: AnyKey(name))
    }

    func decode<V: Decodable>(_ type: V.Type, forKey key: Key) throws -> V {
      let name = name(key)
      if overlay.rawField == name, let raw = overlay.raw, let value = InputBytes(raw) as? V { return value }
      if let text = overlay.text(name) {
        return try TextDecoder.decode(type, from: text, path: [AnyKey(name)])
      }
      return try body.decode(type, forKey: AnyKey(name))
    }

    func nestedContainer<N: CodingKey>(keyedBy type: N.Type, forKey key: Key) throws -> KeyedDecodingContainer<N> {
      try body.nestedContainer(keyedBy: type, forKey: AnyKey(name(key)))
    }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
      try body.nestedUnkeyedContainer(forKey: AnyKey(name(key)))
    }
    func superDecoder() throws -> any Decoder { try body.superDecoder() }
    func superDecoder(forKey key: Key) throws -> any Decoder { try body.superDecoder(forKey: AnyKey(name(key))) }
  }
}

/// The JSON body that was not sent: an object without fields.
private struct NoBody: Decoder {
  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(Fields<Key>())
  }
  func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw mismatch([Any].self) }
  func singleValueContainer() throws -> any SingleValueDecodingContainer { throw mismatch(Any.self) }

  private func mismatch(_ type: Any.Type) -> DecodingError {
    .typeMismatch(type, .init(codingPath: [], debugDescription: "an object is needed"))
  }

  struct Fields<Key: CodingKey>: KeyedDecodingContainerProtocol {
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }

    private func missing(_ key: any CodingKey) -> DecodingError {
      .keyNotFound(key, .init(codingPath: [], debugDescription: "there is no body"))
    }

    func contains(_ key: Key) -> Bool { false }
    func decodeNil(forKey key: Key) throws -> Bool { throw missing(key) }
    func decode<V: Decodable>(_ type: V.Type, forKey key: Key) throws -> V { throw missing(key) }
    func nestedContainer<N: CodingKey>(keyedBy type: N.Type, forKey key: Key) throws -> KeyedDecodingContainer<N> {
      throw missing(key)
    }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { throw missing(key) }
    func superDecoder() throws -> any Decoder { throw missing(AnyKey("super")) }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw missing(key) }
  }
}

/// Decodes one value from the text of a path segment or a query parameter. A list is written with commas.
struct TextDecoder: Decoder, SingleValueDecodingContainer {
  let text: String
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  static func decode<V: Decodable>(_ type: V.Type, from text: String, path: [any CodingKey]) throws -> V {
    let decoder = TextDecoder(text: text, codingPath: path)
    switch type {
    case is String.Type: if let value = text as? V { return value }
    case is Int.Type: if let value = try decoder.number(Int.self) as? V { return value }
    case is UInt64.Type: if let value = try decoder.number(UInt64.self) as? V { return value }
    case is Bool.Type: if let value = try decoder.decode(Bool.self) as? V { return value }
    default: break
    }
    return try V(from: decoder)
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    throw mismatch(type, "an object")
  }
  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    CommaList(
      items: text.split(separator: ",", omittingEmptySubsequences: false).map(String.init),
      path: codingPath)
  }
  func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

  private func mismatch(_ type: Any.Type, _ word: String) -> DecodingError {
    .typeMismatch(type, .init(codingPath: codingPath, debugDescription: "\(word) cannot be given here"))
  }

  private func number<N: FixedWidthInteger>(_ type: N.Type) throws -> N {
    guard let value = N(text) else {
      throw DecodingError.typeMismatch(type, .init(codingPath: codingPath, debugDescription: "not a whole number"))
    }
    return value
  }

  func decodeNil() -> Bool { false }
  func decode(_ type: Bool.Type) throws -> Bool {
    switch text {
    case "true", "1", "yes", "": true
    case "false", "0", "no": false
    default:
      throw DecodingError.typeMismatch(type, .init(codingPath: codingPath, debugDescription: "not true or false"))
    }
  }
  func decode(_ type: String.Type) throws -> String { text }
  func decode(_ type: Double.Type) throws -> Double {
    guard let value = Double(text) else { throw mismatch(type, "a number") }
    return value
  }
  func decode(_ type: Float.Type) throws -> Float { Float(try decode(Double.self)) }
  func decode(_ type: Int.Type) throws -> Int { try number(type) }
  func decode(_ type: Int8.Type) throws -> Int8 { try number(type) }
  func decode(_ type: Int16.Type) throws -> Int16 { try number(type) }
  func decode(_ type: Int32.Type) throws -> Int32 { try number(type) }
  func decode(_ type: Int64.Type) throws -> Int64 { try number(type) }
  func decode(_ type: UInt.Type) throws -> UInt { try number(type) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try number(type) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try number(type) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try number(type) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try number(type) }
  func decode<T: Decodable>(_ type: T.Type) throws -> T { try TextDecoder.decode(type, from: text, path: codingPath) }

  private struct CommaList: UnkeyedDecodingContainer {
    let items: [String]
    let path: [any CodingKey]
    var currentIndex = 0

    init(items: [String], path: [any CodingKey]) {
      self.items = items
      self.path = path
    }

    var codingPath: [any CodingKey] { path }
    var count: Int? { items.count }
    var isAtEnd: Bool { currentIndex >= items.count }

    mutating func decodeNil() -> Bool { false }
    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
      guard !isAtEnd else {
        throw DecodingError.valueNotFound(type, .init(codingPath: path, debugDescription: "the list has ended"))
      }
      defer { currentIndex += 1 }
      return try TextDecoder.decode(type, from: items[currentIndex], path: path)
    }
    mutating func nestedContainer<N: CodingKey>(keyedBy type: N.Type) throws -> KeyedDecodingContainer<N> {
      throw DecodingError.typeMismatch(
        type, .init(codingPath: path, debugDescription: "an object cannot be given here"))
    }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
      throw DecodingError.typeMismatch(
        [Any].self, .init(codingPath: path, debugDescription: "a list of lists cannot be given here"))
    }
    mutating func superDecoder() throws -> any Decoder {
      throw DecodingError.typeMismatch(Any.self, .init(codingPath: path, debugDescription: "cannot be given here"))
    }
  }
}
