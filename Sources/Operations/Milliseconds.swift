/// Milliseconds, 0 to one day.
package struct Milliseconds: Sendable, Decodable, SchemaDescribing {
  package let value: Int

  package static let limit = 24 * 3600 * 1000
  package static let schema = Schema.integer(0...limit)
  package static let sample = Milliseconds(0)

  package init(_ value: Int) { self.value = value }

  package init(from decoder: any Decoder) throws {
    value = try decoder.singleValueContainer().decode(Int.self)
    guard (0...Milliseconds.limit).contains(value) else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath, debugDescription: "milliseconds from 0 to \(Milliseconds.limit) are needed"))
    }
  }

  package var duration: Duration { .milliseconds(value) }
}
