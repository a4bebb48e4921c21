import Formats

extension Schema {
  /// The schema of any `Decodable`, read off its own `init(from:)`: stated once, so nothing can drift apart.
  package static func of<Value: Decodable>(_ type: Value.Type) -> Schema { SchemaRecorder.record(type).schema }
}

/// A decoder that answers every request with a sample and writes down what was asked for.
private final class SchemaRecorder: Decoder {
  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }
  private var fields: [Schema.Field] = []

  private struct Unsupported: Error {}

  static func record<Value: Decodable>(_ type: Value.Type) -> (schema: Schema, value: Value?) {
    if let known = type as? any SchemaDescribing.Type { return (known.schema, known.sample as? Value) }
    switch type {
    case is String.Type: return (.string(), "" as? Value)
    case is Bool.Type: return (.boolean, false as? Value)
    case is Int.Type, is Int32.Type, is Int64.Type:
      return (.integer(nil), (0 as? Value) ?? (Int32(0) as? Value) ?? (Int64(0) as? Value))
    case is UInt64.Type: return (.integer(0...Int.max), UInt64(0) as? Value)
    case is UInt32.Type: return (.integer(0...Int(UInt32.max)), UInt32(0) as? Value)
    case is Double.Type: return (.number, 0.0 as? Value)
    case is Timestamp.Type: return (.string(format: .dateTime), Timestamp(milliseconds: 0) as? Value)
    default: break
    }
    if let container = type as? any ContainerDescribing.Type {
      return (container.containerSchema, container.emptyContainer as? Value)
    }
    let recorder = SchemaRecorder()
    let value = try? Value(from: recorder)
    if let meanings = (type as? any MeaningTelling.Type)?.meanings { recorder.add(meanings) }
    guard let nulls = (type as? any NullTelling.Type)?.nullMembers else { return (.object(recorder.fields), value) }
    let fields = recorder.fields.map { field in
      nulls.contains(field.name) ? Schema.Field(field.name, .optional(field.schema)) : field
    }
    return (.object(fields), value)
  }

  private func add(_ meanings: [FieldMeaning]) {
    for meaning in meanings {
      guard let place = fields.firstIndex(where: { $0.name == meaning.name }) else {
        preconditionFailure("there is no field '\(meaning.name)' that could mean anything")
      }
      fields[place].meaning = meaning
    }
  }

  func container<Key: CodingKey>(keyedBy: Key.Type) -> KeyedDecodingContainer<Key> { .init(Keyed<Key>(recorder: self)) }
  func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw Unsupported() }
  func singleValueContainer() throws -> any SingleValueDecodingContainer { throw Unsupported() }

  private struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let recorder: SchemaRecorder
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool { true }
    func decodeNil(forKey key: Key) -> Bool { false }

    private func note<V: Decodable>(_ type: V.Type, _ key: Key, required: Bool) -> V? {
      let (schema, value) = SchemaRecorder.record(type)
      recorder.fields.append(.init(snakeCased(key.stringValue), schema, required: required))
      return value
    }

    func decode<V: Decodable>(_ type: V.Type, forKey key: Key) throws -> V {
      guard let value = note(type, key, required: true) else { throw Unsupported() }
      return value
    }

    func decodeIfPresent<V: Decodable>(_ type: V.Type, forKey key: Key) throws -> V? {
      note(type, key, required: false)
    }
    // The protocol's own overloads for the standard types would otherwise go through `decodeNil` and `decode`, and make an
    // optional field look required.
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { note(type, key, required: false) }
    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { note(type, key, required: false) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { note(type, key, required: false) }
    func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? { note(type, key, required: false) }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { note(type, key, required: false) }
    func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? { note(type, key, required: false) }
    func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? { note(type, key, required: false) }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? { note(type, key, required: false) }
    func nestedContainer<N: CodingKey>(keyedBy: N.Type, forKey: Key) throws -> KeyedDecodingContainer<N> {
      throw Unsupported()
    }
    func nestedUnkeyedContainer(forKey: Key) throws -> any UnkeyedDecodingContainer { throw Unsupported() }
    func superDecoder() throws -> any Decoder { throw Unsupported() }
    func superDecoder(forKey: Key) throws -> any Decoder { throw Unsupported() }
  }
}

private protocol ContainerDescribing {
  static var containerSchema: Schema { get }
  static var emptyContainer: Self { get }
}

extension Array: ContainerDescribing where Element: Decodable {
  static var containerSchema: Schema { .array(.of(Element.self)) }
  static var emptyContainer: Self { [] }
}

extension Dictionary: ContainerDescribing where Key == String, Value: Decodable {
  static var containerSchema: Schema { .map(.of(Value.self)) }
  static var emptyContainer: Self { [:] }
}
