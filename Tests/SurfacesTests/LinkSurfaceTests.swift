import Causality
import Cluster
import Events
import Formats
import Glibc
import Net
import Operations
import Store
import TestKit
import Testing

@testable import Domains
@testable import Surfaces

@Suite("Servers behind a hub", .timeLimit(.minutes(2)))
struct LinkSurfaceTests {
  private func call(_ servers: LinkedServers, _ program: String, name: String = "dev") async throws {
    try await servers.hub.client.post(
      "/sessions?server=web1", ["name": .string(name), "command": .string(program), "rows": 10, "cols": 40])
  }

  @Test("operations are done there, by the hub's token for the caller, and the records of both say so") func calls()
    async throws
  {
    try await LinkedServers.with { servers in
      try await call(servers, "cat")
      #expect(try await servers.hub.client.get("/sessions?server=web1").array?.count == 1)
      #expect(try await servers.hub.client.get("/sessions").array?.count == 0)
      #expect(try await servers.hub.client.get("/sessions/dev/screen?server=web1&format=plain")["rows"].integer == 10)
      let typed = try await servers.hub.client.request(
        "POST", "/sessions/dev/input?server=web1", body: Array("hello\r".utf8))
      #expect(typed.status == 200)
      #expect(try await servers.hub.client.request("DELETE", "/sessions/dev?server=web1").status == 204)
      let here = try #require(servers.hub.sink.drafts("session.create").first)
      let there = try #require(servers.backend.sink.drafts("session.create").first)
      #expect(there.correlationID == here.correlationID)
      #expect(there.causationID == here.id)
      #expect(there.principal == "token:hub-a for user:\(getuid())")
      let via = try JSON(parsing: there.data)["via"]
      #expect(via == [.string(servers.hub.serverID), .string(LinkedServer.hubID)])
    }
  }

  @Test("what fails there says where it failed") func failures() async throws {
    try await LinkedServers.with { servers in
      let missing = try await servers.hub.client.request("GET", "/sessions/none?server=web1")
      #expect(missing.status == 404)
      #expect(missing.errorCode == "session_not_found")
      #expect(missing.json["error"]["server_path"] == ["hub", "web1"])
      await servers.remote?.link.end("cut")
      let lost = try await servers.hub.client.request("GET", "/sessions?server=web1")
      #expect(lost.errorCode == "server_unavailable")
      #expect(lost.status == 503)
    }
  }

  @Test("a hub may do what its token and its caller both may, and no more") func narrowing() async throws {
    try await LinkedServers.with(access: Access(scopes: [.link, .sessionsRead, .sessionsInput])) { servers in
      let refused = try await servers.hub.client.request("POST", "/sessions?server=web1", json: ["command": "cat"])
      #expect(refused.errorCode == "insufficient_scope")
      let remote = try #require(servers.remote)
      func request(_ limits: CallContext.Limits) -> RemoteRequest {
        RemoteRequest(
          operation: "session.list", method: "GET", route: "/sessions",
          context: CallContext(correlationID: makeUUID(), principal: "x", via: [], limits: limits))
      }
      let allowed = try await remote.perform(request(.init(scopes: ["admin"], role: .member)))
      #expect(allowed == .json(Array("[]".utf8)))
      for (limits, code) in [
        (CallContext.Limits(scopes: [], role: .member), "insufficient_scope"),
        (CallContext.Limits(scopes: ["admin"], role: .none), "role_refused"),
      ] {
        let failure = await #expect(throws: RemoteFailure.self) { try await remote.perform(request(limits)) }
        #expect(failure?.code == code)
        #expect(failure?.path == ["web1"])
      }
    }
  }

