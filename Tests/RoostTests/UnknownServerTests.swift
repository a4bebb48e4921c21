import Formats
import Net
import TestKit
import Testing

/// What names a server that is not known is never done on this one instead.
@Suite("Servers that are not known", .bounded)
struct UnknownServerTests {
  /// Where a request says which server it is for.
  private enum Way: String, CaseIterable, Sendable { case query, body, rpc, parameter, message }

  /// An input with which the operation would do something on a session that is there.
  private func input(_ operation: JSON) -> JSON {
    let fields = operation["input"]["properties"].members?.map(\.name) ?? []
    return .object(fields.contains("session") ? [JSON.Member("session", "victim")] : [])
  }

  private func path(_ operation: JSON) -> String {
    var path = operation["path"].string ?? ""
    path = path.replacing("{session}", with: "victim")
    while let open = path.firstIndex(of: "{"), let close = path[open...].firstIndex(of: "}") {
      path.replaceSubrange(open...close, with: "1")
    }
    return path
  }

  private func adding(_ input: JSON) -> JSON {
    .object((input.members ?? []) + [JSON.Member("server", "web9")])
  }

  @Test("every operation refuses such a name, on every surface, and nothing has happened", arguments: Way.allCases)
  private func everyOperation(way: Way) async throws {
    try await withRoost { roost in
      _ = try await roost.http.call("POST", "/sessions", ["name": "victim", "argv": ["/bin/cat"]])
      let before = try await roost.http.get("/sessions/victim/screen")["generation"]
      let operations = try await roost.http.get("/operations").array ?? []
      #expect(operations.count > 30)
      let socket =
        way == .parameter || way == .message ? try await roost.http.webSocket("/ws/json") : nil
      for operation in operations {
        let name = operation["name"].string ?? ""
        let method = operation["method"].string ?? ""
        let code: String?
        switch way {
        case .query:
          let answer = try await roost.http.request(method, path(operation) + "?server=web9", body: [])
          #expect(answer.status == 404, "\(name): \(answer)")
          code = answer.errorCode
        case .body:
          // A body of bytes is none in which a server could be named.
          guard method != "GET", name != "session.input" else { continue }
          let answer = try await roost.http.request(method, path(operation), json: ["server": "web9"])
          #expect(answer.status == 404, "\(name): \(answer)")
          code = answer.errorCode
        case .rpc:
          code = try await roost.http.rpc(name, adding(input(operation)))["error"]["data"]["code"].string
        case .parameter:
          await socket?.send(["id": 1, "method": .string(name), "params": adding(input(operation))])
          code = try await socket?.nextJSON { $0["id"] == 1 }["error"]["code"].string
        case .message:
          await socket?.send([
            "id": 1, "method": .string(name), "server": "web9", "session": "victim", "params": input(operation),
          ])
          code = try await socket?.nextJSON { $0["id"] == 1 }["error"]["code"].string
        }
        #expect(code == "server_not_found", "\(name)")
      }
      #expect(try await roost.http.get("/sessions").array?.count == 1)
      #expect(try await roost.http.get("/sessions/victim/screen")["generation"] == before)
      #expect(try await roost.http.get("/sessions/victim")["state"] != "exited")
      #expect(try await roost.http.get("/tokens").array?.isEmpty == true)
    }
  }

  @Test(
    "the short methods of the sockets refuse it too",
    arguments: [
      "create_session", "list_sessions", "kill_session", "detach_session", "rename_session", "update_tags", "subscribe",
      "unsubscribe", "await_idle", "get_screen", "get_scrollback", "resize", "send_input",
    ])
  func methods(method: String) async throws {
    try await withRoost { roost in
      _ = try await roost.http.call("POST", "/sessions", ["name": "victim", "argv": ["/bin/cat"]])
      let parameters: JSON = [
        "name": "victim", "new_name": "x", "data": "x", "rows": 9, "cols": 9, "timeout_ms": 1, "events": [],
        "add": ["t"],
      ]
      for path in ["/ws/json", "/sessions/victim/ws/json"] {
        let socket = try await roost.http.webSocket(path)
        let isLevel = path == "/ws/json"
        for inside in [true, false] {
          var message: [JSON.Member] = [.init("id", 7), .init("method", .string(method))]
          if isLevel { message.append(.init("session", "victim")) }
          if inside {
            message.append(.init("params", .object((parameters.members ?? []) + [.init("server", "web9")])))
          } else {
            message += [.init("params", parameters), .init("server", "web9")]
          }
          await socket.send(.object(message))
          let answer = try await socket.nextJSON { $0["id"] == 7 }
          #expect(answer["error"]["code"] == "server_not_found", "\(path) \(answer)")
        }
      }
      #expect(try await roost.http.get("/sessions").array?.map { $0["name"].string } == ["victim"])
      #expect(try await roost.http.get("/sessions/victim")["tags"] == [])
    }
  }

