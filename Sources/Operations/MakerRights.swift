import Cluster
import Formats
import Store

/// For whom a session was made that the local user has not made: which token, and what it could do for whoever asked. Programs in the session may ask that of the
/// server over its Unix socket, for as long as the token is good, and no more. For a token of a hub that cannot be said (``ofHubsToken``), so there they may ask
/// nothing.
///
/// Kept with the session as text, so that the next server knows it too.
package struct MakerRights: Sendable, Equatable {
  /// The token's id.
  package let token: String
  /// Whom a hub has asked for; `nil` where the token's bearer has asked.
  private let onBehalfOf: String?
  /// What the hub's caller could do of what the token can; `nil` where the token's bearer has asked.
  private let scopes: [String]?
  private let sessions: [String]?
  private let tags: [String]?

  /// Longest text that goes along with a session, in bytes. Limits that are longer leave nothing.
  private static let maximumText = 16 << 10

  /// `nil` for the local user, and for anybody on a server that asks for no token: their programs may do what they may.
  package init?(_ call: Call) {
    guard let token = call.principal.tokenID else { return nil }
    self.token = token
    guard case .relayed = call.principal else {
      (onBehalfOf, scopes, sessions, tags) = (nil, nil, nil, nil)
      return
    }
    onBehalfOf = call.principal.asker
    scopes = call.access.scopes.map(\.rawValue).sorted()
    sessions = call.access.sessions?.sorted()
    tags = call.access.commonTags?.sorted()
  }

  private struct Record: Codable {
    var token: String
    var onBehalfOf: String?
    var scopes: [String]?
    var sessions: [String]?
    var tags: [String]?
  }

  package var text: String {
    var record = Record(token: token, onBehalfOf: onBehalfOf, scopes: scopes, sessions: sessions, tags: tags)
    if let bytes = try? encodeJSON(record), bytes.count <= MakerRights.maximumText {
      return String(decoding: bytes, as: UTF8.self)
    }
    (record.scopes, record.sessions, record.tags) = ([], [], [])
    return (try? encodeJSON(record)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  /// `nil` for a text that is none of ours.
  package init?(text: String) {
    guard let json = try? JSON(parsing: Array(text.utf8)), let token = json["token"].string else { return nil }
    func list(_ name: String) -> [String]? { json[name].array?.compactMap(\.string) }
    self.token = token
    onBehalfOf = json["on_behalf_of"].string
    scopes = list("scopes")
    sessions = list("sessions")
    tags = list("tags")
    // One without its limits would be without limits.
    if onBehalfOf != nil, scopes == nil { return nil }
  }

  /// Whether a hub has asked for the bearer of a token of its own. Nobody here hears of the end of that token, and the hub need not be there to be asked. A
  /// hub's owner, and anybody at a hub that asks for no token, may ask for as long as the hub may; whoever else it names (``Principal/asker``) is taken for
  /// such a bearer.
  package var ofHubsToken: Bool {
    guard let onBehalfOf else { return false }
    return !onBehalfOf.hasPrefix("user:") && onBehalfOf != Principal.anonymous.description
  }

  /// What is left of what the token allows now.
  package func narrow(_ principal: Principal, _ access: Access) -> (Principal, Access) {
    guard let onBehalfOf, let scopes else { return (principal, access) }
    let narrowed = access.narrowed(to: .init(scopes: scopes, sessions: sessions, tags: tags, role: .member))
    return (.relayed(by: principal, for: onBehalfOf), narrowed)
  }
}
