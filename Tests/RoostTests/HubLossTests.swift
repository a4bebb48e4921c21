import Formats
import Glibc
import Net
import TestKit
import Testing

@Suite("A hub whose backend is lost", .bounded)
struct HubLossTests {
  @Test("a backend that was killed is unavailable, says why, and is missing from the list; calls to it fail at once")
  func killed() async throws {
    try await withCluster("web1", "web2") { cluster in
      let hub = cluster.hub
      try await hub.session("a", on: "web1")
      try await hub.session("b", on: "web2")
      try await hub.waitForList("web1:a", "web2:b")
      try await cluster["web1"].roost.killServer()
      let record = try await hub.waitForHealth("unavailable", of: cluster["web1"])
      #expect(record["reason"].string?.isEmpty == false)
      #expect(record["hostname"] == "web1" && record["role"] == "member")

      let called = try await hub.http.request("GET", "/sessions/a?server=web1")
      #expect(called.status == 503 && called.errorCode == "server_unavailable", "\(called)")
      #expect(called.serverPath == ["hub", "web1"] && called.failedHop == "web1")
      let message = try #require(called.json["error"]["message"].string)
      #expect(message.contains("web1") && message.contains("unavailable"), "\(message)")
      let rpc = try await hub.http.rpc("session.get", ["session": "a", "server": "web1"])
      #expect(rpc["error"]["data"]["code"] == "server_unavailable" && rpc["error"]["data"]["failed_hop"] == "web1")
      await #expect(throws: (any Error).self) { _ = try await hub.http.webSocket("/sessions/a/ws/raw?server=web1") }

      let list = try await hub.http.request("GET", "/sessions")
      #expect(list.json.array?.map { $0["name"].string } == ["b"])
      #expect(list.headers[first: "roost-missing-servers"] == "web1")
      let fleet = try await hub.http.get("/fleet/sessions")
      #expect(fleet["missing"] == ["web1"] && fleet["complete"] == false)
      #expect(try await hub.http.get("/sessions/b?server=web2")["name"] == "b")

      let events = try await hub.roost.events(until: "the loss is told") {
        $0["type"] == "servers.health_changed" && $0["data"]["health"] == "unavailable"
      }
      #expect(events.of("servers.health_changed").contains { $0["data"]["reason"].string?.isEmpty == false })
    }
  }

  @Test("a backend that starts again is the same server, and its sessions are there as they were")
  func restarted() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let pid = try await hub.session("a", on: "web1")["pid"].integer
      try await hub.type("before the end\r", into: "a", on: "web1")
      try await hub.wait("a", on: "web1", match: "before the end")
      let id = try await hub.http.get(web1.path)["server_id"]
      try await web1.roost.killServer()
      try await hub.waitForHealth("unavailable", of: web1)
      try await web1.start()
      let record = try await hub.waitForHealth("healthy", of: web1)
      #expect(record["server_id"] == id && record["role"] == "member" && record["reason"].isNull)
      try await hub.waitForList("web1:a")
      #expect(try await hub.http.get("/sessions/a?server=web1")["pid"].integer == pid)
      #expect(try await hub.screen("a", on: "web1").contains("before the end"))
      try await hub.type("after it\r", into: "a", on: "web1")
      try await hub.wait("a", on: "web1", match: "after it")
    }
  }

  @Test(
    "a backend that is frozen is unavailable after the deadline, calls in flight end, and it is well when it goes on")
  func frozen() async throws {
    try await withCluster("web1", patience: .short) { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("a", on: "web1")
      let client = hub.http.another()
      async let waiting = client.request(
        "POST", "/sessions/a/wait?server=web1",
        json: ["for": "match", "pattern": "never shown", "timeout_ms": 60_000])
      // The call is there when the backend has written it down: its wait counts.
      try await hub.wait("a", on: "web1", match: "^")
      try web1.signal(SIGSTOP)
      let record = try await hub.waitForHealth("unavailable", of: web1)
      #expect(record["reason"].string?.isEmpty == false)
      let ended = try await waiting
      #expect(ended.status == 503 && ended.errorCode == "server_unavailable", "\(ended)")
      #expect(ended.serverPath == ["hub", "web1"] && ended.failedHop == "web1")
      try web1.signal(SIGCONT)
      try await hub.waitForHealth("healthy", of: web1)
      try await hub.type("still here\r", into: "a", on: "web1")
      try await hub.wait("a", on: "web1", match: "still here")
    }
  }

  @Test(
    "a connection whose other side is gone without a word is given up after the deadline, and made anew when there is a way"
  )
  func halfOpen() async throws {
    try await withCluster("web1", patience: .short) { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("a", on: "web1")
      web1.relay.behave { $0.silent = [.forth, .back] }
      try await hub.waitForHealth("unavailable", of: web1)
      #expect(try await hub.http.request("GET", "/sessions/a?server=web1").errorCode == "server_unavailable")
      web1.relay.behave { $0.silent = [] }
      web1.relay.cut()
      try await hub.waitForHealth("healthy", of: web1)
      // The other direction alone.
      web1.relay.behave { $0.silent = [.back] }
      try await hub.waitForHealth("unavailable", of: web1)
      web1.relay.behave { $0.silent = [] }
      try await hub.waitForHealth("healthy", of: web1)
      #expect(try await hub.http.get("/sessions/a?server=web1")["name"] == "a")
    }
  }

  @Test("a hub that was killed knows its backends again, and whoever was attached can attach again")
  func hubRestarted() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let pid = try await hub.session("a", on: "web1")["pid"].integer
      try await hub.session("own", on: "hub")
      let socket = try await hub.http.webSocket("/sessions/a/ws/raw?server=web1")
      await socket.type("typed before\r")
      try await socket.bytes(until: "typed before\r\n")
      try await hub.roost.killServer()
      try await hub.start()
      let record = try await hub.waitForHealth("healthy", of: web1)
      #expect(record["hostname"] == "web1" && record["role"] == "member")
      try await hub.waitForList("hub:own", "web1:a")
      #expect(try await hub.http.get("/sessions/a?server=web1")["pid"].integer == pid)
      let again = try await hub.http.webSocket("/sessions/a/ws/raw?server=web1")
      try await again.bytes(until: "typed before")
      await again.type("typed after\r")
      try await again.bytes(until: "typed after")
    }
  }
}
