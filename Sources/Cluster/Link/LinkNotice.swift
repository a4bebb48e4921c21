import Formats
import Store

/// A message about the link that is not counted: text, one JSON object. Members that are not known are ignored.
struct LinkNotice {
  /// The dialler's chain of hubs has become this.
  var via: [String]?

  init(via: [String]) { self.via = via }

  init?(parsing text: [UInt8]) {
    guard text.count <= LinkHello.maximumBytes, let document = try? JSON(parsing: text) else { return nil }
    if let via = document["via"].array?.compactMap(\.string), via.count <= LinkHello.longestChain,
      via.allSatisfy(isUUID)
    {
      self.via = via
    }
  }

  var encoded: [UInt8] {
    JSON.object([.init("via", .array((via ?? []).map { .string($0) }))]).bytes
  }
}
