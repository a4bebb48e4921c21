import Formats
import Net
import TestKit
import Testing

/// What a call may do and is told that has lost its session, or its token, while it waited.
@Suite("Calls that have lost their session", .bounded)
struct LostReachTests {
  /// How a call loses the session that it is about.
  enum Loss: String, CaseIterable, Sendable { case untagged, renamed, revoked }

  /// A session that a limited token reaches, until it is lost.
  private struct Limited: Sendable {
    let owner: TestClient
    let client: TestClient
    let token: String
    let loss: Loss

    init(_ roost: Roost, _ loss: Loss, _ fields: JSON = [:]) async throws {
      owner = roost.http
      self.loss = loss
      let named: JSON = ["name": "s", "tags": ["ci"]]
      try await roost.session(named.adding(fields))
      let limit: JSON = loss == .renamed ? ["sessions": ["s"]] : ["tags": ["ci"]]
      let scopes: JSON = ["name": "t", "scopes": ["sessions:read", "sessions:input", "sessions:manage"]]
      let made = try await owner.post("/tokens", scopes.adding(limit))
      token = try #require(made["id"].string)
      client = try await roost.tcp(token: made["token"].string)
    }

    /// What the session is called once it is lost.
    var name: String { loss == .renamed ? "hidden" : "s" }

    func lose() async throws {
      let owner = owner.another()
      switch loss {
      case .untagged: _ = try await owner.patch("/sessions/s", ["remove_tags": ["ci"]])
      case .renamed: _ = try await owner.patch("/sessions/s", ["name": "hidden"])
      case .revoked: _ = try await owner.delete("/tokens/\(token)")
      }
    }

    /// Whether an answer is that of a call that may not hear of the session.
    func isRefusal(_ answer: TestResponse) -> Bool {
      let isSilent = !answer.text.contains("hidden") && !answer.text.contains("secret")
      if loss == .revoked { return isSilent && answer.status == 403 && answer.errorCode == "auth_invalid" }
      return isSilent && answer.status == 404 && answer.errorCode == "session_not_found"
        && answer.json["error"]["message"] == "Session not found: s."
    }

    func type(_ text: String) async throws {
      _ = try await owner.another().request("POST", "/sessions/\(name)/input", body: Array(text.utf8))
    }

    /// The command lines that the session's shell has run, the last of which is ours.
    func commands() async throws -> [String] {
      _ = try await owner.another().post("/sessions/\(name)/run", ["command": "true", "queue": true])
      return try await owner.another().get("/sessions/\(name)/commands").array?.compactMap { $0["command"].string }
        ?? []
    }
  }

  /// Begins a command that holds the shell up until the gate is opened.
  private func hold(_ limited: Limited, _ gate: Gate) async throws {
    _ = try await limited.owner.post("/sessions/s/wait", ["for": "prompt", "timeout_ms": 30_000])
    _ = try await limited.owner.request("POST", "/sessions/s/input", body: Array("cat \(gate.path)\r".utf8))
    try await eventually("the command runs") {
      try await limited.owner.get("/sessions/s/commands").array?.last?["command"].string?.hasPrefix("cat") == true
    }
  }