  @Test("a backend that is only looked at is not changed, whoever asks how") func observer() async throws {
    try await LinkedServers.with { servers in
      try await call(servers, "cat")
      try await servers.connect(.observer)
      let refused = try await servers.hub.client.request("POST", "/sessions?server=web1", json: ["command": "cat"])
      #expect(refused.errorCode == "role_refused")
      #expect(refused.json["error"]["message"].string?.contains("roost servers promote web1") == true)
      await #expect(throws: NetError.self) {
        try await servers.hub.client.webSocket("/sessions/dev/ws/raw?server=web1")
      }
      let watcher = try await servers.hub.client.webSocket("/sessions/dev/ws/raw?server=web1&readonly=true")
      await watcher.send(binary: Array("no\r".utf8))
      let socket = try await servers.hub.client.webSocket("/sessions/dev/ws/json?server=web1")
      #expect(try await socket.nextJSON() == ["connected": true])
      for method in ["send_input", "session.input", "resize"] {
        await socket.send(["id": 1, "method": .string(method), "params": ["data": "x", "rows": 5, "cols": 5]])
        #expect(try await socket.nextJSON { $0["id"].integer == 1 }["error"]["code"].string == "role_refused")
      }
      await socket.send(["id": 2, "method": "session.get"])
      #expect(try await socket.nextJSON { $0["id"].integer == 2 }["result"]["name"].string == "dev")
      let rpc = try await servers.hub.client.webSocket("/rpc?server=web1")
      await rpc.send(["jsonrpc": "2.0", "id": 1, "method": "session.remove", "params": ["session": "dev"]])
      #expect(try await rpc.nextJSON()["error"]["data"]["code"].string == "role_refused")
    }
  }

  @Test("attached through the hub: who, picture, typing, size, end") func attach() async throws {
    try await LinkedServers.with { servers in
      try await call(servers, "stty -echo; read line; echo got $line; stty size; exit 3")
      let socket = try await servers.hub.client.webSocket(
        "/sessions/dev/ws/raw?server=web1&rows=12&cols=50", subprotocols: [SessionRawSocket.attachProtocol])
      #expect(socket.socket.subprotocol == SessionRawSocket.attachProtocol)
      #expect(try await socket.nextJSON()["attached"]["session"].string == "dev")
      await socket.send(["resize": ["rows": 7, "cols": 30]])
      _ = try await socket.nextJSON { $0["resized"]["rows"].integer == 7 }
      await socket.type("it\r")
      try await socket.bytes(until: "got it")
      let exited = try await socket.nextJSON { $0["exited"] != .null }
      #expect(exited["exited"]["exit_status"].integer == 3)
      #expect(try await socket.waitForClose() == (1000, "session ended"))
      let opened = try #require(servers.hub.sink.drafts("ws.session_raw").first)
      #expect(opened.fields["server"].string == "web1")
      #expect(servers.backend.sink.drafts("session.input").first?.correlationID == opened.correlationID)
      #expect(servers.backend.sink.drafts("session.input").first?.causationID == opened.id)
    }
  }

  @Test("a paste larger than every queue arrives whole, and a flood comes whole to one that reads late") func floods()
    async throws
  {
    try await LinkedServers.with { servers in
      try await call(servers, "stty raw -echo; echo ready; head -c 3000000 | wc -c; seq 1 200000; sleep 1000")
      let socket = try await servers.hub.client.webSocket("/sessions/dev/ws/raw?server=web1")
      // In line mode the terminal would take 4,095 of them.
      try await socket.bytes(until: "ready")
      for _ in 0..<6 { await socket.send(binary: [UInt8](repeating: 0x61, count: 500_000)) }
      try await socket.bytes(until: "3000000")
      await socket.stopReading()
      try await eventually("the flood is over") {
        try await servers.backend.client.get("/sessions/dev/screen?format=plain")["lines"].array?
          .contains { $0.string?.contains("200000") == true } == true
      }
      await socket.resumeReading()
      try await socket.bytes(until: "200000")
    }
  }

  @Test("a socket of a server that is lost ends with 1012 and its name") func lostSocket() async throws {
    try await LinkedServers.with { servers in
      try await call(servers, "cat")
      let socket = try await servers.hub.client.webSocket("/sessions/dev/ws/json?server=web1")
      #expect(try await socket.nextJSON() == ["connected": true])
      await servers.remote?.link.end("cut")
      let end = try await socket.waitForClose()
      #expect(end.code == 1012)
      #expect(end.reason.contains("web1"))
    }
  }

  @Test(
    "a terminal goes on after its server was lost: a gap, the picture, the size that it had, what was typed meanwhile")
  func reopened() async throws {
    try await LinkedServers.with { servers in
      try await call(servers, "stty -echo; read line; echo got $line; stty size; sleep 1000")
      let socket = try await servers.hub.client.webSocket(
        "/sessions/dev/ws/raw?server=web1&rows=12&cols=50", subprotocols: [SessionRawSocket.attachProtocol])
      _ = try await socket.nextJSON { $0["attached"] != .null }
      await socket.send(["resize": ["rows": 9, "cols": 33]])
      _ = try await socket.nextJSON { $0["resized"]["rows"].integer == 9 }
      servers.set(.unavailable)
      await servers.remote?.link.end("cut")
      let gap = try await socket.nextJSON { $0["gap"] != .null }
      #expect(gap["gap"]["reason"].string?.contains("web1") == true)
      await socket.type("it\r")
      try await servers.backend.client.post("/sessions/dev/resize", ["rows": 5, "cols": 20])
      try await servers.connect(.member)
      _ = try await socket.nextJSON { $0["attached"] != .null }
      try await socket.bytes(until: "9 33")
    }
  }

  @Test("a terminal whose session is not there any more is told so at once") func gone() async throws {
    try await LinkedServers.with { servers in
      try await call(servers, "cat")
      let socket = try await servers.hub.client.webSocket(
        "/sessions/dev/ws/raw?server=web1", subprotocols: [SessionRawSocket.attachProtocol])
      _ = try await socket.nextJSON { $0["attached"] != .null }
      servers.set(.unavailable)
      await servers.remote?.link.end("cut")
      _ = try await socket.nextJSON { $0["gap"] != .null }
      try await servers.backend.client.delete("/sessions/dev")
      try await servers.connect(.member)
      let detached = try await socket.nextJSON { $0["detached"] != .null }
      #expect(detached["detached"]["reason"].string?.contains("dev") == true)
      #expect(try await socket.waitForClose().code == 1011)
    }
  }

  @Test("a token that is revoked takes the link and all that is open over it along") func revoked() async throws {
    try await LinkedServers.with { servers in
      try await call(servers, "cat")
      let socket = try await servers.hub.client.webSocket("/sessions/dev/ws/json?server=web1")
      #expect(try await socket.nextJSON() == ["connected": true])
      servers.backend.authenticator.forget(token: "1")
      let link = try #require(servers.remote?.link)
      try await eventually("the link is gone") { await !link.isConnected }
      await #expect(throws: NetError.self) { try await LinkedRemote(servers.backend, on: link.loop, token: "revoked") }
      await link.end("its token is not accepted")
      #expect(try await socket.waitForClose().code == 1012)
    }
  }

  @Test("a caller who goes away ends what is done for him there") func cancelled() async throws {
    try await LinkedServers.with { servers in
      try await call(servers, "cat")
      let remote = try #require(servers.remote)
      let backend = try #require(servers.backend.links.all.last)
      let context = CallContext(
        correlationID: makeUUID(), principal: "x", via: [], limits: .init(scopes: ["admin"], role: .member))
      let waiting = Task {
        try await remote.perform(
          RemoteRequest(
            operation: "session.wait", path: [.init("session", "dev")],
            body: .json(Array("{\"for\":\"change\",\"timeout_ms\":100000}".utf8)), method: "POST",
            route: "/sessions/{session}/wait", context: context))
      }
      try await eventually("it waits there") { await backend.streamCount == 1 }
      waiting.cancel()
      let failure = await #expect(throws: RemoteFailure.self) { try await waiting.value }
      #expect(failure?.code == "request_timeout")
      try await eventually("it waits no longer") { await backend.streamCount == 0 }
    }
  }

  @Test("a backend that lives and does not answer is given up, once the call has waited for as long as it said")
  func unanswered() async throws {
    try await LinkedServers.with { servers in
      try await call(servers, "cat")
      let link = try #require(servers.remote?.link)
      let backend = try #require(servers.backend.links.all.last)
      let calls = LinkCalls(server: "web1", patience: .milliseconds(20))
      func wait(for milliseconds: Int, _ wait: Duration) async throws(RemoteFailure) -> RemoteAnswer {
        let request = RemoteRequest(
          operation: "session.wait", path: [.init("session", "dev")],
          body: .json(Array("{\"for\":\"change\",\"timeout_ms\":\(milliseconds)}".utf8)), method: "POST",
          route: "/sessions/{session}/wait", wait: wait,
          context: CallContext(
            correlationID: makeUUID(), principal: "x", via: [], limits: .init(scopes: ["admin"], role: .member)))
        let stream = await link.open(LinkHead.call(request).encoded(), isCall: true)
        return try await calls.perform(request, on: stream)
      }
      let failure = await #expect(throws: RemoteFailure.self) { _ = try await wait(for: 100_000, .milliseconds(1100)) }
      #expect(failure?.code == "gateway_timeout" && failure?.status == 504 && failure?.path == ["web1"])
      #expect(failure?.message.contains("web1 has not answered session.wait within 1 s") == true)
      #expect(failure?.message.contains("whether it was done is not known") == true)
      try await eventually("it is told there") { await backend.streamCount == 0 }
      let own = await #expect(throws: RemoteFailure.self) { _ = try await wait(for: 200, .seconds(100)) }
      #expect(own?.code == "wait_timeout")
    }
  }

  @Test("the calls that may wait are those that say how long")
  func waiting() async throws {
    try await LinkedServers.with { servers in
      let operations = servers.backend.catalogue.operations
      let waiting = operations.filter { $0.wait != nil }
      #expect(
        Set(waiting.map(\.name)) == [
          "session.idle", "session.idle_any", "session.integrate", "session.interact", "session.run",
          "session.run.wait", "session.wait",
        ])
      for operation in operations {
        let fields = Set(operation.input.fields.map(\.name))
        #expect(operation.wait.map { fields.contains($0.field) } ?? !fields.contains("timeout_ms"), "\(operation.name)")
      }
    }
  }

  @Test(
    "a stream that asks for nothing sensible is refused",
    arguments: ["", "{", "{\"kind\":\"x\"}", "{\"kind\":\"directory\"}"])
  func hostile(head: String) async throws {
    try await LinkedServers.with { servers in
      let link = try #require(servers.remote?.link)
      let request = RemoteRequest(
        operation: "x", method: "GET", route: "/",
        context: CallContext(correlationID: makeUUID(), principal: "x", via: [], limits: .init(scopes: [], role: .none))
      )
      let stream = await link.open(Array(head.utf8), isCall: true)
      let failure = await #expect(throws: RemoteFailure.self) {
        try await LinkCalls(server: "web1").perform(request, on: stream)
      }
      #expect(failure?.code == (head.contains("directory") ? "unsupported" : "invalid_request"))
    }
  }
}
