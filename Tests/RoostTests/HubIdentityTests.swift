import Formats
import Glibc
import Net
import TestKit
import Testing

@Suite("Who a backend is", .bounded)
struct HubIdentityTests {
  @Test("a server that answers in another's place gets no call until somebody confirms it, though it takes the token")
  func impostor() async throws {
    try await withCluster("web1", "fake", enrolled: false) { cluster in
      let (hub, web1, fake) = (cluster.hub, cluster["web1"], cluster["fake"])
      try await hub.enrol(web1)
      try await hub.session("a", on: "web1")
      _ = try await fake.http.post("/sessions", ["name": "a", "argv": ["/bin/cat"]])
      let generation = try await fake.http.get("/sessions/a")["generation"]
      _ = try await fake.roost.events(until: "the call that made it is on record") { $0["type"] == "audit.allowed" }
      let calls = try await fake.roost.events().filter { $0["type"].string?.hasPrefix("audit.") == true }.count
      let id = try await web1.id
      let other = try await fake.id
      let socket = try await hub.http.webSocket("/sessions/a/ws/raw?server=web1")
      await socket.type("known\r")
      try await socket.bytes(until: "known\r\n")

      web1.relay.target = try await fake.port
      web1.relay.cut()
      let record = try await hub.waitForHealth("rejected", of: web1)
      #expect(record["server_id"].string == id && record["hostname"] == "web1")
      #expect(record["reason"].string?.contains(other) == true && record["reason"].string?.contains("confirm") == true)
      #expect(record["stranger"]["server_id"].string == other && record["stranger"]["hostname"] == "fake")
      // Not by the name that it gives itself, nor by the one whose place it took.
      for name in ["web1", id] {
        await socket.type("not for you\r")
        let refused = try await hub.http.request("POST", "/sessions/a/input?server=\(name)", body: [0x61])
        #expect(refused.status == 503 && refused.errorCode == "server_unavailable", "\(refused)")
      }
      #expect(try await hub.http.request("GET", "/sessions/a?server=fake").errorCode == "server_not_found")
      let closed = try await socket.waitForClose()
      #expect(closed.code == 1011 || closed.code == 1012, "\(closed)")
      let events = try await hub.roost.events(until: "the change is told") { $0["type"] == "servers.identity_changed" }
      #expect(events.of("servers.identity_changed").count == 1)
      // Nothing has come to it: no call, no byte, not even the question what it has.
      #expect(try await fake.http.get("/sessions/a")["generation"] == generation)
      let heard = try await fake.roost.events().filter { $0["type"].string?.hasPrefix("audit.") == true }.count
      #expect(heard == calls)
      #expect(!(try await hub.listed()).contains { $0.hasPrefix("fake") })

      // Somebody says that it is meant.
      _ = try await hub.http.patch(web1.path, ["confirm": true])
      let confirmed = try await hub.waitForHealth("healthy", of: web1)
      #expect(confirmed["server_id"].string == other && confirmed["hostname"] == "fake")
      #expect(try await hub.http.get("/sessions/a?server=fake")["name"] == "a")
    }
  }

  @Test("two servers of one name are both used by their ids; the name alone is refused with them")
  func duplicateNames() async throws {
    try await withCluster("web1", "other", enrolled: false) { cluster in
      let (hub, web1, other) = (cluster.hub, cluster["web1"], cluster["other"])
      try await other.roost.stopServer()
      let arguments = ["--bind", "127.0.0.1:0", "--token", other.token, "--hostname", "web1"]
      try await other.roost.start(arguments)
      other.relay.target = try await other.port
      try await hub.enrol(web1)
      try await hub.enrol(other)
      let ids = [try await web1.id, try await other.id]
      for (index, id) in ids.enumerated() {
        try await hub.session("of-\(index)", on: id)
        #expect(try await hub.http.get("/sessions/of-\(index)?server=\(id)")["name"].string == "of-\(index)")
        #expect(try await hub.http.get("/sessions/of-\(index)?server=\(id.prefix(12))")["name"].string == "of-\(index)")
        #expect(try await hub.http.request("GET", "/sessions/of-\(1 - index)?server=\(id)").status == 404)
      }
      #expect(try await web1.listed() == ["web1:of-0"])
      #expect(try await other.listed() == ["web1:of-1"])
      let ambiguous = try await hub.http.request("POST", "/sessions?server=web1", json: ["name": "x"])
      #expect(ambiguous.status == 409 && ambiguous.errorCode == "server_ambiguous", "\(ambiguous)")
      for id in ids { #expect(ambiguous.json["error"]["message"].string?.contains(id) == true) }
      try await hub.waitForList("web1:of-0", "web1:of-1")
      let listed = try await hub.http.get("/sessions").array ?? []
      #expect(Set(listed.compactMap { $0["server_id"].string }) == Set(ids))
    }
  }

  @Test("over TLS another's certificate ends the connection before anything is said: it does not even see the token")
  func certificate() async throws {
    try await withCluster("web1", "fake", enrolled: false, arguments: ["--tls-self-signed"]) { cluster in
      let (hub, web1, fake) = (cluster.hub, cluster["web1"], cluster["fake"])
      let fingerprint = try #require(try await web1.http.get("/server/info")["tls_fingerprint"].string)
      let address = "https://127.0.0.1:\(web1.relay.port)"
      let path = "/servers/\(PercentEncoding.encode(address))"
      _ = try await hub.http.post(
        "/servers",
        [
          "address": .string(address), "token": .string(web1.token), "role": "member",
          "fingerprint": .string(fingerprint),
        ])
      try await hub.roost.waitForHealth(["healthy"], at: path)
      try await hub.session("a", on: "web1")
      let id = try await hub.http.get(path)["server_id"]

      web1.relay.target = try await fake.port
      web1.relay.cut()
      var reason = ""
      try await eventually("the certificate is seen to be another") {
        let record = try await hub.http.get(path)
        reason = record["reason"].string ?? ""
        return record["health"] == "unavailable" && (reason.contains("certificate") || reason.contains("fingerprint"))
      }
      #expect(try await hub.http.request("GET", "/sessions/a?server=web1").errorCode == "server_unavailable")
      #expect(try await hub.http.get(path)["stranger"].isNull)
      web1.relay.target = try await web1.port
      let record = try await hub.roost.waitForHealth(["healthy"], at: path)
      #expect(record["server_id"] == id)
      try await hub.waitForList("web1:a")
    }
  }
}
