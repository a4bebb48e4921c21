import Formats
import Net
import TestKit
import Testing

@Suite("The server's events by WebSocket", .bounded)
struct ServerSocketTests {
  private func open(_ roost: Roost) async throws -> TestWebSocket {
    let socket = try await roost.http.another().webSocket("/ws/json")
    #expect(try await socket.nextJSON() == ["connected": true])
    return socket
  }

  private func ask(
    _ socket: TestWebSocket, _ method: String, session: String? = nil, _ params: JSON = [:], id: Int = 1
  ) async throws -> JSON {
    await socket.send(
      .object(["id": .integer(id), "method": .string(method), "session": session.map { .string($0) }, "params": params])
    )
    return try await socket.nextJSON { $0["id"].integer == id }
  }

  @Test("what happens to sessions is told in order")
  func lifecycle() async throws {
    try await withRoost { roost in
      let socket = try await open(roost)
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      #expect(try await socket.nextJSON() == ["event": "session_created", "params": ["name": "a"]])
      try await roost.http.patch("/sessions/a", ["name": "b"])
      #expect(
        try await socket.nextJSON() == ["event": "session_renamed", "params": ["old_name": "a", "new_name": "b"]])
      try await roost.http.patch("/sessions/b", ["add_tags": ["t"]])
      #expect(
        try await socket.nextJSON() == [
          "event": "session_tags_changed", "params": ["name": "b", "added": ["t"], "removed": []],
        ])
      try await roost.http.delete("/sessions/b")
      #expect(try await socket.nextJSON { $0["event"] == "session_destroyed" }["params"] == ["name": "b"])
    }
  }

  @Test("the end of a program is told, and its removal apart from it")
  func ended() async throws {
    try await withRoost { roost in
      let socket = try await open(roost)
      try await roost.session(["name": "brief", "argv": ["/bin/true"]])
      #expect(try await socket.nextJSON()["event"] == "session_created")
      let ended = try await socket.nextJSON()
      #expect(ended["event"] == "session_ended")
      #expect(ended["params"]["name"] == "brief")
      try await roost.http.delete("/sessions/brief")
      #expect(try await socket.nextJSON() == ["event": "session_destroyed", "params": ["name": "brief"]])
    }
  }

  @Test("sessions are made, listed, renamed, tagged and ended by name")
  func requests() async throws {
    try await withRoost { roost in
      let socket = try await open(roost)
      #expect(
        try await ask(socket, "create_session", ["name": "a", "argv": ["/bin/cat"], "tags": ["x"]])["result"]["name"]
          == "a")
      #expect(
        try await ask(socket, "create_session", ["name": "a", "argv": ["/bin/cat"]])["error"]["code"]
          == "session_name_conflict")
      #expect(try await ask(socket, "list_sessions")["result"][0]["name"] == "a")
      #expect(try await ask(socket, "list_sessions", ["tag": ["y"]])["result"] == [])
      #expect(try await ask(socket, "rename_session", ["name": "a", "new_name": "b"])["result"]["name"] == "b")
      #expect(
        try await ask(socket, "update_tags", session: "b", ["add": ["z"], "remove": ["x"]])["result"]["tags"] == ["z"])
      #expect(try await ask(socket, "send_input", session: "b", ["data": "typed\r"])["error"].isNull)
      try await roost.wait("b", ["for": "match", "pattern": "typed\ntyped"])
      #expect(try await ask(socket, "get_screen", session: "b", ["format": "plain"])["result"]["lines"][1] == "typed")
      #expect(try await ask(socket, "session.get", session: "b")["result"]["name"] == "b")
      #expect(try await ask(socket, "detach_session", ["name": "b"])["error"].isNull)
      #expect(try await ask(socket, "kill_session", ["name": "b"])["error"].isNull)
      #expect(try await ask(socket, "get_screen", session: "b")["error"]["code"] == "session_not_found")
      #expect(try await ask(socket, "get_screen")["error"]["code"] == "session_required")
      #expect(try await ask(socket, "nothing_like_it")["error"]["code"] == "unknown_method")
      await socket.send(text: "{")
      #expect(try await socket.nextJSON()["error"]["code"] == "invalid_request")
    }
  }

  @Test("await_idle works for any session, and a second for the same one supersedes the first")
  func awaitIdle() async throws {
    try await withScript("while :; do echo x; sleep 0.02; done") { busy in
      try await withSession { quiet in
        let socket = try await open(quiet.roost)
        let idle = try await ask(socket, "await_idle", session: quiet.name, ["timeout_ms": 50])
        #expect(idle["result"]["screen"]["rows"] == 24)
        await socket.send([
          "id": 5, "method": "await_idle", "session": .string(busy.name),
          "params": ["timeout_ms": 60000, "max_wait_ms": 60000],
        ])
        let second = try await ask(socket, "await_idle", session: quiet.name, ["timeout_ms": 10], id: 6)
        #expect(second["result"]["generation"].integer != nil, "a wait for one session does not end that for another")
        await socket.send([
          "id": 7, "method": "await_idle", "session": .string(busy.name),
          "params": ["timeout_ms": 60000, "max_wait_ms": 100],
        ])
        #expect(try await socket.nextJSON { $0["id"] == 5 }["error"]["code"] == "idle_superseded")
        #expect(try await socket.nextJSON { $0["id"] == 7 }["error"]["code"] == "idle_timeout")
      }
    }
  }

  @Test("several sessions are followed at once, and events say whose they are")
  func subscribe() async throws {
    try await withSession { first in
      try await withSession { second in
        let socket = try await open(first.roost)
        for (id, session) in [(1, first), (2, second)] {
          let answer = try await ask(
            socket, "subscribe", session: session.name, ["events": ["lines"], "interval_ms": 5], id: id)
          #expect(answer["result"]["events"] == ["lines"])
        }
        try await first.type("for one\r")
        let one = try await socket.nextJSON { $0["event"] == "line" && $0["index"] == 1 }
        #expect(one["session"].string == first.name)
        #expect(one["line"] == [["text": "for one"]])
        try await second.type("for two\r")
        let two = try await socket.nextJSON {
          $0["session"].string == second.name && $0["event"] == "line" && $0["index"] == 1
        }
        #expect(two["line"] == [["text": "for two"]])
        #expect(try await ask(socket, "unsubscribe", session: first.name, id: 8)["error"].isNull)
      }
    }
  }

  @Test("the server's stop closes the socket")
  func stop() async throws {
    try await withRoost { roost in
      let socket = try await open(roost)
      _ = try await roost.http.request("POST", "/server/shutdown", json: [:])
      let close = try await socket.waitForClose()
      #expect([1000, 1001].contains(close.code), "\(close)")
    }
  }

  @Test("JSON-RPC runs over a WebSocket too, each call answered when it is done")
  func rpcSocket() async throws {
    try await withScript("read x; exit 2") { session in
      let socket = try await session.client.another().webSocket("/rpc")
      await socket.send([
        "jsonrpc": "2.0", "id": 1, "method": "session.wait",
        "params": ["session": .string(session.name), "for": "exit"],
      ])
      await socket.send(["jsonrpc": "2.0", "id": 2, "method": "server.health"])
      #expect(try await socket.nextJSON() == ["jsonrpc": "2.0", "result": ["status": "ok"], "id": 2])
      try await session.type("\r")
      #expect(try await socket.nextJSON { $0["id"] == 1 }["result"]["exit_status"] == 2)
    }
  }
}
