import Formats
import Sys
import TestKit
import Testing

@Suite("Sessions by their ids", .bounded)
struct SessionIDTests {
  @Test("a session is called by its id as by its name, whatever it is called by then") func byID() async throws {
    try await withRoost { roost in
      let id = try #require(try await roost.http.post("/sessions", ["name": "a", "argv": ["/bin/sh"]])["id"].string)
      #expect(try await roost.http.get("/sessions/\(id)")["name"] == "a")
      let ran = try await roost.http.post("/sessions/\(id)/run", ["command": "echo $((6*7))"])
      #expect(ran["output"] == "42" || ran["output"] == "42\n", "\(ran.text)")
      #expect(try await roost.http.patch("/sessions/\(id)", ["name": "b", "add_tags": ["x"]])["name"] == "b")
      #expect(try await roost.http.get("/sessions/\(id)")["name"] == "b")
      let sent = try await roost.run(["send", id, "exit 3", "--enter"])
      #expect(sent.status == .exited(0), "\(sent)")
      #expect(try await roost.http.post("/sessions/\(id)/wait", ["for": "exit"])["exit_status"] == 3)
      #expect(try await roost.http.request("DELETE", "/sessions/\(id)").status == 204)
      #expect(try await roost.http.request("GET", "/sessions/\(id)").errorCode == "session_not_found")
      #expect(try await roost.http.request("GET", "/sessions/b").errorCode == "session_not_found")
    }
  }

  @Test("no session is called by a name that has the form of an id: who calls by an id reaches that session only")
  func names() async throws {
    try await withTCP { roost, client in
      let id = try #require(try await roost.http.post("/sessions", ["name": "a", "argv": ["/bin/cat"]])["id"].string)
      let made = try await roost.http.post(
        "/tokens", ["scopes": ["sessions:read", "sessions:input", "sessions:manage"], "tags": ["ci"]])
      let narrow = client.another(token: made["token"].string)
      try await narrow.post("/sessions", ["name": "mine", "tags": ["ci"], "argv": ["/bin/cat"]])
      for name in [id, id.uppercased(), "00000000-0000-0000-0000-000000000000"] {
        let body: JSON = ["name": .string(name), "tags": ["ci"], "argv": ["/bin/cat"]]
        #expect(try await narrow.request("POST", "/sessions", json: body).errorCode == "invalid_session_name")
        let renamed = try await narrow.request("PATCH", "/sessions/mine", json: ["name": .string(name)])
        #expect(renamed.errorCode == "invalid_session_name")
      }
      // An id is no way around what a token is limited to.
      #expect(try await narrow.request("GET", "/sessions/\(id)").errorCode == "session_not_found")
      #expect(try await narrow.request("POST", "/sessions/\(id)/input", body: [97]).status == 404)
      #expect(try await narrow.request("DELETE", "/sessions/\(id)").status == 404)
      let refused = await #expect(throws: (any Error).self) { try await narrow.webSocket("/sessions/\(id)/ws/raw") }
      #expect(String(describing: refused).contains("404"))
      let own = try #require(try await narrow.get("/sessions/mine")["id"].string)
      #expect(try await narrow.get("/sessions/\(own)")["name"] == "mine")
    }
  }
}
