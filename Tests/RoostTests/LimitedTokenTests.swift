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
}