  @Test(
    "so does what is no operation",
    arguments: [
      "/openapi.json", "/operations", "/metrics", "/events/stream", "/", "/schemas/event.schema.json", "/health",
    ])
  func endpoints(path: String) async throws {
    let roost = try await SharedServer.roost
    #expect(try await roost.http.request("GET", path + "?server=web9").errorCode == "server_not_found")
    #expect(try await roost.http.request("GET", path + "?serve%72=web9").errorCode == "server_not_found")
  }

  @Test("and every stream", arguments: ["/ws/json", "/rpc", "/events/ws", "/sessions/s/ws/raw", "/sessions/s/ws/json"])
  func streams(path: String) async throws {
    try await withRoost { roost in
      _ = try await roost.http.call("POST", "/sessions", ["name": "s", "argv": ["/bin/cat"]])
      do {
        _ = try await roost.http.webSocket(path + "?server=web9")
        Issue.record("a stream of this server was opened")
      } catch let error as NetError {
        guard case .upgradeRefused(404, let body) = error.code else { throw error }
        #expect(try JSON(parsing: body)["error"]["code"] == "server_not_found")
      }
    }
  }

  @Test("whoever is not let in cannot have the server ask others how they are") func health() async throws {
    try await withRoost(["--bind", "127.0.0.1:0", "--hostname", "hub"]) { roost in
      let stranger = try await roost.tcp()
      #expect(try await stranger.request("GET", "/health").status == 200)
      #expect(try await stranger.request("GET", "/health?server=web9").errorCode == "auth_required")
      #expect(try await roost.http.request("GET", "/health?server=hub").status == 200)
    }
  }

  @Test("commands that name one do nothing, and say so", arguments: [["-s", "web9"], ["--server", "web9"], []])
  func commands(options: [String]) async throws {
    try await withRoost { roost in
      _ = try await roost.http.call("POST", "/sessions", ["name": "victim", "argv": ["/bin/cat"]])
      let victim = options.isEmpty ? "web9:victim" : "victim"
      let own: [[String]] = [
        ["screen", victim], ["kill", victim], ["rm", victim], ["detach", victim], ["tag", victim, "--add", "t"],
        ["send", victim, "x"], ["keys", victim, "enter"], ["run", victim, "--", "true"], ["wait", victim, "--change"],
        ["rename", victim, "other"], ["resize", victim, "--rows", "9", "--cols", "9"], ["clients", victim],
        ["scrollback", victim], ["commands", victim], ["interact", victim, "x"], ["signal", victim, "INT"],
      ]
      let general: [[String]] = [
        ["ls"], ["status"], ["stop"], ["new", "-d", "other"], ["token", "ls"], ["events"], ["events", "follow"],
        ["events", "trace", "1"], ["events", "publish", "a.b"], ["call", "session.list"],
      ]
      for words in own + (options.isEmpty ? [["new", "-d", "web9:other"]] : general) {
        let asked = try await roost.run(options + words)
        #expect(asked.exitCode == 3, "\(words): \(asked)")
        #expect(asked.errorText.contains("web9"), "\(words): \(asked)")
      }
      #expect(try await roost.http.get("/sessions").array?.map { $0["name"].string } == ["victim"])
      // The variable says the same.
      #expect(try await roost.run(["ls"], environment: ["ROOST_ON": "web9"]).exitCode == 3)
      // What asks no server cannot be asked of another.
      #expect(try await roost.run("version", "-s", "web9").exitCode == 2)
      #expect(try await roost.run("events", "verify", "-s", "web9").exitCode == 2)
    }
  }
}
