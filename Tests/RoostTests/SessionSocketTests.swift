import Formats
import Net
import TestKit
import Testing

@Suite("A session's events by WebSocket", .bounded)
struct SessionSocketTests {
  private func open(_ session: TestSession) async throws -> TestWebSocket {
    let socket = try await session.client.another().webSocket("\(session.path)/ws/json")
    #expect(try await socket.nextJSON() == ["connected": true])
    return socket
  }

  /// Sends a request; its answer. Events that come before it are passed over.
  private func ask(_ socket: TestWebSocket, _ method: String, _ params: JSON = [:], id: Int = 1) async throws -> JSON {
    await socket.send(["id": .integer(id), "method": .string(method), "params": params])
    return try await socket.nextJSON { $0["id"].integer == id }
  }

  @Test("a subscription begins with a sync, and then tells lines and cursor")
  func subscribe() async throws {
    try await withSession { session in
      let socket = try await open(session)
      let answer = try await ask(socket, "subscribe", ["events": ["lines", "cursor"], "interval_ms": 10])
      #expect(answer["method"] == "subscribe")
      #expect(answer["result"]["events"] == ["lines", "cursor"])
      let sync = try await socket.nextJSON()
      #expect(sync["event"] == "sync")
      #expect(sync["seq"] == 0)
      #expect(sync["screen"]["lines"].array?.count == 24)
      #expect(sync["scrollback_lines"] == 24)
      try await session.type("hello\r")
      let line = try await socket.nextJSON { $0["event"] == "line" && $0["index"] == 1 }
      #expect(line["line"] == [["text": "hello"]])
      #expect(line["total_lines"] == 24)
      #expect(line["seq"].integer ?? 0 > 0)
      let cursor = try await socket.nextJSON { $0["event"] == "cursor" && $0["row"] == 2 }
      #expect(cursor["col"] == 0 && cursor["visible"] == true)
    }
  }

  @Test("a client that follows the events has the picture that the server has")
  func eventsAddUp() async throws {
    try await withScript(
      "sleep 0.1; for i in $(seq 1 300); do printf '\\033[%d;%dH%d' $((i % 20 + 1)) $((i * 7 % 60 + 1)) $i; done; printf '\\033[24;1Hdone'; exec cat"
    ) { session in
      let socket = try await open(session)
      _ = try await ask(socket, "subscribe", ["events": ["lines"], "interval_ms": 5, "format": "plain"])
      var lines: [String] = []
      while lines.last != "done" {
        let event = try await socket.nextJSON()
        if event["event"] == "sync" { lines = event["screen"]["lines"].strings }
        if event["event"] == "line", let index = event["index"].integer {
          lines[index] = event["line"].string ?? event["line"].text
        }
      }
      #expect(try await session.lines() == lines)
    }
  }

  @Test("a subscription that begins while a picture is being painted begins with the whole picture")
  func synchronizedOutput() async throws {
    // Two rows that always show the same number. Most of the time the second one is still missing.
    let program = """
      import select, sys, time
      n = 0
      while not select.select([sys.stdin], [], [], 0)[0]:
          n += 1
          sys.stdout.write('\\x1b[?2026h\\x1b[H\\x1b[2Jleft %d' % n); sys.stdout.flush(); time.sleep(0.008)
          sys.stdout.write('\\x1b[12;1Hright %d\\x1b[?2026l' % n); sys.stdout.flush(); time.sleep(0.001)
      """
    try await withSession(["argv": ["/usr/bin/env", "python3", "-c", .string(program)]]) { session in
      try await session.wait(match: "right")
      let socket = try await open(session)
      var whole = 0
      for id in 1...30 {
        _ = try await ask(
          socket, "subscribe", ["events": ["lines"], "interval_ms": 60_000, "format": "plain"], id: id)
        let sync = try await socket.nextJSON()
        #expect(sync["event"] == "sync")
        let lines = sync["screen"]["lines"].strings
        if lines[0].hasPrefix("left "), lines[0].dropFirst(5) == lines[11].dropFirst(6) { whole += 1 }
      }
      // A program that a busy machine keeps from going on is not waited for longer than 200 ms; seen at once, nearly all would be halves.
      #expect(whole > 15, "whole pictures of 30")
      try await session.interact(["text": "stop\r", "for": "exit"])
    }
  }

