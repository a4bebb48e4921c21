import Formats
import Net
import TestKit
import Testing

@Suite("Operations over every surface", .bounded)
struct SurfaceTests {
  private enum Surface: String, CaseIterable, Sendable {
    case rest = "REST"
    case rpc = "JSON-RPC"
  }

  /// Calls an operation; its result, or its error as `{"error":{"code"}}`.
  private typealias Caller = (String, JSON) async throws -> JSON

  /// Calls operations by their routes, as the catalogue tells them.
  private func rest(_ client: TestClient) async throws -> Caller {
    let operations = try await client.get("/operations").array ?? []
    return { name, input in
      guard let operation = operations.first(where: { $0["name"].string == name }) else {
        throw TestFailure("no operation \(name)")
      }
      let method = operation["method"].string ?? ""
      var path = operation["path"].string ?? ""
      var rest: [JSON.Member] = []
      for member in input.members ?? [] {
        let text = member.value.string ?? member.value.text
        if let range = path.firstRange(of: "{\(member.name)}") {
          path.replaceSubrange(range, with: PercentEncoding.encode(text))
        } else {
          rest.append(member)
        }
      }
      var body: [UInt8] = []
      if name == "session.input" {
        body = Array((input["data"].string ?? "").utf8)
      } else if method == "GET" || method == "DELETE" {
        let query = rest.map { "\($0.name)=\(PercentEncoding.encode($0.value.string ?? $0.value.text))" }.joined(
          separator: "&")
        if !query.isEmpty { path += "?\(query)" }
      } else {
        body = JSON.object(rest).bytes
      }
      let response = try await client.request(method, path, body: body)
      return response.json
    }
  }

  private func rpc(_ client: TestClient) -> Caller {
    { name, input in
      let answer = try await client.rpc(name, input)
      return answer["error"].isNull ? answer["result"] : ["error": ["code": answer["error"]["data"]["code"]]]
    }
  }

