extension RawRepresentable where Self: Decodable & CaseIterable, RawValue == String {
  /// One word of several. Whoever gives another one is told which there are.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let value = Self(rawValue: try container.decode(String.self)) else {
      let known = Self.allCases.map(\.rawValue)
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "give \(known.count > 1 ? "one of " : "")\(known.joined(separator: ", "))"))
    }
    self = value
  }
}
