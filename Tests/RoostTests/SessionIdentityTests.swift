import Formats
import Net
import TestKit
import Testing

@Suite("Names and tags", .bounded)
struct SessionIdentityTests {
  @Test("a renamed session is found by its new name only, and is the same session")
  func rename() async throws {
    try await withSession(["tags": ["kept"]]) { session in
      let renamed = try await session.client.patch(session.path, ["name": .string("\(session.name)-new")])
      #expect(renamed["name"].string == "\(session.name)-new")
      #expect(renamed["id"] == session.created["id"])
      #expect(renamed["tags"] == ["kept"])
      #expect(try await session.client.request("GET", session.path).status == 404)
      #expect(try await session.client.get("\(session.path)-new")["pid"] == session.created["pid"])
      try await session.client.delete("\(session.path)-new")
    }
  }

  @Test("a name that is taken is refused for a rename, and nothing changes")
  func renameConflict() async throws {
    try await withSession { other in
      try await withSession(["tags": ["old"]]) { session in
        let response = try await session.client.request(
          "PATCH", session.path, json: ["name": .string(other.name), "add_tags": ["new"], "remove_tags": ["old"]])
        #expect(response.status == 409)
        #expect(response.errorCode == "session_name_conflict")
        #expect(try await session.record["tags"] == ["old"])
      }
    }
  }

  @Test("name and tags change together")
  func everythingAtOnce() async throws {
    try await withSession(["tags": ["b", "c"]]) { session in
      let changed = try await session.client.patch(
        session.path, ["name": .string("\(session.name)x"), "add_tags": ["a", "b"], "remove_tags": ["c", "absent"]])
      #expect(changed["name"].string == "\(session.name)x")
      #expect(changed["tags"] == ["a", "b"])
      try await session.client.delete("\(session.path)x")
    }
  }

  @Test("a change of which one part is bad changes nothing")
  func atomic() async throws {
    try await withSession(["tags": ["old"]]) { session in
      for fields in [
        ["name": "good-name", "add_tags": ["bad tag"]], ["name": "bad/name", "add_tags": ["good"]],
        ["name": "good-name", "remove_tags": ["old"], "add_tags": [7]], ["name": "good-name", "colour": "red"],
      ] as [JSON] {
        let response = try await session.client.request("PATCH", session.path, json: fields)
        #expect(response.status == 400, "\(fields.text): \(response)")
        let record = try await session.record
        #expect(record["name"].string == session.name)
        #expect(record["tags"] == ["old"], "\(fields.text)")
      }
      #expect(try await session.client.request("GET", "/sessions/good-name").status == 404)
    }
  }

  @Test("a rename to its own name is no conflict")
  func sameName() async throws {
    try await withSession { session in
      let record = try await session.client.patch(session.path, ["name": .string(session.name)])
      #expect(record["name"].string == session.name)
    }
  }

  @Test("sessions are found by any of several tags")
  func filter() async throws {
    try await withSession(["tags": ["filter-a"]]) { first in
      try await withSession(["tags": ["filter-b", "filter-c"]]) { second in
        try await withSession { _ async throws in
          func names(_ tags: String) async throws -> [String?] {
            try await first.client.get("/sessions?tag=\(tags)").array?.map(\.["name"].string) ?? []
          }
          #expect(try await names("filter-a") == [first.name])
          #expect(try await names("filter-a,filter-c") == [first.name, second.name])
          #expect(try await names("filter-none") == [])
        }
      }
    }
  }

  @Test("a session is not harmed by an empty change")
  func emptyChange() async throws {
    try await withSession(["tags": ["t"]]) { session in
      let record = try await session.client.patch(session.path, [:])
      #expect(record["tags"] == ["t"])
    }
  }

  @Test("no tags are an empty list")
  func noTags() async throws {
    try await withSession { session in #expect(session.created["tags"] == []) }
  }

  @Test("a rename follows into the events, and new waits find the session by its new name")
  func events() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "one", "argv": ["/bin/cat"]])
      let socket = try await roost.http.another().webSocket("/ws/json")
      #expect(try await socket.nextJSON() == ["connected": true])
      try await roost.http.patch("/sessions/one", ["name": "two", "add_tags": ["t"]])
      #expect(
        try await socket.nextJSON() == ["event": "session_renamed", "params": ["old_name": "one", "new_name": "two"]])
      let tags = try await socket.nextJSON()
      #expect(tags["event"] == "session_tags_changed")
      #expect(tags["params"] == ["name": "two", "added": ["t"], "removed": []])
    }
  }
}