  @Test("every operation works over REST and over JSON-RPC", arguments: ["REST", "JSON-RPC"])
  func everyOperation(surface: String) async throws {
    try await withRoost { roost in
      let call = surface == "REST" ? try await rest(roost.http) : rpc(roost.http)
      let made = try await call("session.create", ["name": "a", "shell": "/bin/bash", "tags": ["x"], "rows": 20])
      #expect(made["name"] == "a" && made["rows"] == 20, "\(made.text)")
      #expect(try await call("session.wait", ["session": "a", "for": "prompt", "timeout_ms": 30000])["met"] == true)
      #expect(try await call("session.list", [:]).array?.count == 1)
      #expect(try await call("session.get", ["session": "a"])["id"] == made["id"])
      #expect(try await call("session.update", ["session": "a", "add_tags": ["y"]])["tags"] == ["x", "y"])
      #expect(try await call("session.run", ["session": "a", "command": "echo from run"])["output"] == "from run\n")
      #expect(try await call("session.commands", ["session": "a"]).array?.count == 1)
      #expect(try await call("session.input", ["session": "a", "data": "echo typed"])["generation"].integer != nil)
      #expect(try await call("session.keys", ["session": "a", "keys": ["enter"]])["generation"].integer != nil)
      #expect(try await call("session.wait", ["session": "a", "for": "match", "pattern": "^typed"])["met"] == true)
      #expect(
        try await call("session.interact", ["session": "a", "text": "echo more\r", "match": "\nmore"])["met"] == true)
      #expect(try await call("session.screen", ["session": "a", "format": "plain"])["lines"].array?.count == 20)
      #expect(
        try await call("session.scrollback", ["session": "a", "format": "plain", "limit": 5])["lines"].array?.count == 5
      )
      #expect(try await call("session.idle", ["session": "a", "timeout_ms": 10])["generation"].integer != nil)
      #expect(try await call("session.idle_any", ["timeout_ms": 10])["session"] == "a")
      #expect(try await call("session.resize", ["session": "a", "rows": 30, "cols": 90])["cols"] == 90)
      #expect(try await call("session.clients", ["session": "a"]) == [])
      #expect(try await call("session.detach", ["session": "a"])["error"].isNull)
      #expect(try await call("session.signal", ["session": "a", "signal": "WINCH"])["error"].isNull)
      #expect(try await call("session.kill", ["session": "a", "signal": "KILL"])["state"] == "exited")
      #expect(try await call("session.remove", ["session": "a"])["error"].isNull)
      #expect(try await call("session.get", ["session": "a"])["error"]["code"] == "session_not_found")
      #expect(try await call("server.health", [:]) == ["status": "ok"])
      let info = try await call("server.info", [:])
      #expect(info["pid"].integer.map { Int32($0) } == roost.serverPID)
      #expect(info["instance_name"] == "test" && info["session_count"] == 0 && info["server_id"].string?.count == 36)
      #expect(info["keeper_pid"].integer.map { isAlive($0) } == true)
      #expect(try await call("server.persistence", [:])["persistent"] == true)
      #expect(try await call("server.persist", ["persistent": true]) == ["persistent": true])
      #expect(try await call("auth.ticket", [:])["ticket"].string?.count == 32)
      let token = try await call("token.create", ["name": "t", "scopes": ["sessions:read"]])
      #expect(token["token"].string?.isEmpty == false, "\(token.text)")
      #expect(try await call("token.list", [:]).text.contains(token["id"].string ?? "no id"))
      #expect(try await call("token.revoke", ["id": token["id"]])["error"].isNull)
      #expect(try await call("server.shutdown", [:])["error"].isNull)
      try await eventually("the server has stopped") { roost.serverPID.map { !isAlive(Int($0)) } ?? true }
    }
  }

  @Test("the OpenAPI document has every operation, with all the parameters of its path")
  func openAPI() async throws {
    let client = try await SharedServer.roost.http.another()
    let document = try await client.get("/openapi.json")
    #expect(document["openapi"].string?.hasPrefix("3.1") == true)
    #expect(document["info"]["version"].string?.isEmpty == false)
    let operations = try await client.get("/operations").array ?? []
    #expect(operations.count > 20)
    for operation in operations {
      let (path, method) = (operation["path"].string ?? "", operation["method"].string?.lowercased() ?? "")
      let described = document["paths"][path][method]
      #expect(described["operationId"] == operation["name"], "\(method) \(path): \(described.text)")
      #expect(described["summary"].string?.isEmpty == false)
      #expect(described["responses"].members?.isEmpty == false)
      #expect(operation["summary"].string?.isEmpty == false)
      #expect(operation["input"]["type"] == "object", "\(operation["name"].text)")
      for part in path.split(separator: "{").dropFirst() {
        let name = String(part.prefix { $0 != "}" })
        let named = (described["parameters"].array ?? []).contains {
          $0["name"].string == name && $0["in"] == "path" && $0["required"] == true
        }
        #expect(named, "\(path) lacks its parameter \(name)")
      }
      // The domain, what is done, and for a step of it which.
      let words = operation["name"].string?.split(separator: ".").count ?? 0
      #expect((2...3).contains(words), "\(operation["name"].text)")
    }
    // Every reference inside the document leads somewhere.
    for reference in document.text.split(separator: "\"$ref\":\"#/").dropFirst() {
      let keys = reference.prefix { $0 != "\"" }.split(separator: "/").map(String.init)
      #expect(keys.reduce(document) { $0[$1] } != .null, "\(keys)")
    }
  }

  @Test("every field of an input says what it means and what stands for it, wherever it is described")
  func meanings() async throws {
    let client = try await SharedServer.roost.http.another()
    let document = try await client.get("/openapi.json")
    for operation in try await client.get("/operations").array ?? [] {
      let name = operation["name"].string ?? ""
      let described = document["paths"][operation["path"].string ?? ""][operation["method"].string?.lowercased() ?? ""]
      let inPath = described["parameters"].array ?? []
      let inBody = described["requestBody"]["content"]["application/json"]["schema"]["properties"]
      for field in operation["input"]["properties"].members ?? [] {
        let sentence = field.value["description"].string ?? ""
        #expect(sentence.count >= 8 && !sentence.hasSuffix("."), "\(name): \(field.name)")
        let parameter = inPath.first { $0["name"].string == field.name }
        let body = inBody[field.name]
        if name != "session.input" || field.name != "data" {
          #expect((parameter ?? body)["description"].string == sentence, "\(name): \(field.name)")
        }
        let standard = field.value["default"]
        #expect((parameter?["schema"] ?? body)["default"] == standard, "\(name): \(field.name)")
        if standard != .null {
          #expect(!operation["input"]["required"].strings.contains(field.name), "\(name): \(field.name)")
          #expect(isOf(field.value["type"].string ?? "", standard), "\(name): \(field.name) \(standard.text)")
        }
      }
    }
    let wait = try await SharedServer.roost.run("call", "session.wait", "--describe").text
    #expect(wait.contains("default 30000") && wait.contains("looks_like_prompt"), "\(wait)")
  }

  /// Whether a value is of a type, as JSON Schema calls it.
  private func isOf(_ type: String, _ value: JSON) -> Bool {
    switch value {
    case .bool: type == "boolean"
    case .integer: type == "integer"
    case .string: type == "string"
    case .array: type == "array"
    default: false
    }
  }

  @Test("what a schema calls a word or a list is taken as either, and the words that it lists are all there are")
  func wordsOrLists() async throws {
    try await withSession { session in
      let operations = try await session.client.get("/operations").array ?? []
      let wait = try #require(operations.first { $0["name"] == "session.wait" })["input"]["properties"]["for"]
      let words = wait["anyOf"][0]["enum"].strings
      #expect(words.contains("reading") && wait["anyOf"][1]["items"]["enum"].strings == words, "\(wait.text)")
      for word in words {
        for form: JSON in [.string(word), [.string(word)]] {
          // With a time of nothing: what is asked is whether it is understood.
          let answer = try await session.client.request(
            "POST", "/sessions/\(session.name)/wait", json: ["for": form, "timeout_ms": 0, "match": "$"])
          #expect([200, 408].contains(answer.status), "\(form.text): \(answer)")
        }
      }
      for form: JSON in ["a.>", ["a.>", "b.*"]] {
        let page = try await session.client.rpc("events.query", ["subject": form, "type": form])
        #expect(page["result"]["events"] == [], "\(page.text)")
      }
      let called = try await session.roost.run("call", "events.query", "subject=a.>,b.*")
      #expect(called.exitCode == 0, "\(called)")
    }
  }

  @Test("JSON-RPC batches are answered in order, notifications not at all")
  func batches() async throws {
    try await withSession { session in
      let batch: JSON = [
        ["jsonrpc": "2.0", "id": 1, "method": "server.health"],
        [
          "jsonrpc": "2.0", "method": "session.update",
          "params": ["session": .string(session.name), "add_tags": ["noted"]],
        ],
        ["jsonrpc": "2.0", "id": "two", "method": "session.get", "params": ["session": .string(session.name)]],
        ["jsonrpc": "2.0", "id": 3, "method": "no.such"],
        ["jsonrpc": "1.0", "id": 4, "method": "server.health"],
      ]
      let answers = try await session.client.post("/rpc", batch).array ?? []
      #expect(answers.map(\.["id"]) == [1, "two", 3, 4])
      #expect(answers[1]["result"]["tags"] == ["noted"])
      #expect(answers[2]["error"]["code"] == -32601)
      #expect(answers[3]["error"]["code"] == -32600)
      let notification = try await session.client.request(
        "POST", "/rpc", json: ["jsonrpc": "2.0", "method": "server.health"])
      #expect(notification.status == 204 && notification.body.isEmpty)
    }
  }

  @Test(
    "JSON-RPC errors carry the numbers of the standard and the code of the operation",
    arguments: [
      ("{", -32700, "invalid_request"), ("[]", -32600, "invalid_request"),
      ("{\"jsonrpc\":\"2.0\",\"id\":1}", -32600, "invalid_request"),
      ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}", -32601, "unknown_method"),
      ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.get\"}", -32602, "invalid_request"),
      ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.get\",\"params\":[1]}", -32600, "invalid_request"),
      (
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.get\",\"params\":{\"session\":\"nobody\"}}", -32404,
        "session_not_found"
      ),
    ])
  func rpcErrors(body: String, number: Int, code: String) async throws {
    let response = try await SharedServer.roost.http.another().request("POST", "/rpc", body: Array(body.utf8))
    #expect(response.json["error"]["code"].integer == number, "\(response)")
    #expect(response.json["error"]["data"]["code"].string == code, "\(response)")
    #expect(response.json["jsonrpc"] == "2.0")
  }

  @Test("a server that sessions run on refuses to stop unless told to end them")
  func shutdown() async throws {
    try await withRoost { roost in
      let session = try await roost.session(["argv": ["/bin/cat"]])
      let refused = try await roost.http.request("POST", "/server/shutdown", json: [:])
      #expect(refused.status == 409)
      #expect(refused.errorCode == "sessions_running")
      let accepted = try await roost.http.request("POST", "/server/shutdown", json: ["kill_sessions": true])
      #expect(accepted.status == 202)
      let pid = Int(try #require(roost.serverPID))
      try await eventually("the server is gone") { !isAlive(pid) }
      try await eventually("the session's program too") { !isAlive(session["pid"].integer ?? 0) }
      #expect(!fileExists(roost.socketPath))
    }
  }
}
