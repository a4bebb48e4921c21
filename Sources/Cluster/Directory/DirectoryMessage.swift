import Formats

/// Why a backend's directory cannot be trusted: the link is closed with this reason.
package struct DirectoryFault: Error, Sendable, Equatable {
  /// A few words, without anything of the backend's.
  package let reason: String

  init(_ reason: String) { self.reason = reason }
}

/// One message of the stream of a link with the head `{"kind":"directory"}`, read and checked.
///
/// Whatever a backend sends is a stranger's: it is taken apart strictly, within bounds, and what it claims of its own origin is left out.
package enum DirectoryMessage: Sendable {
  /// Everything is told anew from here.
  case reset(serverID: String)
  /// Sessions that are told for the first time since the reset.
  case sessions([DirectoryRecord])
  /// Every session has been told.
  case ready
  /// Sessions that are new or different, and the keys of those that are gone.
  case changed([DirectoryRecord], removed: [String])

  /// Longest message, in bytes: a feed of ours sends a quarter of it, or one record that is longer.
  package static let maximumBytes = 256 << 10
  /// Most sessions that one message may tell of.
  static let maximumSessions = 4096

  package init(parsing text: [UInt8]) throws(DirectoryFault) {
    guard text.count <= DirectoryMessage.maximumBytes else { throw DirectoryFault("a directory message is too long") }
    guard let members = JSONText.members(of: text[...]) else {
      throw DirectoryFault("a directory message is no JSON object")
    }
    var known: [String: ArraySlice<UInt8>] = [:]
    for (name, value) in members {
      guard known.updateValue(value, forKey: name) == nil else {
        throw DirectoryFault("a directory message repeats a member")
      }
    }
    let kinds = ["reset", "sessions", "ready", "changed"].filter { known[$0] != nil }
    guard kinds.count <= 1 else { throw DirectoryFault("a directory message is of several kinds") }
    switch kinds.first ?? (known["removed"] == nil ? nil : "changed") {
    case "reset"?: self = .reset(serverID: try DirectoryMessage.serverID(known["reset"] ?? []))
    case "sessions"?: self = .sessions(try DirectoryMessage.records(known["sessions"]))
    case "ready"?: self = .ready
    case "changed"?:
      self = .changed(
        try DirectoryMessage.records(known["changed"]), removed: try DirectoryMessage.keys(known["removed"]))
    default: throw DirectoryFault("a directory message is of no known kind")
    }
  }

  private static func serverID(_ reset: ArraySlice<UInt8>) throws(DirectoryFault) -> String {
    guard let members = JSONText.members(of: reset),
      let id = members.first(where: { $0.name == "server_id" }).flatMap({ JSONText.string($0.value) })
    else { throw DirectoryFault("a directory begins without the server's id") }
    if let count = members.first(where: { $0.name == "count" }) {
      guard let count = JSONText.integer(count.value), count >= 0 else {
        throw DirectoryFault("a directory tells no count")
      }
      guard count <= DirectoryCopy.maximumSessions else {
        throw DirectoryFault("a directory tells of too many sessions")
      }
    }
    return id
  }

  private static func records(_ list: ArraySlice<UInt8>?) throws(DirectoryFault) -> [DirectoryRecord] {
    guard let list else { return [] }
    guard let elements = JSONText.elements(of: list), elements.count <= maximumSessions else {
      throw DirectoryFault("a directory message holds no list of sessions, or too long a one")
    }
    var records: [DirectoryRecord] = []
    records.reserveCapacity(elements.count)
    for element in elements { records.append(try DirectoryRecord(parsing: element)) }
    return records
  }

  private static func keys(_ list: ArraySlice<UInt8>?) throws(DirectoryFault) -> [String] {
    guard let list else { return [] }
    guard let elements = JSONText.elements(of: list), elements.count <= maximumSessions else {
      throw DirectoryFault("a directory message holds no list of sessions, or too long a one")
    }
    var keys: [String] = []
    for element in elements {
      guard let key = JSONText.string(element) else { throw DirectoryFault("a session that is gone has no name") }
      keys.append(key)
    }
    return keys
  }
}
