import Formats
import Testing

@testable import Commands

@Suite("The server that a command is for")
struct ServerOptionTests {
  private func resolved(_ words: [String], environment: [String: String] = [:]) throws -> Invocation {
    let parser = CommandParser(root: CommandTable.root, globals: CommandTable.globals, environment: environment)
    guard case .run(let invocation) = try parser.parse(words) else { throw CommandFailure(.failed, "no command") }
    return try invocation.resolvingServer()
  }

  @Test(
    "it is given by an option or before the name of a session",
    arguments: [
      (["screen", "build"], nil, "build"), (["screen", "web1:build"], "web1", "build"),
      (["screen", "-s", "web1", "build"], "web1", "build"), (["-s", "web1", "screen", "build"], "web1", "build"),
      (["screen", "--server=web1", "web1:build"], "web1", "build"),
      (["run", "web1:build", "--", "make"], "web1", "build"),
      (["attach", "web1:build"], "web1", "build"), (["kill", "-s", "web1", "build"], "web1", "build"),
      (["tag", "-s", "web1", "build"], "web1", "build"), (["detach", "-s", "web1", "build"], "web1", "build"),
    ] as [([String], String?, String)])
  func given(words: [String], server: String?, session: String) throws {
    let invocation = try resolved(words)
    #expect(invocation.server == server)
    let name = invocation.argument(Arguments.session) ?? invocation.arguments(Arguments.sessions).first
    #expect(name == session)
  }

  @Test("a new session is named so too") func new() throws {
    let named = try resolved(["new", "web1:build", "-d"])
    #expect(named.server == "web1")
    #expect(named.argument(Arguments.newName) == "build")
    let option = try resolved(["-n", "web1:build"])
    #expect(option.server == "web1")
    #expect(option.text(Options.name) == "build")
    // Another machine has other folders.
    #expect(try creationRequest(named, name: "build")["cwd"].isNull)
  }

  @Test("what is typed beats the environment") func environment() throws {
    #expect(try resolved(["ls"], environment: ["ROOST_ON": "web2"]).server == "web2")
    #expect(try resolved(["ls"], environment: ["ROOST_ON": ""]).server == nil)
    #expect(try resolved(["ls", "-s", "web1"], environment: ["ROOST_ON": "web2"]).server == "web1")
    #expect(try resolved(["screen", "web1:a"], environment: ["ROOST_ON": "web2"]).server == "web1")
    #expect(try resolved(["screen", "a"], environment: ["ROOST_ON": "web2"]).server == "web2")
  }

  @Test("two servers are one too many, and half a name is none", arguments: ["web2:build", ":build", "web1:"])
  func refused(word: String) {
    #expect(throws: CommandFailure.self) { try resolved(["screen", "-s", "web1", word]) }
    #expect(throws: CommandFailure.self) { try SessionReference(word, on: "web1") }
  }

  @Test("each of several sessions may be somewhere else") func several() throws {
    #expect(try SessionReference("build", on: nil) == SessionReference(server: nil, session: "build"))
    #expect(try SessionReference("web1:build", on: nil) == SessionReference(server: "web1", session: "build"))
    #expect(try SessionReference("build", on: "web1") == SessionReference(server: "web1", session: "build"))
    #expect(try SessionReference("web1:a:b", on: nil) == SessionReference(server: "web1", session: "a:b"))
  }

  @Test("a failure says by which way the call went") func path() {
    func failure(_ body: String, status: Int) -> CommandFailure {
      ServerClient.failure(status: status, body: Array(body.utf8))
    }
    let there = failure(
      #"{"error":{"code":"session_not_found","message":"Session not found: x.","server_path":["hub","web1"]}}"#,
      status: 404)
    #expect(there.message == "web1: Session not found: x.")
    #expect(there.exitCode == .notFound)
    #expect(there.serverPath == ["hub", "web1"])
    let gone = failure(
      #"{"error":{"code":"server_unavailable","message":"web1 cannot be reached.","server_path":["hub","web1"],"failed_hop":"web1"}}"#,
      status: 503)
    #expect(gone.message == "web1 cannot be reached.")
    #expect(gone.exitCode == .noServer)
    #expect(gone.failedHop == "web1")
    let here = failure(#"{"error":{"code":"session_not_found","message":"Session not found: x."}}"#, status: 404)
    #expect(here.message == "Session not found: x.")
    #expect(here.serverPath.isEmpty)
  }
}
