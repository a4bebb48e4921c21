import Formats
import TestKit
import Testing

@Suite("roost ls over several servers", .timeLimit(.minutes(1)))
struct FleetListTests {
  private func record(_ name: String, on server: String, id: String? = nil, stale: Bool = false) -> JSON {
    [
      "name": .string(name), "id": .string(name), "server": .string(server), "server_id": .string(id ?? server),
      "state": "prompt", "rows": 24, "cols": 80, "clients": 0, "tags": [], "last_activity_ms": 1, "command": "sh",
      "stale": .bool(stale),
    ]
  }

  private func server(_ name: String, id: String? = nil) -> JSON {
    ["name": .string(name), "server_id": .string(id ?? name)]
  }

  private func listing(_ sessions: [JSON], _ servers: [JSON], missing: [JSON] = []) -> [String: JSON] {
    [
      "/fleet/sessions": ["sessions": .array(sessions), "servers": .array(servers), "missing": .array(missing)],
      "/sessions": .array(sessions),
    ]
  }

  private func run(_ answers: [String: JSON], _ arguments: String...) async throws -> (
    run: ProcessResult, targets: [String]
  ) {
    try await withScratchHome { roost in
      let server = try await ScriptedServer(home: roost.home, answers: answers)
      let run = try await roost.run(["ls", "--socket", server.socketPath] + arguments)
      await server.stop()
      return (run, server.targets)
    }
  }

  @Test("each session is shown with its server, what is old is marked, and what is missing is remarked on") func fleet()
    async throws
  {
    let answers = listing(
      [record("b", on: "web2", stale: true), record("own", on: "hub"), record("a", on: "web1")],
      [server("hub"), server("web1"), server("web2")], missing: ["web2"])
    let (run, targets) = try await run(answers)
    let lines = run.text.split(separator: "\n")
    #expect(lines.map { $0.prefix { $0 != " " } } == ["SERVER", "hub", "web1", "web2"])
    #expect(lines[3].hasPrefix("web2 (stale)"))
    #expect(run.errorText.contains("not reached") && run.errorText.contains("web2"))
    #expect(run.exitCode == 0)
    #expect(targets.contains { $0.contains("include_stale=true") })
  }

  @Test("a server alone has no column for servers") func alone() async throws {
    let (run, _) = try await run(listing([record("own", on: "hub")], [server("hub")]))
    #expect(run.text.hasPrefix("NAME "))
    #expect(run.errorText == "")
  }

  @Test("names tell the server where it is another one, by its id where its name is not enough") func names()
    async throws
  {
    let answers = listing(
      [
        record("own", on: "hub"), record("a", on: "web", id: "one"), record("a", on: "web", id: "two"),
        record("b", on: "db"),
      ],
      [server("hub"), server("web", id: "one"), server("web", id: "two"), server("db")])
    #expect(try await run(answers, "--names").run.text == "own\none:a\ntwo:a\ndb:b\n")
  }

  @Test("of one server alone its own list is asked for") func one() async throws {
    let (run, targets) = try await run(listing([record("a", on: "web1")], []), "--server", "web1", "--names")
    #expect(run.text == "a\n")
    #expect(targets.contains("GET /sessions?server=web1"))
  }
}