  @Test("another screen, another size: a reset with its reason, and a sync")
  func reset() async throws {
    try await withScript(
      "stty -echo; echo ready; read x; printf '\\033[?1049hother'; read x; printf '\\033[?1049l'; exec cat"
    ) { session in
      try await session.wait(match: "ready")
      let socket = try await open(session)
      _ = try await ask(socket, "subscribe", ["events": ["lines", "mode"], "interval_ms": 5])
      try await session.type("\r")
      #expect(try await socket.nextJSON { $0["event"] == "reset" }["reason"] == "alternate_screen_enter")
      #expect(try await socket.nextJSON { $0["event"] == "mode" }["alternate_active"] == true)
      #expect(try await socket.nextJSON { $0["event"] == "sync" }["screen"]["alternate_active"] == true)
      try await session.type("\r")
      #expect(try await socket.nextJSON { $0["event"] == "reset" }["reason"] == "alternate_screen_exit")
      try await session.post("resize", ["rows": 12, "cols": 50])
      #expect(try await socket.nextJSON { $0["event"] == "reset" }["reason"] == "resize")
      #expect(try await socket.nextJSON { $0["event"] == "sync" }["screen"]["rows"] == 12)
    }
  }

  @Test("silence and activity are told when asked for", arguments: ["idle_timeout_ms", "quiesce_ms"])
  func activity(field: String) async throws {
    try await withSession { session in
      let socket = try await open(session)
      _ = try await ask(
        socket, "subscribe", JSON.object(["events": ["activity"]]).adding(.object([JSON.Member(field, 300)])))
      #expect(try await socket.nextJSON()["event"] == "sync")
      var event = try await socket.nextJSON()
      if event["event"] == "running" { event = try await socket.nextJSON { $0["event"] == "idle" } }
      #expect(event["event"] == "idle")
      #expect(event["screen"]["rows"] == 24)
      #expect(event["generation"].integer != nil)
      try await session.type("x\r")
      let running = try await socket.nextJSON { $0["event"] == "running" }
      #expect(running["screen"].isNull)
      #expect(
        try await socket.nextJSON { $0["event"] == "idle" }["generation"].integer ?? -1 > event["generation"].integer
          ?? 0)
    }
  }

  @Test("requests are answered by their ids: screen, history, input, size, and any operation")
  func requests() async throws {
    try await withSession { session in
      let socket = try await open(session)
      let typed = try await ask(socket, "send_input", ["data": "aGVsbG8K", "encoding": "base64"])
      #expect(typed["error"].isNull, "\(typed.text)")
      try await session.wait(match: "hello\nhello")
      #expect(try await ask(socket, "get_screen", ["format": "plain"])["result"]["lines"][1] == "hello")
      #expect(try await ask(socket, "get_scrollback", ["format": "plain", "limit": 1])["result"]["lines"] == ["hello"])
      #expect(try await ask(socket, "resize", ["rows": 10, "cols": 40])["error"].isNull)
      #expect(try await session.record["rows"] == 10)
      #expect(try await ask(socket, "session.get")["result"]["name"].string == session.name)
      let wait = try await ask(socket, "session.wait", ["for": "match", "pattern": "hello"])
      #expect(wait["result"]["met"] == true)
    }
  }

  @Test("a message that is no request, an unknown method: an error, and the socket stays open")
  func errors() async throws {
    try await withSession { session in
      let socket = try await open(session)
      await socket.send(text: "no json")
      #expect(try await socket.nextJSON()["error"]["code"] == "invalid_request")
      await socket.send(text: "[1,2]")
      #expect(try await socket.nextJSON()["error"]["code"] == "invalid_request")
      await socket.send(binary: [1, 2, 3])
      #expect(try await socket.nextJSON()["error"]["code"] == "invalid_request")
      let unknown = try await ask(socket, "fly_to_the_moon", id: 9)
      #expect(unknown["error"]["code"] == "unknown_method")
      #expect(unknown["method"] == "fly_to_the_moon")
      #expect(try await ask(socket, "subscribe", ["events": ["nothing"]])["error"]["code"] == "invalid_request")
      #expect(try await ask(socket, "subscribe", ["colour": 1])["error"]["code"] == "invalid_request")
      #expect(try await ask(socket, "resize", ["rows": "many"])["error"]["code"] == "invalid_request")
      #expect(try await ask(socket, "get_screen")["result"]["rows"] == 24)
    }
  }

  @Test("a second await_idle answers the first with idle_superseded")
  func superseded() async throws {
    try await withScript("while :; do echo x; sleep 0.02; done") { session in
      let socket = try await open(session)
      await socket.send(["id": 1, "method": "await_idle", "params": ["timeout_ms": 60000, "max_wait_ms": 60000]])
      await socket.send(["id": 2, "method": "await_quiesce", "params": ["timeout_ms": 5000, "max_wait_ms": 200]])
      let first = try await socket.nextJSON { $0["id"] == 1 }
      #expect(first["error"]["code"] == "idle_superseded")
      let second = try await socket.nextJSON { $0["id"] == 2 }
      #expect(second["error"]["code"] == "idle_timeout")
      #expect(second["method"] == "await_quiesce")
    }
  }

  @Test("await_idle answers the screen, its method and its id")
  func awaitIdle() async throws {
    try await withSession { session in
      let socket = try await open(session)
      let idle = try await ask(socket, "await_idle", ["timeout_ms": 50], id: 77)
      #expect(idle["method"] == "await_idle")
      #expect(idle["result"]["screen"]["rows"] == 24)
      #expect(idle["result"]["scrollback_lines"] == 24)
      #expect(idle["result"]["generation"].integer != nil)
    }
  }

  @Test("the end of the session closes the socket with what it showed last: 1000, session ended")
  func end() async throws {
    try await withScript("read x; echo last words; exit 3") { session in
      let socket = try await open(session)
      _ = try await ask(socket, "subscribe", ["events": ["lines"], "interval_ms": 60_000])
      try await session.type("\r")
      _ = try await socket.nextJSON { $0["line"] == [["text": "last words"]] }
      let close = try await socket.waitForClose()
      #expect(close.code == 1000)
      #expect(close.reason == "session ended")
    }
  }

  @Test("a session that is removed closes its sockets")
  func removal() async throws {
    try await withSession { session in
      let (json, raw) = (
        try await open(session), try await session.client.another().webSocket("\(session.path)/ws/raw")
      )
      try await session.client.delete(session.path)
      #expect(try await json.waitForClose().code == 1000)
      #expect(try await raw.waitForClose().code == 1000)
    }
  }

  // MARK: Raw bytes

  @Test("a raw socket begins with a repaint, and carries bytes both ways")
  func raw() async throws {
    try await withScript("printf 'on the \\033[1mscreen\\033[0m before\\n'; exec cat") { session in
      try await session.wait(match: "before")
      let socket = try await session.client.another().webSocket("\(session.path)/ws/raw")
      let first = String(decoding: try await socket.bytes(until: "before"), as: UTF8.self)
      #expect(first.contains("screen"))
      await socket.send(binary: Array("binary\r".utf8))
      try await socket.bytes(until: "binary\r\nbinary")
      await socket.send(text: "text\r")
      try await socket.bytes(until: "text\r\ntext")
      #expect(try await session.record["clients"] == 1)
      let clients = try await session.client.get("\(session.path)/clients").array ?? []
      #expect(clients.count == 1)
      #expect(clients.first?["kind"] == "raw")
      await socket.close()
      try await eventually("the client is gone") { try await session.record["clients"] == 0 }
    }
  }

  @Test("an attached terminal is told what happens to the session beside its bytes")
  func attach() async throws {
    try await withScript("stty -echo; echo ready; read x; echo bye; exit 4") { session in
      try await session.wait(match: "ready")
      let socket = try await session.client.another().webSocket(
        "\(session.path)/ws/raw", subprotocols: ["roost.attach.v1"])
      let attached = try await socket.nextJSON()
      #expect(attached["attached"]["session"].string == session.name)
      #expect(attached["attached"]["generation"].integer != nil)
      #expect(try await socket.nextJSON() == ["clients": ["attached": 1]])
      await socket.send(["resize": ["rows": 30, "cols": 100]])
      #expect(try await socket.nextJSON { !$0["resized"].isNull } == ["resized": ["rows": 30, "cols": 100]])
      #expect(try await session.record["cols"] == 100)
      await socket.type("\r")
      try await socket.bytes(until: "bye")
      #expect(try await socket.nextJSON() == ["exited": ["exit_status": 4, "exit_signal": .null]])
      #expect(try await socket.waitForClose().code == 1000)
    }
  }

  @Test("a viewer that may only read cannot type and cannot resize")
  func readOnly() async throws {
    try await withSession { session in
      let viewer = try await session.client.another().webSocket(
        "\(session.path)/ws/raw?readonly=true", subprotocols: ["roost.attach.v1"])
      _ = try await viewer.nextJSON()
      await viewer.type("not typed\r")
      await viewer.send(["resize": ["rows": 5, "cols": 5]])
      try await session.type("typed\r")
      // It sees a window of its own size.
      try await viewer.bytes(until: "typed")
      try await session.wait(match: "typed\ntyped")
      #expect(try await session.text() == "typed\ntyped")
      #expect(try await session.record["rows"] == 24)
      #expect(try await session.client.get("\(session.path)/clients")[0]["read_only"] == true)
    }
  }

  @Test("detach sends every attached client away and leaves the session running")
  func detach() async throws {
    try await withSession { session in
      let first = try await session.client.another().webSocket(
        "\(session.path)/ws/raw", subprotocols: ["roost.attach.v1"])
      let second = try await session.client.another().webSocket("\(session.path)/ws/raw")
      try await eventually("both are attached") { try await session.record["clients"] == 2 }
      let response = try await session.answer("detach")
      #expect(response.status == 204)
      #expect(try await first.nextJSON { !$0["detached"].isNull }["detached"]["reason"].string?.isEmpty == false)
      _ = try await first.waitForClose()
      _ = try await second.waitForClose()
      try await session.type("still here\r")
      try await session.wait(match: "still here")
    }
  }

  @Test("an ended session shows a viewer its last screen and says good-bye")
  func viewerOfEnded() async throws {
    try await withScript("echo last; exit 1") { session in
      try await session.waitForExit()
      let socket = try await session.client.another().webSocket(
        "\(session.path)/ws/raw", subprotocols: ["roost.attach.v1"])
      try await socket.bytes(until: "last")
      #expect(try await socket.nextJSON()["exited"]["exit_status"] == 1)
      #expect(try await socket.waitForClose().code == 1000)
    }
  }

  @Test("a socket's path without an upgrade is told so, and one of a session that is not there is 404")
  func noUpgrade() async throws {
    try await withSession { session in
      for path in ["\(session.path)/ws/raw", "\(session.path)/ws/json", "/ws/json"] {
        let response = try await session.client.request("GET", path)
        #expect(response.status == 426, "\(path): \(response)")
      }
      await #expect(throws: (any Error).self) {
        try await session.client.another().webSocket("/sessions/nobody/ws/raw")
      }
      await #expect(throws: (any Error).self) {
        try await session.client.another().webSocket("\(session.path)/ws/raw?readonly=perhaps")
      }
    }
  }

  @Test("no more clients stream one session than the limit allows")
  func clientLimit() async throws {
    try await withSession { session in
      var sockets: [TestWebSocket] = []
      for _ in 0..<64 { sockets.append(try await session.client.another().webSocket("\(session.path)/ws/raw")) }
      try await eventually("64 clients") { try await session.record["clients"] == 64 }
      do {
        let extra = try await session.client.another().webSocket("\(session.path)/ws/raw")
        #expect(try await extra.waitForClose().code == 1013)
      } catch is NetError {
        // Refusing the upgrade is as good.
      }
      for socket in sockets { await socket.close() }
    }
  }

  // MARK: Those who do not read

  @Test("viewers that never read do not hold up the program, the other viewers or the memory")
  func slowViewers() async throws {
    try await withRoost { roost in
      try await withSession(
        on: roost,
        [
          "argv": [
            "/bin/sh", "-c",
            "read x; seq -f 'line %.0f of a flood that goes on and on' 1 500000; echo the end of the flood; exec cat",
          ]
        ]
      ) { session in
        var readers: [TestWebSocket] = []
        for _ in 0..<45 { readers.append(try await session.client.another().webSocket("\(session.path)/ws/raw")) }
        var stuck: [TestWebSocket] = []
        for _ in 0..<5 {
          let socket = try await session.client.another().webSocket("\(session.path)/ws/raw")
          await socket.stopReading()
          stuck.append(socket)
        }
        try await eventually("all are there") { try await session.record["clients"] == 50 }
        let pid = try #require(roost.serverPID)
        let before = try residentMemory(of: pid)
        try forgetPeakMemory(of: pid)
        try await session.type("\r")
        try await withThrowingTaskGroup(of: Void.self) { group in
          for reader in readers {
            group.addTask {
              // What it is shown may be pictures instead of every line; the last picture has the end.
              var tail: [UInt8] = []
              while !contains(tail, "the end of the flood") {
                guard case .binary(let more) = try await reader.next(within: .seconds(60)) else {
                  throw TestFailure("closed")
                }
                tail = tail.suffix(32) + more
              }
            }
          }
          try await group.waitForAll()
        }
        try await session.wait(match: "the end of the flood")
        let peak = try peakMemory(of: pid)
        // The flood is 20 MB for each viewer. What is kept is bounded by the history and a few buffers.
        #expect(peak - before < 64 << 20, "\(before >> 20) MB grew to \(peak >> 20) MB")
        for socket in readers + stuck { await socket.close() }
      }
    }
  }
}
