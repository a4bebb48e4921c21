import Formats

/// Who a wsh server says it is.
package struct WshInfo: Sendable, Equatable {
  package var hostname: String
  /// wsh makes a new one at every start.
  package var serverID: String
  package var version: String

  /// The answer to `GET /server/info`; `nil` when it is not one that can be used: names end up in addresses, lists and logs.
  init?(_ document: [UInt8]) {
    guard let json = try? JSON(parsing: document), let hostname = json["hostname"].string,
      WshInfo.isName(hostname, maximum: 253), let id = json["server_id"].string, WshInfo.isName(id, maximum: 64)
    else { return nil }
    self.hostname = hostname
    serverID = id
    version = json["version"].string.flatMap { WshInfo.isName($0, maximum: 64) ? $0 : nil } ?? "unknown"
  }

  /// Letters, digits, `-`, `_`, `.` and `+`: no separator of a path, of `server:session`, or of a line.
  private static func isName(_ text: String, maximum: Int) -> Bool {
    (1...maximum).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        switch $0 {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E, 0x5F: true
        default: false
        }
      }
  }
}

/// The list of sessions that a wsh server gives.
enum WshSessions {
  /// Most that are taken of one server: forty times what one has by default.
  static let maximum = 10_000

  /// The records of the server's own sessions, each as it was sent; `nil` when the document is no list. A hub among wsh servers lists those
  /// of its backends too, which are not reached through it.
  static func own(_ document: [UInt8], of hostname: String) -> [ArraySlice<UInt8>]? {
    guard let records = elements(of: document) else { return nil }
    return records.filter { record in
      guard let members = JSONText.members(of: record), let name = text("name", members) else { return false }
      return (1...64).contains(name.utf8.count) && text("server", members) ?? hostname == hostname
    }
  }

  /// The records within a limit to some names.
  static func limited(_ records: [ArraySlice<UInt8>], to names: [String]?) -> [ArraySlice<UInt8>] {
    guard let names else { return records }
    let allowed = Set(names)
    return records.filter { JSONText.members(of: $0).flatMap { text("name", $0) }.map(allowed.contains) ?? false }
  }

  private static func elements(of document: [UInt8]) -> [ArraySlice<UInt8>]? {
    JSONText.elements(of: document[...]).flatMap { $0.count <= maximum ? $0 : nil }
  }

  private static func text(_ name: String, _ members: [(name: String, value: ArraySlice<UInt8>)]) -> String? {
    members.last { $0.name == name }.flatMap { JSONText.string($0.value) }
  }
}
