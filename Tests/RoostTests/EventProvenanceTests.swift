import Formats
import Net
import TestKit
import Testing

/// Nobody passes off as the server's what is not: types, ids, replays, and the lines of the audit.
@Suite("Who made an event", .bounded)
struct EventProvenanceTests {
  /// All lines of the audit files.
  private func auditLines(of roost: Roost) async throws -> String {
    try await runProcess(
      "/usr/bin/find", [roost.home.path, "-path", "*/audit/*", "-name", "hub.log", "-exec", "cat", "{}", "+"],
      environment: roost.environment
    ).text
  }

  private static let forged: JSON = ["operation": "token.create", "target": "FORGED", "outcome": "allowed"]

  @Test("types of the server's own are refused to publishers, in every form and on every surface")
  func types() async throws {
    try await withRoost { roost in
      let http = roost.http
      for type in ["audit.allowed", "audit.of_tomorrow", "session.ended", "token.created", "replay.x", "audit"] {
        let own: JSON = ["subject": "a.b", "type": .string(type), "data": Self.forged]
        let forms: [(String, JSON)] = [
          ("/events", own), ("/events", .array([["subject": "a.b"], own])),
          (
            "/events",
            [
              "specversion": "1.0", "id": "1", "source": "/x", "type": .string(type), "subject": "a.b",
              "data": Self.forged,
            ]
          ), ("/events", ["type": .string(type), "subject": "a.b", "payload": Self.forged]),
          ("/bus/publish", ["topic": "a.b", "type": .string(type), "payload": Self.forged]),
        ]
        for (path, body) in forms {
          let answer = try await http.request("POST", path, json: body)
          #expect(answer.status == 403 && answer.errorCode == "type_reserved", "\(path) \(body.text): \(answer)")
        }
        let rpc = try await http.request(
          "POST", "/rpc", json: ["jsonrpc": "2.0", "id": 1, "method": "events.publish", "params": own])
        #expect(rpc.json["error"]["data"]["code"] == "type_reserved", "\(rpc)")
        let socket = try await http.another().webSocket("/rpc")
        await socket.send(["jsonrpc": "2.0", "id": 1, "method": "events.publish", "params": own])
        #expect(try await socket.nextJSON()["error"]["data"]["code"] == "type_reserved")
        await socket.close()
        let command = try await roost.run(["events", "publish", "a.b", "1", "--type", type])
        #expect(command.exitCode == 5, "\(command)")
      }
      // A type that is not given is the subject.
      #expect(
        try await http.request("POST", "/events", json: ["subject": "session.ended"]).errorCode == "type_reserved")
      #expect(try await http.request("POST", "/events", json: ["subject": "auditor.came"]).status == 201)
      #expect(try await roost.events().allSatisfy { $0["data"]["target"] != "FORGED" })
      let lines = try await auditLines(of: roost)
      #expect(!lines.contains("FORGED"))
    }
  }

  @Test("the same holds for what comes through a hub") func throughHub() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let own: JSON = ["subject": "a.b", "type": "audit.allowed", "data": Self.forged]
      let answer = try await hub.http.request("POST", "/events?server=web1", json: own)
      #expect(answer.status == 403 && answer.errorCode == "type_reserved", "\(answer)")
      for server in [hub, web1] {
        let lines = try await auditLines(of: server.roost)
        #expect(!lines.contains("FORGED"))
      }
    }
  }

  @Test("an id that an event has is not given to another, nor twice in a list, nor to two who ask at once")
  func ids() async throws {
    try await withRoost { roost in
      let http = roost.http
      try await http.post("/sessions", ["name": "s", "argv": ["/bin/cat"]])
      let events = try await roost.events(until: "the call is audited") { $0["type"] == "audit.allowed" }
      let audit = try #require(events.first { $0["type"] == "audit.allowed" })
      let own = try await http.post("/events", ["subject": "a.b", "id": "mine", "data": 1])
      #expect(own["id"] == "mine")
      for id in [audit["id"], "mine"] {
        for body: JSON in [["subject": "x.y", "id": id], .array([["subject": "x.y"], ["subject": "x.y", "id": id]])] {
          let answer = try await http.request("POST", "/events", json: body)
          #expect(answer.status == 409 && answer.errorCode == "event_id_conflict", "\(body.text): \(answer)")
        }
      }
      let twice = try await http.request(
        "POST", "/events", json: .array([["subject": "x.y", "id": "new"], ["subject": "x.y", "id": "new"]]))
      #expect(twice.errorCode == "event_id_conflict")
      let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<8 {
          let client = http.another()
          group.addTask { try await client.request("POST", "/events", json: ["subject": "r.y", "id": "raced"]).status }
        }
        return try await group.reduce(into: [Int]()) { $0.append($1) }
      }
      #expect(statuses.sorted() == [201] + Array(repeating: 409, count: 7))
      #expect(try await roost.events("&subject=x.y").isEmpty)
      #expect(try await roost.events("&subject=r.y").count == 1)
      #expect(try await http.get("/events/\(audit["id"].string ?? "")") == audit)
      #expect(try await http.get("/events/mine")["seq"] == own["seq"])
      #expect(try await http.request("GET", "/events/nobody").errorCode == "event_not_found")
    }
  }

  @Test("the id of a record that is still to come is nobody else's, though what the call caused names it")
  func promisedID() async throws {
    try await withRoost { roost in
      let http = roost.http
      try await http.post("/sessions", ["name": "s", "argv": ["/bin/bash", "--norc"]])
      let client = http.another()
      async let run = client.request("POST", "/sessions/s/run", json: ["command": "sleep 1000"])
      let events = try await roost.events(until: "the command has begun") { $0["type"] == "session.command_started" }
      let cause = try #require(events.of("session.command_started").last?["causation_id"].string)
      #expect(try await http.request("GET", "/events/\(cause)").status == 404)
      let answer = try await http.request("POST", "/events", json: ["subject": "x.y", "id": .string(cause)])
      #expect(answer.errorCode == "event_id_conflict", "\(answer)")
      try await http.post("/sessions/s/keys", ["keys": ["ctrl+c"]])
      _ = try await run
      try await eventually("the call is audited") { try await http.request("GET", "/events/\(cause)").status == 200 }
      #expect(try await http.get("/events/\(cause)")["data"]["operation"] == "session.run")
    }
  }

  @Test("a replayed audit event is no audit event, and no line of the audit") func replay() async throws {
    try await withRoost { roost in
      try await roost.http.post("/sessions", ["name": "s", "argv": ["/bin/cat"]])
      let events = try await roost.events(until: "the call is audited") { $0["type"] == "audit.allowed" }
      let audit = try #require(events.first { $0["type"] == "audit.allowed" })
      let copy = try await roost.http.post("/events/replay", ["id": audit["id"]])
      let stored = try await roost.http.get("/events/\(copy["id"].string ?? "")")
      #expect(stored["type"] == "replay.audit.allowed" && stored["causation_id"] == audit["id"], "\(stored)")
      #expect(stored["subject"].string == "replay.\(audit["subject"].string ?? "")" && stored["data"] == audit["data"])
      let again = try await roost.http.post("/events/replay", ["id": copy["id"]])
      #expect(try await roost.http.get("/events/\(again["id"].string ?? "")")["type"] == "replay.audit.allowed")
      let bus = try await roost.run(
        "events", "replay", "--since", "1h", "--type", "audit.>", "--speed", "max", "--to", "bus")
      #expect(bus.exitCode == 0, "\(bus)")
      try await eventually("the replays are audited") {
        try await auditLines(of: roost).contains("operation=events.replay")
      }
      let lines = try await auditLines(of: roost).split(separator: "\n")
      let records = try await roost.events("&type=audit.>").compactMap { $0["id"].string }
      #expect(lines.allSatisfy { line in records.contains { line.contains("event=\($0)") } })
    }
  }

  @Test("who may only publish learns nothing of what there is by having it replayed") func blindReplay() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let made = try await roost.http.post("/tokens", ["name": "p", "scopes": ["events:publish"]])
      let publisher = try await roost.tcp(token: made["token"].string)
      for id in ["1", "2", "999999", "nobody", made["id"].string ?? ""] {
        let answer = try await publisher.request("POST", "/events/replay", json: ["id": .string(id)])
        #expect(answer.status == 403 && answer.errorCode == "insufficient_scope", "\(answer)")
      }
    }
  }
}
