import Formats
import TestKit
import Testing

@Suite("What a limited token is not told", .bounded)
struct LimitedTokenTests {
  private static let scopes: JSON = ["sessions:read", "events:read", "events:publish"]

  @Test(
    "how much there is of what it may not see",
    arguments: [["sessions": ["mine"]], ["tags": ["ci"]], [:]] as [[String: [String]]])
  func counts(limits: [String: [String]]) async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      for (name, tag) in [("mine", "ci"), ("other", "prod"), ("third", "prod")] {
        try await roost.http.post(
          "/sessions", ["name": .string(name), "tags": [.string(tag)], "argv": ["/bin/cat"]])
      }
      var fields: [JSON.Member] = [.init("name", "t"), .init("scopes", Self.scopes)]
      for (name, values) in limits { fields.append(.init(name, .array(values.map { .string($0) }))) }
      let made = try await roost.http.post("/tokens", .object(fields))
      let client = try await roost.tcp(token: made["token"].string)
      let isLimited = !limits.isEmpty
      let count: JSON = isLimited ? 1 : 3
      #expect(try await client.get("/server/info")["session_count"] == count)
      #expect(try await client.get("/servers")[0]["sessions"] == count)
      #expect(try await client.get("/servers/local")["sessions"] == count)
      #expect(try await client.get("/fleet/sessions")["sessions"].array?.count == count.integer)
      for path in ["/metrics", "/events/status"] {
        let answer = try await client.request("GET", path)
        #expect(answer.status == (isLimited ? 403 : 200), "\(path): \(answer)")
      }
      #expect(try await client.get("/bus/health")["stats"].isNull == isLimited)
    }
  }

  @Test("that there are events which it may not see, by where a page ends", arguments: ["asc", "desc"])
  func pages(order: String) async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      for name in ["mine", "other"] { try await roost.session(["name": .string(name), "argv": ["/bin/cat"]]) }
      for _ in 0..<3 {
        for name in ["other", "mine", "other"] {
          try await roost.http.post(
            "/events",
            ["subject": "told.x", "origin": ["kind": "session", "id": "x"], "data": ["session": .string(name)]])
        }
        try await roost.http.post("/events", ["subject": "hidden.x"])
      }
      let made = try await roost.http.post("/tokens", ["name": "t", "scopes": Self.scopes, "sessions": ["mine"]])
      let client = try await roost.tcp(token: made["token"].string)
      func page(_ query: String) async throws -> JSON { try await client.get("/events?order=\(order)&\(query)") }
      let nothing = try await page("subject=nobodys.x&limit=1")
      #expect(nothing["events"].array?.isEmpty == true && nothing["next"].isNull, "\(nothing)")
      for query in [
        "subject=hidden.x", "subject=hidden.*", "origin_kind=user", "type=token.created", "type=audit.allowed",
      ] {
        #expect(try await page("\(query)&limit=1") == nothing, "\(query)")
      }
      let rpc = try await client.rpc("events.query", ["subject": "hidden.x", "limit": 1, "order": .string(order)])
      #expect(rpc["result"] == nothing, "\(rpc)")
      let bus = try await client.get("/bus/events?subject=hidden.x&limit=1")
      #expect(bus["events"].array?.isEmpty == true && bus["next"].isNull && bus["count"] == 0, "\(bus)")
      // Each page has what it may have, and the last says that it is the last.
      var (seen, place) = (0, "")
      while true {
        let found = try await page("subject=told.x&limit=1\(place)")
        seen += found["events"].array?.count ?? 0
        #expect(found["events"][0]["data"]["session"] == "mine", "\(found)")
        guard let next = found["next"].integer else { break }
        place = "&\(order == "asc" ? "after" : "before")=\(next)"
      }
      #expect(seen == 3)
      let two = try await client.get("/bus/events?subject=told.x&limit=2")
      #expect(two["count"] == 2 && two["events"].array?.count == 2, "\(two)")
    }
  }

  @Test("it publishes as a session of its own, and as no other") func sessionOrigin() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let made = try await roost.http.post(
        "/tokens", ["name": "t", "scopes": Self.scopes, "sessions": ["mine"]])
      let client = try await roost.tcp(token: made["token"].string)
      func publish(_ data: JSON) async throws -> TestResponse {
        try await client.request(
          "POST", "/events", json: ["subject": "a.b", "origin": ["kind": "session", "id": "x"], "data": data])
      }
      for data: JSON in [["session": "other"], [:], 1, ["session": "mine", "tags": ["prod"]]] {
        let answer = try await publish(data)
        #expect(answer.status == 403 && answer.errorCode == "insufficient_scope", "\(data.text): \(answer)")
      }
      #expect(try await publish(["session": "mine"]).status == 201)
    }
  }

  @Test("it gives its sessions no name that it is not limited to, and hears nothing of who has it")
  func rename() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      for name in ["mine", "secret"] { try await roost.session(["name": .string(name), "argv": ["/bin/cat"]]) }
      let made = try await roost.http.post(
        "/tokens",
        ["name": "t", "scopes": ["sessions:read", "sessions:manage"], "sessions": ["mine", "spare"]])
      let client = try await roost.tcp(token: made["token"].string)
      var answers: Set<String> = []
      for name in ["secret", "nobodys"] {
        let answer = try await client.request("PATCH", "/sessions/mine", json: ["name": .string(name)])
        #expect(answer.status == 403 && answer.errorCode == "insufficient_scope", "\(answer)")
        answers.insert(answer.text)
      }
      #expect(answers.count == 1)
      #expect(try await client.request("PATCH", "/sessions/mine", json: ["name": "spare"]).status == 200)
      #expect(try await client.request("PATCH", "/sessions/spare", json: ["add_tags": ["x"]]).status == 200)
    }
  }

  @Test("it gives a session no name or tag that another token is limited to") func labels() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let scopes: JSON = ["sessions:read", "sessions:manage"]
      func client(_ limits: JSON.Member...) async throws -> TestClient {
        let made = try await roost.http.post(
          "/tokens", .object([.init("name", "t"), .init("scopes", scopes)] + limits))
        return try await roost.tcp(token: made["token"].string)
      }
      let ci = try await client(.init("tags", ["ci"]))
      _ = try await client(.init("sessions", ["deploy"]))
      _ = try await client(.init("tags", ["prod", "ci"]))
      let program: JSON = ["/bin/cat"]
      func answer(_ method: String, _ path: String, _ json: JSON) async throws -> TestResponse {
        try await ci.request(method, path, json: json)
      }
      for json: JSON in [
        ["name": "deploy", "tags": ["ci"], "argv": program], ["name": "a", "tags": ["ci", "prod"], "argv": program],
      ] {
        let refused = try await answer("POST", "/sessions", json)
        #expect(refused.status == 403 && refused.errorCode == "insufficient_scope", "\(refused)")
      }
      #expect(try await ci.get("/sessions").array?.isEmpty == true)
      let own: JSON = ["name": "a", "tags": ["ci", "mine"], "argv": program]
      #expect(try await answer("POST", "/sessions", own).status == 201)
      for json: JSON in [["name": "deploy"], ["add_tags": ["x", "prod"]]] {
        #expect(try await answer("PATCH", "/sessions/a", json).status == 403)
      }
      #expect(try await answer("PATCH", "/sessions/a?name=deploy", [:]).status == 403)
      #expect(try await answer("PATCH", "/sessions/hidden", ["name": "deploy", "add_tags": ["prod"]]).status == 404)
      #expect(try await answer("PATCH", "/sessions/a", ["name": "b", "add_tags": ["ci", "x"]]).status == 200)
      // Who is limited to nothing reaches everything anyway.
      #expect(try await roost.http.request("PATCH", "/sessions/b", json: ["name": "deploy"]).status == 200)
    }
  }
}
