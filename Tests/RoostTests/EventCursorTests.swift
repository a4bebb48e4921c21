import Formats
import TestKit
import Testing

@Suite("Whose an event cursor is", .bounded)
struct EventCursorTests {
  private static let both: JSON = ["events:read", "events:publish"]

  @Test("each token sees and moves its own, whatever others call theirs; its cursors go with it") func owners()
    async throws
  {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      func token(_ scopes: JSON) async throws -> (client: TestClient, id: String) {
        let made = try await roost.http.another().post("/tokens", ["name": "t", "scopes": scopes])
        return (try await roost.tcp(token: made["token"].string), made["id"].string ?? "")
      }
      let (one, two, reader) = (
        try await token(Self.both), try await token(Self.both), try await token(["events:read"])
      )
      let path = "/events/cursors/place"
      for (client, seq) in [(roost.http, 1), (one.client, 2), (two.client, 3)] {
        #expect(try await client.call("PUT", path, ["seq": .integer(seq)])["seq"].integer == seq)
      }
      for (client, seq) in [(roost.http, 1), (one.client, 2), (two.client, 3)] {
        #expect(try await client.get(path)["seq"].integer == seq)
        #expect(try await client.get("/events/cursors").array?.count == 1)
      }
      #expect(try await one.client.request("DELETE", path).status == 204)
      #expect(try await two.client.get(path)["seq"] == 3)
      // Reading is not enough to leave something.
      for (method, body) in [("PUT", JSON.object(["seq": 1]).bytes), ("DELETE", [])] {
        let refused = try await reader.client.request(method, path, body: body)
        #expect(refused.status == 403 && refused.errorCode == "insufficient_scope", "\(refused)")
      }
      #expect(try await reader.client.get("/events/cursors") == [])
      await #expect(throws: (any Error).self) {
        try await reader.client.another(token: reader.client.token).webSocket("/events/ws?cursor=place&after=0")
      }
      let info = try await roost.http.get("/server/info")
      let followed = try await roost.run(
        [
          "--connect", info["tcp_addr"].string ?? "", "events", "follow", "--since", "1h", "--cursor", "place", "-n",
          "1",
        ],
        environment: ["ROOST_TOKEN": reader.client.token ?? ""])
      #expect(followed.exitCode != 0 && followed.errorText.contains("events:publish"), "\(followed)")
      _ = try await roost.http.delete("/tokens/\(two.id)")
      #expect(try await roost.http.get(path)["seq"] == 1)
    }
  }

  @Test("those of tokens that are no more make room") func expired() async throws {
    try await withScratchHome { roost in
      try await roost.start(["--bind", "127.0.0.1:0"])
      let made = try await roost.http.post("/tokens", ["name": "t", "scopes": Self.both])
      let path = "/events/cursors/c"
      #expect(try await roost.tcp(token: made["token"].string).request("PUT", path, json: ["seq": 1]).status == 200)
      let folder = try await roost.stateFolder()
      try await roost.stopServer()
      let filled = try await runProcess(
        "/usr/bin/python3",
        [
          "-c",
          """
          import sqlite3, sys
          file = sqlite3.connect(sys.argv[1])
          rows = [(f"gone-{n // 100}", "", f"c{n}", 1, 1) for n in range(8000)]
          file.executemany("INSERT INTO owned_cursors (token, caller, name, seq, updated_ms) VALUES (?, ?, ?, ?, ?)", rows)
          file.commit()
          """, "\(folder)/cursors.sqlite",
        ], environment: [:])
      #expect(filled.exitCode == 0, "\(filled)")
      try await roost.start(["--bind", "127.0.0.1:0"])
      let client = try await roost.tcp(token: made["token"].string)
      #expect(try await client.request("PUT", "/events/cursors/d", json: ["seq": 1]).status == 200)
      #expect(try await client.get(path)["seq"] == 1)
    }
  }

  @Test("a token has a hundred and no more; those can be moved, and the server's own user is not hindered")
  func bound() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let made = try await roost.http.post("/tokens", ["name": "t", "scopes": Self.both])
      let client = try await roost.tcp(token: made["token"].string)
      for number in 1...100 {
        #expect(try await client.request("PUT", "/events/cursors/c\(number)", json: ["seq": 1]).status == 200)
      }
      let refused = try await client.request("PUT", "/events/cursors/c101", json: ["seq": 1])
      #expect(refused.status == 429 && refused.errorCode == "resource_limit_reached", "\(refused)")
      #expect(try await client.request("PUT", "/events/cursors/c7", json: ["seq": 2]).json["seq"] == 2)
      #expect(try await roost.http.request("PUT", "/events/cursors/c101", json: ["seq": 1]).status == 200)
      #expect(try await client.request("DELETE", "/events/cursors/c7").status == 204)
      #expect(try await client.request("PUT", "/events/cursors/c101", json: ["seq": 1]).status == 200)
    }
  }
}
