import Formats

/// A backend of a backend, as that one tells of it: for people to see what lies behind.
package struct ServerBehind: Sendable, Equatable {
  /// A UUID in lower case.
  package let serverID: String
  package let hostname: String
  package let role: Role
  package let health: Health

  package init(serverID: String, hostname: String, role: Role, health: Health) {
    self.serverID = serverID
    self.hostname = hostname
    self.role = role
    self.health = health
  }
}

/// The messages of the stream of a link with the head `{"kind":"registry"}`: each tells of all servers behind the one that sends it.
package enum ServersBehind {
  /// Longest message in bytes.
  static let maximumBytes = 512 << 10

  /// Those of the members that have said who they are.
  package static func message(_ members: [Member]) -> [UInt8] {
    var json = JSONWriter(reserving: 64 + members.count * 128)
    json.beginObject()
    json.key("servers")
    json.beginArray()
    for member in members.prefix(ClusterConfiguration.mostServers) {
      guard let id = member.serverID, let hostname = member.hostname else { continue }
      json.beginObject()
      json.key("server_id")
      json.string(id)
      json.key("hostname")
      json.string(hostname)
      json.key("role")
      json.string(member.role.rawValue)
      json.key("health")
      json.string(member.report.health.rawValue)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.finish()
  }

  /// Reads what another server says; `nil` for what is no such message. A server that is not as it should be is left out: a role or a health of
  /// a later version is no reason to see none of them.
  package static func parse(_ text: [UInt8]) -> [ServerBehind]? {
    guard text.count <= maximumBytes,
      let list = JSONText.members(of: text[...])?.last(where: { $0.name == "servers" })?.value,
      let elements = JSONText.elements(of: list), elements.count <= ClusterConfiguration.mostServers
    else { return nil }
    return elements.compactMap { element in
      let members = JSONText.members(of: element) ?? []
      func text(_ name: String) -> String? { members.last { $0.name == name }.flatMap { JSONText.string($0.value) } }
      guard
        let identity = BackendIdentity(
          serverID: text("server_id") ?? "", hostname: text("hostname") ?? "", version: ""),
        let role = text("role").flatMap(Role.init), let health = text("health").flatMap(Health.init)
      else { return nil }
      return ServerBehind(
        serverID: identity.serverID, hostname: identity.hostname, role: role, health: health)
    }
  }
}
