import Formats
import Sys
import TestKit
import Testing

/// The command line on a hub, for sessions of the server behind it.
@Suite("Commands on another server", .bounded)
struct HubCommandTests {
  /// A hub and a server behind it, in the role of a member.
  private func withHub(_ role: String = "member", _ body: (_ hub: Roost, _ web1: Roost) async throws -> Void)
    async throws
  {
    let token = "a-token-for-everything"
    try await withRoost(["--bind", "127.0.0.1:0", "--token", token, "--hostname", "web1"]) { web1 in
      try await withRoost(["--hostname", "hub"]) { hub in
        let address = try await web1.http.get("/server/info")["tcp_addr"].string ?? ""
        let added = try await hub.run(
          ["servers", "add", "http://\(address)", "--role", role], environment: ["ROOST_BACKEND_TOKEN": token])
        #expect(added.exitCode == 0, "\(added)")
        try await body(hub, web1)
      }
    }
  }

  @Test("what stands on standard input of 'run' reaches the command there")
  func runInput() async throws {
    try await withHub { hub, web1 in
      try await web1.session(["name": "build", "argv": ["/bin/bash", "--norc"]])
      for words in [["run", "web1:build"], ["run", "-s", "web1", "build"]] {
        let result = try await runProcess(
          Roost.executable, words + ["--", "stty -echo; wc -c; stty echo"], environment: hub.environment,
          input: Array("a\nb\n".utf8))
        #expect(result.exitCode == 0, "\(result)")
        #expect(result.text.contains("4"), "\(result)")
      }
    }
  }

  @Test("a session there is made, typed into, looked at, changed and ended, and none of it happens here")
  func session() async throws {
    try await withHub { hub, web1 in
      func run(_ words: String...) async throws -> ProcessResult {
        let result = try await hub.run(words)
        #expect(result.exitCode == 0, "\(words): \(result)")
        return result
      }
      // The same name here, of which nothing may be touched.
      _ = try await run("new", "build", "-d", "--", "cat")
      let value1 = try await run("new", "web1:build", "-d", "-c", "cat").text
      #expect(value1 == "build\n")
      _ = try await run("send", "-s", "web1", "build", "over there", "--enter")
      #expect(try await run("wait", "web1:build", "--match", "over there").text.hasPrefix("match"))
      #expect(try await run("screen", "web1:build").text.contains("over there"))
      let value2 = try await run("screen", "build").text.contains("over there")
      #expect(value2 == false)
      let value3 = try await run("tag", "-s", "web1", "build", "--add", "ci").text
      #expect(value3 == "ci\n")
      _ = try await run("detach", "-s", "web1", "build")
      let value4 = try await run("ls", "-s", "web1", "--names").text
      #expect(value4 == "build\n")
      let value5 = try await run("ls", "-s", "hub", "--names").text
      #expect(value5 == "build\n")
      _ = try await run("rename", "web1:build", "gone")
      _ = try await run("kill", "-s", "web1", "gone")
      let value6 = try await web1.http.get("/sessions/gone")["state"]
      #expect(value6 == "exited")
      _ = try await run("rm", "web1:gone")
      let value7 = try await web1.http.get("/sessions").array?.isEmpty
      #expect(value7 == true)
      let here = try await hub.http.get("/sessions/build")
      #expect(here["tags"] == [])
      #expect(here["state"] != "exited")
    }
  }

  @Test("a command runs there, with its output and its exit status") func commands() async throws {
    try await withHub { hub, _ in
      let made = try await hub.run(
        "run", "web1:shell", "--new", "--shell", "/bin/bash", "--",
        "echo $((6*7)); exit_with() { return 7; }; exit_with")
      #expect(made.text == "42\n", "\(made)")
      #expect(made.exitCode == 7)
    }
  }

  @Test("the terminal of a session there is shown here, and left") func attach() async throws {
    try await withHub { hub, _ in
      let terminal = try hub.terminal("new", "web1:build", "-c", "echo it is rea''dy; cat")
      // Typed earlier it would be this terminal's own echo.
      _ = try await terminal.expect("it is ready")
      try terminal.type("hello there\r")
      _ = try await terminal.expect("hello there")
      try terminal.type("\u{1C}\u{1C}")
      _ = try await terminal.expect("detached from web1:build")
      let status = try await terminal.waitForExit()
      #expect(status == .exited(0))
    }
  }

  @Test("events of there are followed and queried, and those of here are others") func events() async throws {
    try await withHub { hub, _ in
      _ = try await hub.run("events", "publish", "-s", "web1", "build.done", "{\"n\":1}")
      let there = try await hub.run("events", "-s", "web1", "--json", "-S", "build.>")
      #expect(there.text.contains("build.done"))
      #expect(try await hub.run("events", "--json", "-S", "build.>").text.isEmpty)
      let followed = try await hub.run(
        "events", "follow", "-s", "web1", "--json", "-S", "build.>", "--after", "0", "-n", "1")
      #expect(followed.text.contains("build.done"), "\(followed)")
    }
  }

  @Test("an error says by which way it came, and a role what would change it") func errors() async throws {
    try await withHub("observer") { hub, web1 in
      let missing = try await hub.run("screen", "web1:nobody")
      #expect(missing.exitCode == 3)
      #expect(missing.errorText.contains("web1: Session not found: nobody"))
      let json = try await hub.run("screen", "web1:nobody", "--json")
      #expect(try JSON(parsing: json.errors)["error"]["server_path"] == ["hub", "web1"])
      let refused = try await hub.run("new", "web1:x", "-d")
      #expect(refused.exitCode == 5)
      #expect(refused.errorText.contains("roost servers promote web1 --role member"))
      #expect(refused.errorText.hasPrefix("roost new: web1 may not be used for session.create"), "\(refused)")
      let unknown = try await hub.run("screen", "web9:x")
      #expect(unknown.exitCode == 3 && unknown.errorText.contains("'roost servers ls'"), "\(unknown)")
      let value8 = try await hub.http.rpc("session.get", ["session": "x", "server": "web1"])["error"]["data"][
        "server_path"]
      #expect(value8 == ["hub", "web1"])
      try await web1.killServer()
      let gone = try await eventuallyUnavailable(hub)
      #expect(gone.exitCode == 7)
      #expect(gone.errorText.contains("web1 is not available (unavailable since 2"), "\(gone)")
    }
  }

  private func eventuallyUnavailable(_ hub: Roost) async throws -> ProcessResult {
    try await eventually("the hub has noticed") {
      try await hub.run("ls", "-s", "web1").exitCode == 7
    }
    return try await hub.run("ls", "-s", "web1")
  }
}