  @Test("a run that waits for its turn is not given to the shell", arguments: Loss.allCases)
  func queued(loss: Loss) async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let (limited, gate) = (try await Limited(roost, loss), try Gate(in: roost))
      try await hold(limited, gate)
      async let run = limited.client.request(
        "POST", "/sessions/s/run", json: ["command": "echo never", "queue": true, "timeout_ms": 60_000])
      try await eventually("the run waits") { try await roost.http.get("/sessions/s/runs").array?.count == 1 }
      try await limited.lose()
      try await gate.open()
      let answer = try await run
      #expect(limited.isRefusal(answer), "\(answer)")
      let commands = try await limited.commands()
      #expect(commands.last == "true" && !commands.contains("echo never"), "\(commands)")
    }
  }

  @Test("it is out of the queue before its turn") func dequeued() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let (limited, gate) = (try await Limited(roost, .untagged), try Gate(in: roost))
      try await hold(limited, gate)
      async let run = limited.client.request(
        "POST", "/sessions/s/run", json: ["command": "echo never", "queue": true, "timeout_ms": 60_000])
      try await eventually("the run waits") { try await roost.http.get("/sessions/s/runs").array?.count == 1 }
      try await limited.lose()
      let answer = try await run
      #expect(limited.isRefusal(answer), "\(answer)")
      #expect(try await roost.http.get("/sessions/s/runs").array?.isEmpty == true)
      try await gate.open()
    }
  }

  /// How lines are pasted.
  enum Pasting: String, CaseIterable, Sendable { case input, interact }

  @Test("lines that wait for their reader are not typed", arguments: Loss.allCases, Pasting.allCases)
  func pasted(loss: Loss, how: Pasting) async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let (limited, gate) = (try await Limited(roost, loss), try Gate(in: roost))
      try await hold(limited, gate)
      async let paste =
        switch how {
        case .input:
          limited.client.request(
            "POST", "/sessions/s/input?paste=true", body: Array("echo never\necho never\n".utf8))
        case .interact:
          limited.client.request(
            "POST", "/sessions/s/interact",
            json: ["text": "echo never\necho never\n", "paste": true, "for": "idle", "timeout_ms": 60_000])
        }
      switch how {
      case .interact: try await eventually("the paste waits") { try await roost.used("waits") == 1 }
      // Nothing tells of it: what goes to the session after it has come, comes after it.
      case .input: for _ in 0..<20 { _ = try await roost.http.get("/sessions/s") }
      }
      try await limited.lose()
      try await gate.open()
      let answer = try await paste
      // A neighbour that takes all the time there is may have it refused for the command that runs, before it is lost.
      #expect(limited.isRefusal(answer) || answer.errorCode == "command_running", "\(answer)")
      let commands = try await limited.commands()
      #expect(commands.last == "true" && !commands.contains("echo never"), "\(commands)")
    }
  }

  private static let waits: [(String, String, JSON)] = [
    ("POST", "wait", ["for": "match", "match": "never", "timeout_ms": 5000]),
    ("POST", "interact", ["text": "", "for": "match", "match": "never", "timeout_ms": 5000]),
    ("POST", "interact", ["text": "", "for": "exit", "timeout_ms": 5000]),
    ("GET", "idle?timeout_ms=60000&max_wait_ms=5000", [:]),
    ("POST", "commands/1/wait", ["timeout_ms": 5000]),
    ("POST", "run", ["command": "true", "queue": true, "timeout_ms": 5000]),
  ]

  @Test("a wait whose time is over tells nothing of it", arguments: [Loss.untagged, .renamed])
  func overtime(loss: Loss) async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let (limited, gate) = (try await Limited(roost, loss), try Gate(in: roost))
      try await hold(limited, gate)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (method, path, body) in Self.waits {
          group.addTask {
            let answer = try await limited.client.another().request(
              method, "/sessions/s/\(path)", body: method == "GET" ? [] : body.bytes)
            #expect(limited.isRefusal(answer), "\(path): \(answer)")
          }
        }
        group.addTask {
          let answer = try await limited.client.another().request(
            "GET", "/idle?timeout_ms=300&max_wait_ms=5000&fresh=true")
          // It may have been met before.
          #expect(answer.status == 200 || answer.errorCode == "idle_timeout", "\(answer)")
          #expect(!answer.text.contains("secret") && !answer.text.contains("hidden"), "\(answer)")
        }
        group.addTask {
          let answer = try await limited.client.another().rpc(
            "session.wait", ["session": "s", "for": "match", "match": "never", "timeout_ms": 5000])
          #expect(answer["error"]["data"]["code"] == "session_not_found", "\(answer)")
          #expect(!answer.text.contains("secret") && !answer.text.contains("hidden"), "\(answer)")
        }
        try await eventually("all of them wait") { try await roost.used("waits") >= Self.waits.count + 1 }
        try await limited.lose()
        try await limited.type("secret\n")
        try await group.waitForAll()
      }
      try await gate.open()
    }
  }

  @Test("a kill whose grace takes its time tells nothing of it", arguments: Loss.allCases)
  func killed(loss: Loss) async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let gate = try Gate(in: roost)
      let script = "trap 'echo asked; cat \(gate.path); exit' HUP; echo ready; while :; do sleep 0.1; done"
      let limited = try await Limited(roost, loss, ["argv": ["/bin/sh", "-c", .string(script)]])
      try await roost.wait("s", ["for": "match", "match": "ready"])
      async let kill = limited.client.request("POST", "/sessions/s/kill", json: ["grace_ms": 60_000])
      try await roost.wait("s", ["for": "match", "match": "asked"])
      try await limited.lose()
      try await gate.open()
      let answer = try await kill
      #expect(limited.isRefusal(answer), "\(answer)")
    }
  }

  @Test("the socket of a session does not tell its new name") func socket() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let limited = try await Limited(roost, .renamed, ["argv": ["/bin/cat"]])
      let socket = try await limited.client.webSocket("/sessions/s/ws/json")
      _ = try await socket.nextJSON()
      try await limited.lose()
      // Another that has got the old name is not what the socket is for.
      try await roost.session(["name": "s", "argv": ["/bin/cat"]])
      let requests: [(String, JSON)] = [
        ("get_screen", [:]), ("session.keys", ["keys": ["x"]]), ("await_idle", ["timeout_ms": 10]),
        ("send_input", ["data": "x"]),
      ]
      for (method, parameters) in requests {
        await socket.send(["id": 1, "method": .string(method), "params": parameters])
        let answer = try await socket.nextJSON()
        #expect(answer["error"]["code"] == "session_not_found", "\(method): \(answer)")
        #expect(!answer.text.contains("hidden"), "\(method): \(answer)")
      }
    }
  }

  @Test("what waits on a server behind a hub is not typed either", arguments: Loss.allCases)
  func throughHub(loss: Loss) async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let limited = try await Limited(web1.roost, loss)
      let gate = try Gate(in: web1.roost)
      try await hub.waitForList("web1:s")
      try await hold(limited, gate)
      // The token of the hub, which the backend knows nothing of.
      let limit: JSON = loss == .renamed ? ["sessions": ["s"]] : ["tags": ["ci"]]
      let fields: JSON = ["name": "t", "scopes": ["sessions:read", "sessions:input"]]
      let made = try await hub.http.post("/tokens", fields.adding(limit))
      let client = try await hub.roost.tcp(token: made["token"].string)
      async let run = client.request(
        "POST", "/sessions/s/run?server=web1", json: ["command": "echo never", "queue": true, "timeout_ms": 60_000])
      try await eventually("the run waits") { try await web1.http.another().get("/sessions/s/runs").array?.count == 1 }
      async let paste = client.another().request(
        "POST", "/sessions/s/input?server=web1&paste=true", body: Array("echo never\necho never\n".utf8))
      for _ in 0..<20 { _ = try await hub.http.get("/sessions/s?server=web1") }
      if loss == .revoked {
        _ = try await hub.http.delete("/tokens/\(#require(made["id"].string))")
        // The hub takes back what it has passed on; that takes its way.
        try await eventually("the run has left the queue") {
          try await web1.http.another().get("/sessions/s/runs").array?.isEmpty == true
        }
      } else {
        try await limited.lose()
      }
      try await gate.open()
      let code = loss == .revoked ? "auth_invalid" : "session_not_found"
      let answers = try await (run, paste)
      #expect(answers.0.errorCode == code && !answers.0.text.contains("hidden"), "\(answers.0)")
      #expect([code, "command_running"].contains(answers.1.errorCode), "\(answers.1)")
      let commands = try await limited.commands()
      #expect(commands.last == "true" && !commands.contains("echo never"), "\(commands)")
    }
  }
}
