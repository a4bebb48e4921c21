import Formats
import Net
import TestKit
import Testing

@Suite("What a hub may do with a backend, while it does it", .bounded)
struct HubRightsTests {
  @Test(
    "a token that is revoked while it is used ends what is open by it, and the hub says that the token is not taken")
  func revoked() async throws {
    try await withCluster("web1", enrolled: false) { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let made = try await web1.http.post("/tokens", ["name": "for-hub", "scopes": ["admin"]])
      let (token, id) = (try #require(made["token"].string), try #require(made["id"].string))
      try await hub.enrol(web1, token: token)
      try await hub.session("a", on: "web1")
      let socket = try await hub.http.webSocket("/sessions/a/ws/raw?server=web1")
      await socket.type("let in\r")
      try await socket.bytes(until: "let in\r\n")
      let client = hub.http.another()
      async let waiting = client.request(
        "POST", "/sessions/a/wait?server=web1", json: ["for": "match", "pattern": "never", "timeout_ms": 60_000])
      try await hub.wait("a", on: "web1", match: "let in")
      #expect(try await web1.http.request("DELETE", "/tokens/\(id)").status == 204)
      let record = try await hub.waitForHealth("auth_failed", of: web1)
      #expect(record["reason"].string?.contains("token") == true, "\(record)")
      #expect(!record.text.contains(token))
      let ended = try await waiting
      #expect(ended.status == 503 && ended.errorCode == "server_unavailable", "\(ended)")
      let refused = try await hub.http.request("GET", "/sessions/a?server=web1")
      #expect(refused.status == 503 && refused.json["error"]["message"].string?.contains("token") == true, "\(refused)")
      let closed = try await socket.waitForClose()
      #expect([1008, 1011, 1012].contains(closed.code), "\(closed)")
      try await eventually("nobody is left there") { try await web1.http.get("/sessions/a")["clients"] == 0 }
      #expect(!(try await hub.listed()).contains("web1:a"))
      // Another token, and all is well.
      _ = try await hub.http.patch(web1.path, ["token": .string(web1.token)])
      try await hub.waitForHealth("healthy", of: web1)
      try await hub.waitForList("web1:a")
    }
  }

  @Test("a limited token of the hub gives a session of a backend no label that another token of the hub is limited to")
  func labels() async throws {
    try await withCluster("web1") { cluster in
      let hub = cluster.hub
      func token(_ limits: JSON.Member) async throws -> String? {
        let fields: [JSON.Member] = [
          .init("name", "t"), .init("scopes", ["sessions:read", "sessions:manage"]), limits,
        ]
        return try await hub.http.post("/tokens", .object(fields))["token"].string
      }
      let client = try await hub.roost.tcp(token: token(.init("tags", ["ci"])))
      _ = try await token(.init("sessions", ["deploy"]))
      func make(_ name: String) async throws -> TestResponse {
        try await client.request(
          "POST", "/sessions", json: ["server": "web1", "name": .string(name), "tags": ["ci"], "argv": ["/bin/cat"]])
      }
      let refused = try await make("deploy")
      #expect(refused.status == 403 && refused.errorCode == "insufficient_scope", "\(refused)")
      #expect(try await make("a").status == 201)
      #expect(try await client.request("PATCH", "/sessions/a?server=web1", json: ["name": "deploy"]).status == 403)
    }
  }

  @Test(
    "programs in a session that a hub's token has made may ask nothing of the backend, those of the hub's owner may")
  func sessionsOfTokens() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let made = try await hub.http.post("/tokens", ["name": "t", "scopes": ["sessions:read", "sessions:manage"]])
      let client = try await hub.roost.tcp(token: made["token"].string)
      _ = try await client.post("/sessions", ["server": "web1", "name": "token"])
      _ = try await client.post("/sessions", ["name": "local"])
      _ = try await hub.http.post("/sessions?server=web1", ["name": "owner"])
      func ask(_ server: ClusterServer, _ session: String) async throws -> JSON {
        try await server.http.post(
          "/sessions/\(session)/run", ["command": .string("\(Roost.executable) ls"), "timeout_ms": 30_000])
      }
      func check(_ when: Comment) async throws {
        let refused = try await ask(web1, "token")
        #expect(refused["exit_status"] != 0, when)
        #expect(refused["output"].string?.contains("a token of another server") == true, "\(when): \(refused)")
        #expect(try await ask(web1, "owner")["exit_status"] == 0, when)
      }
      try await check("while the token is good")
      // Where the token is known, its end is too.
      #expect(try await ask(hub, "local")["exit_status"] == 0)
      #expect(try await hub.http.request("DELETE", "/tokens/\(made["id"].string ?? "")").status == 204)
      let ended = try await ask(hub, "local")
      #expect(ended["output"].string?.contains("no longer valid") == true, "\(ended)")
      try await check("after it was revoked")
      try await web1.roost.killServer()
      try await web1.start()
      try await check("after a restart of the backend")
    }
  }

  @Test("a role that is taken back closes the sockets that it let be opened, and refuses what it no longer permits")
  func demoted() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("a", on: "web1")
      let raw = try await hub.http.webSocket("/sessions/a/ws/raw?server=web1")
      let json = try await hub.http.webSocket("/sessions/a/ws/json?server=web1")
      await raw.type("as a member\r")
      try await raw.bytes(until: "as a member\r\n")
      _ = try await hub.http.patch(web1.path, ["role": "observer"])
      for socket in [raw, json] {
        let closed = try await socket.waitForClose()
        #expect(closed.code == 1008 && closed.reason.contains("observer"), "\(closed)")
      }
      let refused = try await hub.http.request("POST", "/sessions/a/input?server=web1", body: [0x61])
      #expect(refused.status == 403 && refused.errorCode == "role_refused", "\(refused)")
      let message = refused.json["error"]["message"].string ?? ""
      #expect(message.contains("observer") && message.contains("promote"), "\(message)")
      // It may still be looked at.
      #expect(try await hub.screen("a", on: "web1").contains("as a member"))
      let watching = try await hub.http.webSocket("/sessions/a/ws/raw?server=web1&readonly=true")
      try await watching.bytes(until: "as a member")
      _ = try await hub.http.patch(web1.path, ["role": "none"])
      #expect(try await watching.waitForClose().code == 1008)
      #expect(try await hub.http.request("GET", "/sessions/a?server=web1").errorCode == "role_refused")
      #expect(!(try await hub.listed()).contains("web1:a"))
      try await eventually("nobody is left there") { try await web1.http.get("/sessions/a")["clients"] == 0 }
    }
  }

  @Test("a token that expires ends what is open by it, as if it had been revoked")
  func expired() async throws {
    try await withCluster("web1", enrolled: false) { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let made = try await web1.http.post(
        "/tokens", ["name": "for-hub", "scopes": ["admin"], "expires_in_ms": 3000])
      try await hub.enrol(web1, token: made["token"].string)
      try await hub.session("a", on: "web1")
      let socket = try await hub.http.webSocket("/sessions/a/ws/raw?server=web1")
      await socket.type("in time\r")
      try await socket.bytes(until: "in time\r\n")
      try await hub.waitForHealth("auth_failed", of: web1)
      _ = try await socket.waitForClose()
      let refused = try await hub.http.request("POST", "/sessions/a/input?server=web1", body: [0x61])
      #expect(refused.status == 503 && refused.errorCode == "server_unavailable", "\(refused)")
    }
  }
}
