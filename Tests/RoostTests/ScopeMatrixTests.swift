import Formats
import Net
import Store
import TestKit
import Testing

/// Everything that a server's document lists, with tokens of every scope, over every surface. What is new there is tried by itself.
///
/// Each request has a parameter that nobody knows: whoever is let in is told so (400), and nothing happens.
@Suite("Who may do what", .bounded)
struct ScopeMatrixTests {
  /// One entry of the document.
  private struct Entry {
    let method: String
    let path: String
    let name: String
    let needs: Set<String>
    let isOpen: Bool
    let isWebSocket: Bool

    /// A caller of these scopes is let in; `nil` stands for one without a token.
    func admits(_ scopes: Set<String>?) -> Bool {
      guard let scopes else { return isOpen }
      return isOpen || scopes.contains("admin") || needs.isSubset(of: scopes)
    }
  }

  private static let unknown = "no_such_field"

  /// Every path of `/openapi.json`, which states for each what it needs.
  private func entries(_ client: TestClient) async throws -> [Entry] {
    var entries: [Entry] = []
    for path in try await client.get("/openapi.json")["paths"].members ?? [] {
      for method in path.value.members ?? [] {
        let scopes = try #require(method.value["x-roost-scopes"].array, "\(path.name) does not say what it needs")
        entries.append(
          Entry(
            method: method.name.uppercased(), path: path.name, name: method.value["operationId"].string ?? "",
            needs: Set(scopes.compactMap(\.string)), isOpen: method.value["security"] == [],
            isWebSocket: !method.value["responses"]["101"].isNull))
      }
    }
    return entries
  }

  /// A caller of every scope alone, of the two that a terminal needs, and one without a token.
  private func callers(_ roost: Roost) async throws -> [(scopes: Set<String>?, client: TestClient)] {
    let tcp = try await roost.tcp()
    var callers: [(Set<String>?, TestClient)] = [(nil, tcp)]
    for scopes in Scope.allCases.map({ [$0.rawValue] }) + [["sessions:read", "sessions:input"]] {
      let made = try await roost.http.post("/tokens", ["scopes": .array(scopes.map { .string($0) })])
      callers.append((Set(scopes), tcp.another(token: made["token"].string)))
    }
    return callers
  }

  private func withCallers(
    _ body: (TestClient, [Entry], [(scopes: Set<String>?, client: TestClient)]) async throws -> Void
  ) async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      try await body(roost.http, try await entries(roost.http), try await callers(roost))
    }
  }

  @Test("over REST and its sockets, whatever is served lets in exactly those that its document says")
  func rest() async throws {
    try await withCallers { _, entries, callers in
      #expect(entries.count > 50 && entries.contains { $0.isWebSocket } && entries.contains { $0.isOpen })
      for (scopes, client) in callers {
        for entry in entries {
          let (status, code) = try await attempt(entry, client)
          let isLetIn = status != 401 && status != 403
          let who = scopes?.sorted().joined(separator: "+") ?? "nobody"
          #expect(isLetIn == entry.admits(scopes), "\(who): \(entry.method) \(entry.path) is \(status) \(code)")
          if !isLetIn {
            #expect(code == (scopes == nil ? "auth_required" : "insufficient_scope"), "\(who): \(entry.path)")
          }
        }
      }
      // To watch a terminal is not to type into it.
      let reader = try #require(callers.first { $0.scopes == ["sessions:read"] }).client
      let socket = try await reader.webSocket("/sessions/a/ws/raw?readonly=true")
      await socket.close()
    }
  }

  private func attempt(_ entry: Entry, _ client: TestClient) async throws -> (status: Int, code: String) {
    let path = entry.path.replacing("{session}", with: "a").replacing(#/\{[a-z_]+\}/#, with: "1")
    let target = "\(path)?\(ScopeMatrixTests.unknown)=1"
    guard entry.isWebSocket else {
      let hasBody = entry.method != "GET" && entry.method != "DELETE"
      let response = try await client.request(
        entry.method, target, body: hasBody ? Array("{}".utf8) : [], headers: ["content-type": "application/json"])
      return (response.status, response.errorCode ?? "")
    }
    do {
      await (try await client.webSocket(target)).close()
      return (101, "")
    } catch let error as NetError {
      guard case .upgradeRefused(let status, let body) = error.code else { throw error }
      return (status, try JSON(parsing: body)["error"]["code"].string ?? "")
    }
  }

  @Test("over JSON-RPC, every operation lets in exactly those that its document says")
  func jsonRPC() async throws {
    try await withCallers { client, entries, callers in
      let operations = try await self.operations(client, entries)
      for (scopes, client) in callers {
        guard let scopes else { continue }
        for entry in operations {
          let answer = try await client.rpc(entry.name, .object([.init(ScopeMatrixTests.unknown, 1)]))
          let code = answer["error"]["data"]["code"].string ?? ""
          // Whoever is let in hears of the parameter, or of what is missing beside it.
          let isAnswered = entry.admits(scopes) ? code.hasPrefix("invalid_") : code == "insufficient_scope"
          #expect(isAnswered, "\(scopes): \(entry.name): \(answer.text)")
        }
      }
    }
  }

  /// Those that have a name by which they can be called.
  private func operations(_ client: TestClient, _ entries: [Entry]) async throws -> [Entry] {
    let names = Set(try await client.get("/operations").array?.compactMap { $0["name"].string } ?? [])
    let operations = entries.filter { names.contains($0.name) }
    #expect(operations.count == names.count)
    return operations
  }

  @Test("over a link, a backend lets its hub do what the link's token may and no more, whoever asks the hub")
  func link() async throws {
    try await withCluster("web1", enrolled: false) { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let operations = try await self.operations(web1.http, try await entries(web1.http))
      for scope in Scope.allCases.map(\.rawValue) {
        let made = try await web1.http.post("/tokens", ["scopes": ["link", .string(scope)]])
        try await hub.enrol(web1, token: made["token"].string, health: nil)
        let record = try await hub.waitForHealth("healthy", "degraded", "auth_failed", of: web1)
        for entry in operations where record["health"] != "auth_failed" {
          let answer = try await hub.http.rpc(
            entry.name, .object([.init(ScopeMatrixTests.unknown, 1), .init("server", "web1")]))
          let code = answer["error"]["data"]["code"].string ?? ""
          if entry.admits([scope]) {
            #expect(code != "insufficient_scope", "\(scope): \(entry.name): \(answer.text)")
          } else {
            // It may be none of a hub's business at all, which is said first.
            #expect(["insufficient_scope", "role_refused"].contains(code), "\(scope): \(entry.name): \(answer.text)")
          }
        }
        _ = try await hub.http.request("DELETE", web1.path)
      }
    }
  }
}
