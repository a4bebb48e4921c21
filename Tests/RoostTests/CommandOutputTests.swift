import Formats
import TestKit
import Testing

@Suite("Reading what a command printed", .bounded)
struct CommandOutputTests {
  @Test("the output of a typed command is what the session shows of it, in pages")
  func typed() async throws {
    try await withShell { session in
      try await session.interact(["text": "seq 1 100; printf 'größe'\r", "for": "prompt"])
      let expected = (1...100).map { "\($0)\n" }.joined() + "größe"
      let path = "\(session.path)/commands/latest/output"
      let whole = try await session.client.get(path)
      #expect(whole["text"].string == expected, "\(whole.text)")
      #expect(whole["id"] == 1)
      #expect(whole["offset"] == 0)
      #expect(whole["total_bytes"].integer == expected.utf8.count)
      #expect(whole["next_offset"].isNull)
      #expect(whole["truncated"] == false)
      #expect(whole["running"] == false)
      var text = ""
      var offset: Int? = 0
      while let next = offset {
        let page = try await session.client.get(
          "\(session.path)/commands/1/output?offset=\(next)&limit=50&format=screen")
        #expect(page["offset"].integer == next)
        text += page["text"].string ?? ""
        offset = page["next_offset"].integer
      }
      #expect(text == expected)
      let end = try await session.client.get("\(path)?offset=-5")
      #expect(end["text"] == "öße", "a page begins with a whole character: \(end.text)")
    }
  }

  @Test("'roost output' prints it")
  func commandLine() async throws {
    try await withShell { session in
      try await session.interact(["text": "echo first\r", "for": "prompt"])
      try await session.interact(["text": "echo second\r", "for": "prompt"])
      let roost = try await SharedServer.roost
      #expect(try await roost.run("output", session.name).text == "second\n")
      #expect(try await roost.run("output", session.name, "1").text == "first\n")
      #expect(try await roost.run("output", session.name, "1", "--tail", "4").text == "rst\n")
      #expect(try await roost.run("output", session.name, "7").exitCode == 3)
    }
  }

  @Test("a command that was never run is not found")
  func unknown() async throws {
    try await withShell { session in
      let none = try await session.client.request("GET", "\(session.path)/commands/latest/output")
      #expect(none.status == 404)
      #expect(none.errorCode == "command_not_found")
      for id in ["99", "0", "-1", "last", "1.5"] {
        let answer = try await session.client.request("GET", "\(session.path)/commands/\(id)/output")
        #expect(answer.status == 404 || answer.status == 400, "\(id): \(answer)")
      }
    }
  }

  @Test("pages have a bound", arguments: ["limit=-1", "limit=1048577", "limit=x", "format=ansi", "offset=x"])
  func bounds(query: String) async throws {
    try await withShell { session in
      try await session.interact(["text": "echo x\r", "for": "prompt"])
      let answer = try await session.client.request("GET", "\(session.path)/commands/1/output?\(query)")
      #expect(answer.status == 400, "\(answer)")
      #expect(answer.errorCode == "invalid_request")
    }
  }
}
