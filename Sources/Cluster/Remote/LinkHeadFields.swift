import Formats

/// The members of one object of a head, taken out one by one and checked. Of a member that is repeated the last counts.
struct LinkHeadFields {
  private let members: [(name: String, value: ArraySlice<UInt8>)]

  init(_ text: ArraySlice<UInt8>, _ name: String) throws(LinkHeadError) {
    guard let members = JSONText.members(of: text) else { throw LinkHeadError("\(name) is not a JSON object") }
    self.members = members
  }

  private func value(_ name: String) -> ArraySlice<UInt8>? {
    guard let value = members.last(where: { $0.name == name })?.value, !JSONText.isNull(value) else { return nil }
    return value
  }

  func text(_ name: String, atMost limit: Int) throws(LinkHeadError) -> String {
    guard let text = try optionalText(name, atMost: limit) else { throw LinkHeadError("'\(name)' is missing") }
    return text
  }

  func optionalText(_ name: String, atMost limit: Int) throws(LinkHeadError) -> String? {
    guard let value = value(name) else { return nil }
    return try LinkHeadFields.text(value, name, atMost: limit)
  }

  /// `nil` where there is no such member.
  func texts(_ name: String, count: Int, atMost limit: Int) throws(LinkHeadError) -> [String]? {
    guard let value = value(name) else { return nil }
    var texts: [String] = []
    for element in try LinkHeadFields.elements(value, name, count: count) {
      texts.append(try LinkHeadFields.text(element, name, atMost: limit))
    }
    return texts
  }

  /// A list of pairs of texts.
  func parameters(_ name: String) throws(LinkHeadError) -> [RemoteRequest.Parameter] {
    guard let value = value(name) else { return [] }
    var parameters: [RemoteRequest.Parameter] = []
    for element in try LinkHeadFields.elements(value, name, count: LinkHead.maximumParameters) {
      let pair = try LinkHeadFields.elements(element, name, count: 2)
      guard pair.count == 2 else { throw LinkHeadError("'\(name)' must hold pairs") }
      parameters.append(
        RemoteRequest.Parameter(
          try LinkHeadFields.text(pair[0], name, atMost: LinkHead.maximumName),
          try LinkHeadFields.text(pair[1], name, atMost: LinkHead.maximumText)))
    }
    return parameters
  }

  func object(_ name: String) throws(LinkHeadError) -> LinkHeadFields {
    guard let value = value(name) else { throw LinkHeadError("'\(name)' is missing") }
    return try LinkHeadFields(value, "'\(name)'")
  }

  /// Any value, already known to be JSON; `nil` where there is none.
  func json(_ name: String) -> JSON? { value(name).flatMap { try? JSON(parsing: Array($0)) } }

  func integer(_ name: String) throws(LinkHeadError) -> Int {
    guard let number = value(name).flatMap({ JSONText.integer($0) }) else {
      throw LinkHeadError("'\(name)' must be a whole number")
    }
    return number
  }

  private static func elements(
    _ value: ArraySlice<UInt8>, _ name: String, count: Int
  ) throws(LinkHeadError) -> [ArraySlice<UInt8>] {
    guard let elements = JSONText.elements(of: value) else { throw LinkHeadError("'\(name)' must be a list") }
    guard elements.count <= count else { throw LinkHeadError("'\(name)' is longer than \(count)") }
    return elements
  }

  private static func text(
    _ value: ArraySlice<UInt8>, _ name: String, atMost limit: Int
  ) throws(LinkHeadError) -> String {
    guard let text = JSONText.string(value) else { throw LinkHeadError("'\(name)' must be text") }
    guard text.utf8.count <= limit else { throw LinkHeadError("'\(name)' is longer than \(limit) bytes") }
    return text
  }
}
