import Domains
import Formats
import Net
import Operations
import TestKit
import Testing

/// What a server tells of what happens to it, to its sessions and to its tokens.
@Suite("What a server emits", .bounded)
struct EventEmissionTests {
  private static let id = "3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c6d"
  private static let secret = "hunter2-of-the-tests"

  /// A request under an id of its own; the id.
  private func call(_ client: TestClient, _ method: String, _ target: String, _ json: JSON? = nil) async throws
    -> String
  {
    let response = try await client.request(
      method, target, body: json?.bytes ?? [], headers: ["content-type": "application/json"])
    #expect((200..<300).contains(response.status), "\(method) \(target): \(response)")
    return try #require(response.headers[first: "x-correlation-id"])
  }

  @Test("every event of a rich session is of a documented type with the data that the table says")
  func conforms() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let http = roost.http
      let server = try await http.get("/server/info")["server_id"].string ?? ""
      try await http.post("/sessions", ["name": "rich", "shell": "/bin/bash", "tags": ["one"]])
      try await roost.wait("rich", ["for": "prompt"])
      // A state is told once it has settled.
      _ = try await roost.events(until: "the prompt is told") { $0["type"] == "session.state_changed" }
      try await http.post("/sessions/rich/run", ["command": "printf 'some output\\n'; false"])
      let said = #"\a\033]9;done\a\033]9;4;1;50\a\033]2;rich\a\033]52;c;c2VjcmV0\a"#
      try await http.post("/sessions/rich/run", ["command": .string("printf '\(said)'")])
      try await http.patch("/sessions/rich", ["name": "richer", "add_tags": ["two"], "remove_tags": ["one"]])
      let raw = try await http.another().webSocket("/sessions/richer/ws/raw")
      let json = try await http.another().webSocket("/sessions/richer/ws/json")
      for _ in 0..<20 { await raw.type("x") }
      await raw.type("\u{15}")
      try await http.post("/sessions/richer/keys", ["keys": ["ctrl+c"]])
      try await http.post("/sessions/richer/resize", ["rows": 30, "cols": 100])
      try await http.post("/sessions/richer/detach")
      _ = try await raw.waitForClose()
      let token = try await http.post(
        "/tokens", ["name": "ci", "scopes": ["sessions:read"], "sessions": ["other"], "expires_in_ms": 3_600_000])
      let limited = try await roost.tcp(token: token["token"].string)
      #expect(try await limited.request("GET", "/sessions/richer").status == 404)
      #expect(try await limited.request("DELETE", "/sessions/richer").status == 403)
      #expect(try await roost.tcp(token: "wrong").request("GET", "/sessions").status == 403)
      try await http.delete("/tokens/\(token["id"].string ?? "")")
      // A password: what is typed blindly must be nowhere.
      try await http.post(
        "/sessions", ["name": "login", "argv": ["/bin/sh", "-c", "stty -echo; read -r secret; exit 7"]])
      try await roost.wait("login", ["for": "input"])
      _ = try await http.request("POST", "/sessions/login/input", body: Array("\(Self.secret)\r".utf8))
      try await roost.wait("login", ["for": "exit"])
      try await http.post("/sessions/richer/kill", ["signal": "KILL"])
      try await http.delete("/sessions/richer")
      await json.close()
      let events = try await roost.events(until: "everything is logged") {
        $0["type"] == "audit.allowed" && $0["data"]["operation"] == "session.remove"
      }
      for event in events {
        let name = event["type"].string ?? ""
        let type = try #require(EventTypes.named(name), "an event of no documented type: \(event.text)")
        #expect(type.fault(in: event["data"]) == nil, "\(event.text): \(type.fault(in: event["data"]) ?? "")")
        #expect(event["origin"]["kind"].string == type.origin, "\(event.text)")
        #expect(event["subject"].string == "hub.\(server).\(name)")
        #expect(event["origin"]["server_id"].string == server)
        #expect(event["correlation_id"].string?.count == 36)
      }
      let seen = Set(events.compactMap { $0["type"].string })
      let expected = EventTypes.all.map(\.name).filter {
        ![
          "session.adopted", "session.commands_left_out", "session.news_left_out", "server.stopping", "audit.failed",
          "events.repaired",
          "events.recovered",
        ].contains($0) && !$0.hasPrefix("servers.")
      }
      for name in expected { #expect(seen.contains(name), "no \(name)") }
      let everything = events.map(\.text).joined(separator: "\n")
      #expect(!everything.contains(Self.secret))
      #expect(!everything.contains(token["token"].string ?? "?"))
      // Every cause that is named was logged too.
      let ids = Set(events.compactMap { $0["id"].string })
      for event in events {
        if let cause = event["causation_id"].string { #expect(ids.contains(cause), "no cause \(cause): \(event.text)") }
      }
      #expect(events.of("audit.refused").contains { $0["data"]["code"] == "session_not_found" })
      #expect(
        events.of("audit.refused").contains {
          $0["data"]["code"] == "insufficient_scope" && $0["principal"] == "token:ci"
        })
      #expect(events.of("audit.refused").contains { $0["data"]["code"] == "auth_invalid" && $0["principal"].isNull })
    }
  }

  @Test("each event points at what led to it, and belongs to the call that did") func causes() async throws {
    try await withRoost { roost in
      let http = roost.http
      let created = try await call(http, "POST", "/sessions", ["name": "a", "shell": "/bin/bash"])
      try await roost.wait("a", ["for": "prompt"])
      let ran = try await call(http, "POST", "/sessions/a/run", ["command": "echo one"])
      let renamed = try await call(http, "PATCH", "/sessions/a", ["name": "b", "add_tags": ["t"]])
      let killed = try await call(http, "POST", "/sessions/b/kill", ["signal": "KILL"])
      let removed = try await call(http, "DELETE", "/sessions/b")
      let events = try await roost.events(until: "the removal is logged") {
        $0["type"] == "audit.allowed" && $0["correlation_id"].string == removed
      }
      func only(_ type: String) throws -> JSON {
        let found = events.of(type)
        #expect(found.count == 1, "\(type): \(found.map(\.text))")
        return try #require(found.first)
      }
      func audit(_ correlation: String) throws -> JSON {
        try #require(events.of("audit.allowed").first { $0["correlation_id"].string == correlation })
      }
      func check(_ type: String, _ correlation: String, causedBy cause: JSON) throws {
        let event = try only(type)
        #expect(event["correlation_id"].string == correlation, "\(event.text)")
        #expect(event["causation_id"] == cause["id"], "\(event.text)")
      }
      try check("session.created", created, causedBy: try audit(created))
      try check("session.command_started", ran, causedBy: try audit(ran))
      try check("session.command_finished", ran, causedBy: try only("session.command_started"))
      try check("session.renamed", renamed, causedBy: try audit(renamed))
      try check("session.tagged", renamed, causedBy: try audit(renamed))
      try check("session.ended", killed, causedBy: try audit(killed))
      try check("session.removed", removed, causedBy: try audit(removed))
      #expect(try only("session.command_started")["data"]["command"] == "echo one")
      #expect(try only("session.command_finished")["data"]["exit_status"] == 0)
      #expect(try only("session.ended")["data"]["exit_signal"] == "SIGKILL")
      #expect(try only("session.created")["principal"].string?.hasPrefix("user:") == true)
    }
  }

  @Test("a program that ends by itself ends because it was started, and nobody asked for it") func ended() async throws
  {
    try await withRoost { roost in
      try await roost.http.post("/sessions", ["name": "a", "argv": ["/bin/sh", "-c", "exit 3"]])
      let events = try await roost.events(until: "the end is logged") { $0["type"] == "session.ended" }
      let (created, ended) = (
        try #require(events.of("session.created").first), try #require(events.of("session.ended").first)
      )
      #expect(ended["causation_id"] == created["id"])
      #expect(ended["correlation_id"] == created["correlation_id"])
      #expect(ended["principal"].isNull)
      #expect(ended["data"]["exit_status"] == 3)
      #expect(ended["origin"]["id"] == created["origin"]["id"])
    }
  }

  @Test("clients that come and go are told of, with who sent them away") func clients() async throws {
    try await withRoost { roost in
      try await roost.http.post("/sessions", ["name": "a", "argv": ["/bin/cat"]])
      let first = try await roost.http.another().webSocket(
        "/sessions/a/ws/raw?readonly=true", headers: ["x-correlation-id": Self.id])
      _ = try await roost.events(until: "the first is there") { $0["type"] == "session.attached" }
      await first.close()
      _ = try await roost.events(until: "the first has left") { $0["type"] == "session.detached" }
      let second = try await roost.http.another().webSocket("/sessions/a/ws/raw")
      _ = try await roost.events(until: "the second is there") {
        $0["type"] == "session.attached" && $0["data"]["read_only"] == false
      }
      let sent = try await call(roost.http, "POST", "/sessions/a/detach")
      _ = try await second.waitForClose()
      _ = try await roost.events(until: "the second was sent away") { $0["data"]["reason"] == "detached" }
      // The call's own record is written when it is over.
      let events = try await roost.events(until: "the call is recorded") {
        $0["type"] == "audit.allowed" && $0["data"]["operation"] == "session.detach"
      }
      let (attached, detached) = (events.of("session.attached"), events.of("session.detached"))
      #expect(attached.count == 2 && detached.count == 2)
      #expect(attached.first?["correlation_id"].string == Self.id)
      #expect(detached.first?["causation_id"] == attached.first?["id"])
      #expect(detached.first?["data"]["reason"] == "left")
      #expect(detached.last?["correlation_id"].string == sent)
      #expect(detached.last?["causation_id"] == events.audit("session.detach").first?["id"])
    }
  }

  @Test("a state is told of once it has settled, and no more than once a second") func states() async throws {
    try await withRoost { roost in
      try await roost.http.post("/sessions", ["name": "a", "shell": "/bin/bash"])
      _ = try await roost.events(until: "the prompt stands") { $0["data"]["state"] == "prompt" }
      // Forty commands of which none lasts: the state is the same again before anybody looks.
      for _ in 0..<40 { try await roost.http.post("/sessions/a/run", ["command": "true"]) }
      let gate = try Gate(in: roost)
      _ = try await roost.http.request(
        "POST", "/sessions/a/input", body: Array("echo wait; read x < \(gate.path); echo done\r".utf8))
      _ = try await roost.events(until: "it does something") {
        $0["type"] == "session.state_changed" && $0["data"]["previous"] == "prompt"
      }
      try await gate.open()
      // Forty-one commands, of which a slow machine may have seen some settle as well.
      try await eventually("the last one is over") {
        try await roost.events().of("session.command_finished").count == 41
      }
      let last = try await roost.events().of("session.command_finished").last?["id"]
      let events = try await roost.events(until: "the prompt is back") {
        $0["data"]["state"] == "prompt" && $0["causation_id"] == last
      }
      let changes = events.of("session.state_changed")
      let times = changes.compactMap { $0["time"].string }
      #expect(changes.count <= 6, "\(changes.map(\.text))")
      #expect(times == times.sorted())
      // The state before is always the one told of before.
      for (before, after) in zip(changes, changes.dropFirst()) {
        #expect(after["data"]["previous"] == before["data"]["state"])
      }
      #expect(changes.last?["causation_id"] == events.of("session.command_finished").last?["id"])
    }
  }

  @Test("keystrokes one by one make few records, which count them all") func keystrokes() async throws {
    try await withRoost { roost in
      try await roost.http.post("/sessions", ["name": "a", "argv": ["/bin/cat"]])
      let socket = try await roost.http.another().webSocket(
        "/sessions/a/ws/raw", headers: ["x-correlation-id": Self.id])
      for _ in 0..<300 { await socket.type("k") }
      try await roost.wait("a", ["for": "match", "pattern": "k{80}"])
      func typed(_ events: [JSON]) -> [JSON] {
        events.audit("session.input").filter { $0["correlation_id"].string == Self.id }
      }
      var records: [JSON] = []
      try await eventually("all keystrokes are counted") {
        records = typed(try await roost.events())
        return records.reduce(0) { $0 + ($1["data"]["bytes"].integer ?? 0) } >= 300
      }
      #expect(records.reduce(0) { $0 + ($1["data"]["calls"].integer ?? 1) } <= 300)
      #expect(records.reduce(0) { $0 + ($1["data"]["bytes"].integer ?? 0) } == 300)
      #expect(records.count < 30, "\(records.count) records")
      #expect(records.allSatisfy { $0["data"]["target"] == "a" })
      await socket.close()
    }
  }

  @Test("a flood of bad tokens fills no log") func flood() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let tcp = try await roost.tcp(token: "wrong")
      for _ in 0..<200 { _ = try await tcp.request("GET", "/sessions") }
      let id = try await call(roost.http, "POST", "/auth/ws-ticket")
      let events = try await roost.events(until: "a later call is logged") { $0["correlation_id"].string == id }
      let refused = events.of("audit.refused")
      #expect(refused.count == 10)
      #expect(refused.allSatisfy { $0["data"]["operation"] == "session.list" && $0["principal"].isNull })
      // What was left out is told of at the latest when the server stops.
      try await roost.stopServer()
      try await roost.start()
      let summary = try await roost.events().of("audit.refused").filter { !$0["data"]["calls"].isNull }
      #expect(summary.map { $0["data"]["calls"].integer } == [190])
    }
  }

  @Test("a server tells of its start and its stop, and of the sessions that it takes over") func server() async throws {
    try await withRoost { roost in
      let session = try await roost.http.post("/sessions", ["name": "a", "argv": ["/bin/cat"]])
      try await roost.stopServer()
      try await roost.start()
      let events = try await roost.events(until: "the second start is logged") {
        $0["type"] == "server.started" && $0["data"]["reason"] == "takeover"
      }
      let started = events.of("server.started")
      #expect(started.map { $0["data"]["reason"].string } == ["start", "takeover"])
      #expect(started.last?["data"]["pid"].integer == roost.serverPID.map(Int.init))
      #expect(events.of("server.stopping").map { $0["data"]["reason"].string } == ["signal"])
      let adopted = try #require(events.of("session.adopted").first)
      #expect(adopted["origin"]["id"] == session["id"])
      #expect(adopted["causation_id"] == started.last?["id"])
      #expect(adopted["correlation_id"] == started.last?["correlation_id"])
    }
  }
}
