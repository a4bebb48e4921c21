import Formats
import Glibc
import Net
import TestKit
import Testing

/// What the first hubs of this kind got wrong (F1 and F2 are in ``HubCircleTests``, F9 is in ``HubHostileBackendTests``, F10 in
/// ``HubNamesTests``).
@Suite("Faults that hubs have had", .bounded)
struct HubFormerFaultsTests {
  @Test("F3: with a server's name every operation on a session is done there, never on the session of that name here")
  func nothingIsLocal() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let local = try await hub.http.post("/sessions", ["name": "a", "argv": ["/bin/cat"]])
      try await hub.session("a", on: "web1", ["rows": 30, "cols": 100])
      let before = try await hub.http.get("/sessions/a/screen")["generation"]
      let there = try await web1.http.get("/sessions/a")["id"]
      #expect(there != local["id"])
      #expect(try await hub.http.get("/sessions/a?server=web1")["id"] == there)
      #expect(try await hub.http.get("/sessions/a")["id"] == local["id"])
      let idle = try await hub.http.get("/sessions/a/idle?server=web1&timeout_ms=50&max_wait_ms=20000")
      #expect(!idle.isNull)
      try await hub.type("only there\r", into: "a", on: "web1")
      try await hub.wait("a", on: "web1", match: "only there")
      _ = try await hub.http.post("/sessions/a/keys?server=web1", ["keys": ["enter"]])
      _ = try await hub.http.post("/sessions/a/resize?server=web1", ["rows": 31, "cols": 101])
      _ = try await hub.http.patch("/sessions/a?server=web1", ["add_tags": ["remote"]])
      #expect(try await web1.http.get("/sessions/a")["rows"] == 31)
      let screen = try await web1.http.get("/sessions/a/screen?format=plain").screenText
      #expect(screen.contains("only there"))
      // A session that is made with it in the query is made there.
      _ = try await hub.http.post("/sessions?server=web1", ["name": "made", "argv": ["/bin/cat"]])
      #expect(try await web1.http.get("/sessions/made")["name"] == "made")
      #expect(try await hub.http.request("GET", "/sessions/made").status == 404)
      _ = try await hub.http.post("/sessions", ["name": "made-too", "argv": ["/bin/cat"], "server": "web1"])
      #expect(try await web1.http.get("/sessions/made-too")["name"] == "made-too")
      // Every operation that takes a session is asked there: none is done here.
      for operation in try await hub.http.get("/operations").array ?? [] {
        let path = operation["path"].string ?? ""
        guard path.hasPrefix("/sessions/{session}"), operation["method"] != "DELETE", !path.hasSuffix("/wait") else {
          continue
        }
        let target = path.replacing("{session}", with: "a")
        guard !target.contains("{") else { continue }
        _ = try await hub.http.another().request(
          operation["method"].string ?? "", "\(target)?server=web1&timeout_ms=1&max_wait_ms=1", json: [:])
      }
      _ = try await hub.http.delete("/sessions/a?server=web1")
      #expect(try await web1.http.request("GET", "/sessions/a").status == 404)
      let after = try await hub.http.get("/sessions/a")
      #expect(after["id"] == local["id"] && after["tags"] == [] && after["rows"] == local["rows"])
      #expect(try await hub.http.get("/sessions/a/screen")["generation"] == before)
    }
  }

  @Test(
    "F4: an empty answer of a backend is an answer: detach and kill through the hub succeed, over HTTP and as commands")
  func emptyAnswers() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      for name in ["a", "b"] { try await hub.session(name, on: "web1") }
      let socket = try await hub.http.webSocket(
        "/sessions/a/ws/raw?server=web1", subprotocols: ["roost.attach.v1"])
      _ = try await socket.nextJSON { !$0["attached"].isNull }
      let detached = try await hub.http.request("POST", "/sessions/a/detach?server=web1")
      #expect(detached.status == 204 && detached.body.isEmpty, "\(detached)")
      _ = try await socket.waitForClose()
      #expect(try await hub.roost.run("-s", "web1", "detach", "a").exitCode == 0)
      #expect(try await hub.roost.run("kill", "web1:a").exitCode == 0)
      let removed = try await hub.http.request("DELETE", "/sessions/b?server=web1")
      #expect(removed.status == 204 && removed.body.isEmpty, "\(removed)")
      #expect(try await web1.http.request("GET", "/sessions/b").status == 404)
    }
  }

  @Test("F5: tags are set through the hub by the command, and a folder and variables given to a new session arrive")
  func tagsAndFields() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session(
        "a", on: "web1",
        ["argv": ["/bin/sh", "-c", "pwd; echo \"$COLOUR\"; cat"], "cwd": "/usr", "env": ["COLOUR": "blue"]])
      try await hub.wait("a", on: "web1", match: "/usr\\s+blue")
      let tagged = try await hub.roost.run("-s", "web1", "tag", "a", "--add", "build")
      #expect(tagged.exitCode == 0, "\(tagged)")
      #expect(try await web1.http.get("/sessions/a")["tags"] == ["build"])
      try await eventually("the tag is listed") {
        try await hub.http.get("/sessions?tag=build").array?.first?["name"] == "a"
      }
    }
  }

  @Test("F6: a list of the hub by its own name has its own sessions alone")
  func ownList() async throws {
    try await withCluster("web1") { cluster in
      let hub = cluster.hub
      try await hub.session("there", on: "web1")
      _ = try await hub.http.post("/sessions", ["name": "here", "argv": ["/bin/cat"]])
      try await hub.waitForList("hub:here", "web1:there")
      #expect(try await hub.http.get("/sessions?server=hub").array?.map { $0["name"].string } == ["here"])
      let listed = try await hub.roost.run("-s", "hub", "ls").text
      #expect(listed.contains("here") && !listed.contains("there"), "\(listed)")
    }
  }

  @Test("F7: a backend that never said its name is removed by its address") func nameless() async throws {
    try await withCluster("web1", enrolled: false) { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      web1.relay.behave { $0.refuses = true }
      let record = try await hub.enrol(web1, health: "unavailable")
      #expect(record["hostname"].isNull && record["server_id"].isNull)
      #expect(try await hub.http.request("DELETE", web1.path).status == 204)
      #expect(try await hub.http.get("/servers").array?.count == 1)
    }
  }

  @Test("F8: a backend of the hub's own name is another server, used by its id; the hub itself is no backend")
  func collision() async throws {
    try await withCluster("twin", enrolled: false) { cluster in
      let (hub, twin) = (cluster.hub, cluster["twin"])
      try await twin.roost.stopServer()
      try await twin.roost.start(["--bind", "127.0.0.1:0", "--token", twin.token, "--hostname", "hub"])
      twin.relay.target = try await twin.port
      try await hub.enrol(twin)
      let id = try await twin.id
      try await hub.session("a", on: id)
      #expect(try await twin.http.get("/sessions/a")["name"] == "a")
      #expect(try await hub.http.request("GET", "/sessions/a?server=hub").errorCode == "session_not_found")
      _ = try await hub.http.delete("/servers/\(id)")
      // By a way that does not look like itself.
      hub.relay.target = try await hub.port
      let itself = try await hub.enrol(hub, health: "rejected")
      #expect(itself["reason"].string?.contains("itself") == true, "\(itself)")
    }
  }

  @Test("F11: a reload works without a file at the start, keeps what the API added, and takes new tokens")
  func reload() async throws {
    try await withCluster("web1", "web2", enrolled: false) { cluster in
      let (hub, web1, web2) = (cluster.hub, cluster["web1"], cluster["web2"])
      try await hub.enrol(web1)
      func declare(_ token: String) throws {
        let file = "\(hub.roost.home.path)/home/web2.token"
        try hub.roost.home.write(token, to: file)
        chmod(file, 0o600)
        try hub.roost.configure(
          "[[servers]]\naddress = \"\(web2.address)\"\nrole = \"member\"\ntoken_file = \"\(file)\"\n")
      }
      try declare("not-the-right-token")
      let added = try await hub.http.post("/servers/reload")
      #expect(added["added"].array?.count == 1 && added["removed"] == [], "\(added)")
      try await hub.waitForHealth("auth_failed", of: web2)
      try await hub.waitForHealth("healthy", of: web1)
      try declare(web2.token)
      _ = try await hub.http.post("/servers/reload")
      try await hub.waitForHealth("healthy", of: web2)
      try hub.roost.configure("")
      let removed = try await hub.http.post("/servers/reload")
      #expect(removed["removed"].array?.count == 1, "\(removed)")
      #expect(try await hub.http.get(web1.path)["health"] == "healthy")
      #expect(try await hub.http.request("GET", web2.path).status == 404)
    }
  }

  @Test("F12: a field that the backend does not know is refused through the hub, not passed over")
  func unknownFields() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("a", on: "web1")
      for (method, target, body): (String, String, JSON) in [
        ("PATCH", "/sessions/a?server=web1", ["add_tags": ["x"], "spans": []]),
        ("POST", "/sessions?server=web1", ["name": "b", "colour": "blue"]),
      ] {
        let answer = try await hub.http.request(method, target, json: body)
        #expect(answer.status == 400 && answer.errorCode == "invalid_request", "\(answer)")
        #expect(answer.serverPath.first == "hub" || answer.serverPath.isEmpty)
      }
      let reply = try await hub.http.rpc("session.update", ["session": "a", "server": "web1", "spans": []])
      #expect(!reply["error"].isNull, "\(reply)")
      #expect(try await web1.http.get("/sessions/a")["tags"] == [])
      #expect(try await web1.listed() == ["web1:a"])
    }
  }
}
