import Formats
import Net
import TestKit
import Testing

/// Names that want to be something else than a name.
private let hostileNames = [
  "a/b", "/", "..", ".", "../server", "../../tokens", "%2f", "%2e%2e", "..%2f..%2fserver%2fshutdown", "a\"b",
  "'; rm -rf", "a b", "a?server=hub",
  "a#b", "a%00b", "\u{202E}txt", "\u{1B}[2J", String(repeating: "🚀", count: 16), String(repeating: "é", count: 32),
]

@Suite("Names through a hub", .bounded)
struct HubNamesTests {
  @Test("F10: a session's name reaches no other endpoint and no other server, whatever is in it")
  func names() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      for server in [hub, web1] {
        _ = try await server.http.post("/sessions", ["name": "a", "argv": ["/bin/cat"]])
      }
      let before = try await hub.http.get("/sessions/a")["generation"]
      for name in hostileNames {
        let encoded = PercentEncoding.encode(name)
        let made = try await hub.http.request(
          "POST", "/sessions?server=web1", json: ["name": .string(name), "argv": ["/bin/cat"]])
        let isName = made.status == 201
        #expect(isName || made.errorCode == "invalid_session_name", "\(name): \(made)")
        let path = "/sessions/\(encoded)"
        for (method, target) in [
          ("GET", path), ("GET", "\(path)/screen"), ("POST", "\(path)/input"), ("POST", "\(path)/detach"),
          ("DELETE", path),
        ] {
          let answer = try await hub.http.request(method, "\(target)?server=web1", body: method == "POST" ? [0x61] : [])
          if isName {
            #expect((200..<300).contains(answer.status) || method == "POST", "\(method) \(name): \(answer)")
          } else {
            #expect(answer.status == 404 || answer.status == 400, "\(method) \(name): \(answer)")
          }
        }
        for method in ["session.get", "session.remove"] {
          let reply = try await hub.http.rpc(method, ["session": .string(name), "server": "web1"])
          let code = reply["error"]["data"]["code"].string
          #expect(code == "session_not_found" || code == "invalid_session_name", "\(name): \(reply)")
        }
        do {
          let socket = try await hub.http.webSocket("\(path)/ws/raw?server=web1")
          Issue.record("a socket to \(name)")
          await socket.close()
        } catch let error as NetError {
          guard case .upgradeRefused(let status, _) = error.code else { throw error }
          #expect(status == 404 || status == 400, "\(name): \(status)")
        }
      }
      // Both servers are as they were.
      #expect(try await hub.http.get("/sessions/a")["generation"] == before)
      #expect(try await web1.listed() == ["web1:a"])
      #expect(try await hub.http.get("/sessions?server=hub").array?.count == 1)
      #expect(try await web1.http.get("/tokens") == [])
      #expect(try await hub.http.get(web1.path)["health"] == "healthy")
    }
  }

  @Test("a name in another script goes both ways as it is")
  func unicode() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let name = "größe.1"
      try await hub.session(name, on: "web1")
      try await hub.waitForList("web1:\(name)")
      try await hub.type("hello\r", into: name, on: "web1")
      try await hub.wait(name, on: "web1", match: "hello")
      let socket = try await hub.http.webSocket("/sessions/\(PercentEncoding.encode(name))/ws/raw?server=web1")
      try await socket.bytes(until: "hello")
      #expect(try await hub.roost.run("-s", "web1", "kill", name).exitCode == 0)
      _ = try await socket.waitForClose()
      #expect(try await web1.http.request("GET", "/sessions/nobody").status == 404)
    }
  }

  @Test("a server's name is no path either", arguments: ["..", "web1/..", "%2e%2e", "web1%2f..", "\"", "web1 ", "🚀"])
  func servers(name: String) async throws {
    try await withCluster("web1") { cluster in
      let hub = cluster.hub
      _ = try await hub.http.post("/sessions", ["name": "a", "argv": ["/bin/cat"]])
      let asked = try await hub.http.request("DELETE", "/sessions/a?server=\(PercentEncoding.encode(name))")
      #expect(asked.status == 404 && asked.errorCode == "server_not_found", "\(asked)")
      #expect(try await hub.http.get("/sessions/a")["name"] == "a")
    }
  }
}
