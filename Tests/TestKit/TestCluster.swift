package import Formats
import Glibc
import Net
import Synchronization
import Sys

/// How quickly a hub of a test notices that a backend is gone.
package enum Patience: Sendable {
  /// Soon: for tests that wait for it. A machine under load may make a backend late that is well.
  case short
  /// So late that a test sees nothing of it.
  case long

  var configuration: String {
    switch self {
    case .short: "[link]\nping_ms = 200\ndeadline_ms = 1500\n"
    case .long: "[link]\nping_ms = 1000\ndeadline_ms = 20000\n"
    }
  }
}

/// A server of a cluster, in a home of its own, with a stretch of network before its door: its address is the same however often it starts.
package final class ClusterServer: Sendable {
  package let roost: Roost
  package let name: String
  /// What stands between it and everybody who dials it.
  package let relay: Relay
  /// Taken by every server of the cluster.
  package let token: String
  private let arguments: [String]

  package init(_ name: String, token: String, patience: Patience, arguments: [String] = []) throws {
    self.name = name
    self.token = token
    self.arguments = arguments
    roost = try Roost()
    relay = try Relay()
    try roost.configure(patience.configuration)
  }

  package var address: String { "http://127.0.0.1:\(relay.port)" }
  package var http: TestClient { roost.http }

  package func start() async throws {
    try await roost.start(["--bind", "127.0.0.1:0", "--token", token, "--hostname", name] + arguments)
    relay.target = try await port
  }

  /// Where it listens itself.
  package var port: Int {
    get async throws {
      guard case .tcp(_, let port) = try await roost.tcp().endpoint else { throw TestFailure("no TCP") }
      return port
    }
  }

  package var id: String {
    get async throws { try await http.get("/server/info")["server_id"].string ?? "" }
  }

  /// The name for it in paths, whether anything is known of it or not.
  package var path: String { "/servers/\(PercentEncoding.encode(address))" }

  // MARK: As a hub

  /// Enrols the other as a backend of this one and waits until it is in good health, or as told.
  @discardableResult
  package func enrol(
    _ other: ClusterServer, role: String = "member", token: String? = nil, health: String? = "healthy"
  ) async throws -> JSON {
    let record = try await http.post(
      "/servers",
      ["address": .string(other.address), "token": .string(token ?? other.token), "role": .string(role)])
    guard let health else { return record }
    return try await waitForHealth(health, of: other)
  }

  /// The other's record, once its health is that.
  @discardableResult
  package func waitForHealth(_ health: String..., of other: ClusterServer) async throws -> JSON {
    try await roost.waitForHealth(health, at: other.path)
  }
}

/// A hub and servers behind it.
package struct TestCluster: Sendable {
  package let hub: ClusterServer
  package let members: [ClusterServer]

  package subscript(name: String) -> ClusterServer {
    guard let member = members.first(where: { $0.name == name }) else { fatalError("no server \(name)") }
    return member
  }
}

/// Runs the body with a hub and servers of these names behind it, all of them members in good health; leaves nothing of them behind.
/// - Parameter enrolled: whether the hub knows them.
package func withCluster<Result>(
  _ names: String..., patience: Patience = .long, enrolled: Bool = true, arguments: [String] = [],
  _ body: (TestCluster) async throws -> Result
) async throws -> Result {
  let token = "a-token-of-the-cluster"
  func server(_ name: String) throws -> ClusterServer {
    try ClusterServer(name, token: token, patience: patience, arguments: arguments)
  }
  let cluster = TestCluster(hub: try server("hub"), members: try names.map(server))
  let all = [cluster.hub] + cluster.members
  defer { for server in all { server.roost.home.removeAll() } }
  try await withThrowingTaskGroup(of: Void.self) { group in
    for server in all { group.addTask { try await server.start() } }
    try await group.waitForAll()
  }
  if enrolled { for member in cluster.members { try await cluster.hub.enrol(member) } }
  do {
    return try await body(cluster)
  } catch {
    // How the hub sees it is what a person would look at first.
    let seen = (try? await cluster.hub.http.another().get("/servers").text) ?? "(no answer)"
    throw TestFailure("\(error)\n--- the hub's servers\n\(seen)\n--- its log\n\(cluster.hub.roost.log)")
  }
}

extension Roost {
  /// Writes the configuration file that the next start, or reload, reads.
  package func configure(_ text: String) throws {
    mkdir("\(home.path)/config/roost", 0o700)
    try home.write(text, to: "config/roost/config.toml")
  }

  /// The record of a backend, once its health is one of these.
  @discardableResult
  package func waitForHealth(_ health: [String], at path: String) async throws -> JSON {
    let client = http.another()
    var record = JSON.null
    do {
      try await eventually("\(path) is \(health.joined(separator: " or "))") {
        record = try await client.get(path)
        return health.contains(record["health"].string ?? "")
      }
    } catch {
      throw TestFailure("\(error)\n--- its record\n\(record.text)")
    }
    return record
  }
}
