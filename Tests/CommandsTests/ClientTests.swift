import Formats
import Glibc
import Sys
import TestKit
import Testing

@testable import Commands

/// The command line against the real server.
@Suite("The command line and its server", .timeLimit(.minutes(5)))
struct ClientTests {
  private func expect(
    _ result: ProcessResult, _ code: ExitCode, location: SourceLocation = #_sourceLocation
  ) {
    #expect(result.exitCode == code.rawValue, "\(result)", sourceLocation: location)
  }

  // MARK: Starting

  @Test("the first command that needs a server starts one, and several at once start one together")
  func autostart() async throws {
    try await withScratchHome { roost in
      let results = try await withThrowingTaskGroup(of: ProcessResult.self) { group in
        for number in 0..<5 {
          group.addTask { try await roost.run("new", "s\(number)", "-d", "--", "sleep", "1000") }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      for result in results { expect(result, .ok) }
      #expect(results.map(\.text).sorted() == (0..<5).map { "s\($0)\n" })
      let names = try await roost.run("ls", "--names")
      #expect(names.text == "s0\ns1\ns2\ns3\ns4\n")
      let status = try await roost.runJSON("status")
      #expect(status["persistent"] == false)
      #expect(status["instance_name"].string == roost.serverName)
      expect(try await roost.run("stop", "--kill-sessions"), .ok)
    }
  }

  @Test("a server that cannot start says why, and the command ends with 7")
  func autostartFails() async throws {
    try await withScratchHome { roost in
      // A folder stands where its socket would be.
      for folder in [String(roost.socketPath.dropLast("/\(roost.serverName).sock".count)), roost.socketPath] {
        #expect(mkdir(folder, 0o700) == 0)
      }
      let result = try await roost.run("new", "-d")
      expect(result, .noServer)
      #expect(result.errorText.contains("the server did not start: \(roost.socketPath)"), "\(result)")
    }
  }

  @Test("plain roost makes a session and shows it; after detaching it goes on, and attach finds it")
  func plainRoost() async throws {
    try await withScratchHome { roost in
      let first = try roost.terminal("--name", "work", rows: 30, columns: 90)
      try await first.expect("$ ")
      try first.type("echo size $(stty size)\r")
      try await first.expect("size 30 90")
      try first.type("\u{1c}\u{1c}")
      #expect(try await first.waitForExit() == .exited(0))
      try await first.expect("[detached from work]")
      let second = try roost.terminal("attach")
      try await second.expect("size 30 90")
      try second.type("exit 4\r")
      #expect(try await second.waitForExit() == .exited(0))
      try await second.expect("[work has ended: exit status 4]")
    }
  }

  @Test("sessions begin in the folder of the command, with its variables, tags and size")
  func creation() async throws {
    try await withRoost { roost in
      let record = try await roost.runJSON(
        "new", "x", "-d", "-e", "GREETING=a b", "-t", "one", "-t", "two", "--rows", "11", "--cols", "44", "--", "sh",
        "-c",
        "pwd; echo \"$GREETING\"; stty size; sleep 1000")
      #expect(record["name"] == "x")
      #expect(record["tags"] == ["one", "two"])
      try await roost.wait("x", ["for": "match", "pattern": "11 44"])
      let screen = try await roost.run("screen", "x")
      #expect(screen.text == "\(roost.home.path)/home\na b\n11 44\n")
    }
  }

  // MARK: Driving

  @Test("run prints the output and exits with the status of the command")
  func run() async throws {
    try await withRoost { roost in
      let hello = try await roost.run("run", "s", "--new", "--", "echo", "hello   world", "$HOME")
      expect(hello, .ok)
      #expect(hello.text == "hello   world $HOME\n")
      let failing = try await roost.run("run", "s", "cd / && pwd; (exit 42)")
      #expect(failing.exitCode == 42, "\(failing)")
      #expect(failing.text == "/\n")
      let record = try await roost.runJSON("run", "s", "--", "pwd")
      #expect(record["output"].string?.hasPrefix("/") == true)
      #expect(record["exit_status"] == 0)
      expect(try await roost.run("run", "s", "--timeout", "300ms", "--", "sleep", "60"), .timedOut)
      expect(try await roost.run("run", "missing", "--", "true"), .notFound)
    }
  }

  @Test("what is sent arrives, wait sees it, and screen shows it")
  func sendWaitScreen() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "s", "argv": ["cat"]])
      expect(try await roost.run("send", "s", "one", "two", "--enter"), .ok)
      expect(try await roost.run("wait", "s", "--match", "one two\n?.*", "--timeout", "20s"), .ok)
      expect(try await roost.run(["send", "s", "-"], input: "from input\n"), .ok)
      let matched = try await roost.run("wait", "s", "-m", "from input", "--screen")
      expect(matched, .ok)
      #expect(matched.text.hasPrefix("match"))
      expect(try await roost.run("keys", "s", "k", "e", "y", "enter"), .ok)
      expect(try await roost.run("wait", "s", "-m", "key"), .ok)
      #expect(try await roost.run("screen", "s").text.contains("one two\none two\n"))
      let late = try await roost.run("wait", "s", "-m", "never", "--timeout", "100ms")
      expect(late, .timedOut)
      expect(try await roost.run("keys", "s", "ctrl+d"), .ok)
      let ended = try await roost.run("wait", "s", "--exit")
      #expect(ended.text.contains("exit status 0"), "\(ended)")
    }
  }

  @Test("interact types and shows what came of it")
  func interact() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "s", "argv": ["cat"]])
      let result = try await roost.run("interact", "s", "hello", "--enter", "--match", "hello\\s+hello")
      #expect(result.exitCode == 0 || result.exitCode == ExitCode.timedOut.rawValue, "\(result)")
      let shown = try await roost.run("interact", "s", "again", "--enter", "--idle", "200ms")
      expect(shown, .ok)
      #expect(shown.text.contains("again\nagain\n"))
    }
  }

  @Test("the screen comes plain, in colour, as styled runs and as what changed")
  func screens() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "s", "argv": ["sh", "-c", "printf '\\033[1;31mred\\033[m plain\\n'; cat"]])
      try await roost.wait("s", ["for": "match", "pattern": "plain"])
      #expect(try await roost.run("screen", "s").text == "red plain\n")
      #expect(try await roost.run("screen", "s", "--format", "ansi").text == "\u{1b}[0;1;31mred\u{1b}[0m plain\n")
      let styled = try await roost.run("screen", "s", "--format", "styled")
      #expect(try JSON(parsing: styled.text.split(separator: "\n").first.map(String.init) ?? "")[0]["text"] == "red")
      let before = try await roost.runJSON("screen", "s")["generation"].integer ?? 0
      try await roost.run("send", "s", "x\n")
      try await roost.wait("s", ["for": "match", "pattern": "x"])
      let changed = try await roost.run("screen", "s", "--since", "\(before)")
      #expect(changed.text.split(separator: "\n").contains("1\tx"), "\(changed)")
      #expect(!changed.text.contains("red"))
    }
  }

  @Test("all of the scrollback is printed, or its end")
  func scrollback() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "s", "argv": ["sh", "-c", "seq 2500; echo done; cat"]])
      try await roost.wait("s", ["for": "match", "pattern": "done"])
      let lines = try await roost.run("scrollback", "s").text.split(separator: "\n").map(String.init)
      #expect(lines == (1...2500).map(String.init) + ["done"])
      let last = try await roost.run("scrollback", "s", "--last", "4")
      #expect(last.text.split(separator: "\n", omittingEmptySubsequences: false).count == 5)
      let part = try await roost.run("scrollback", "s", "--offset", "10", "--limit", "2")
      #expect(part.text == "11\n12\n")
      let json = try await roost.runJSON("scrollback", "s", "--offset", "1", "--limit", "1500")
      #expect(json["lines"].array?.count == 1500)
      #expect(json["offset"] == 1)
    }
  }

  // MARK: Managing

  @Test("sessions are renamed, tagged, resized, and each change is seen")
  func changes() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["cat"]])
      try await roost.session(["name": "b", "argv": ["cat"]])
      expect(try await roost.run("rename", "a", "c"), .ok)
      expect(try await roost.run("rename", "c", "b"), .conflict)
      expect(try await roost.run("rename", "c", "no/good"), .usage)
      #expect(try await roost.run("tag", "c", "--add", "x", "--add", "y").text == "x\ny\n")
      #expect(try await roost.run("tag", "c", "--remove", "x").text == "y\n")
      #expect(try await roost.run("tag", "c").text == "y\n")
      #expect(try await roost.run("ls", "--names", "-t", "y").text == "c\n")
      expect(try await roost.run("resize", "c", "--rows", "33"), .ok)
      let record = try await roost.http.get("/sessions/c")
      #expect(record["rows"] == 33)
      #expect(record["cols"] == 80)
      let table = try await roost.run("ls")
      #expect(table.text.hasPrefix("NAME"))
      #expect(table.text.contains("80x33"))
    }
  }

  @Test("signals reach the program, kill ends it and keeps it listed, rm forgets it")
  func endings() async throws {
    try await withRoost { roost in
      let trap = "trap 'echo caught' USR1; while :; do sleep 0.05; done"
      try await roost.session(["name": "a", "argv": ["sh", "-c", .string("echo started; \(trap)")]])
      try await roost.wait("a", ["for": "match", "pattern": "started"])
      expect(try await roost.run("signal", "a", "USR1"), .ok)
      expect(try await roost.run("wait", "a", "-m", "caught"), .ok)
      expect(try await roost.run("signal", "a", "NONSENSE"), .usage)
      let killed = try await roost.runJSON("kill", "a", "--signal", "TERM", "--grace", "100ms")
      #expect(killed[0]["name"] == "a")
      expect(try await roost.run("wait", "a", "--exit"), .ok)
      #expect(try await roost.http.get("/sessions/a")["state"] == "exited")
      #expect(try await roost.run("ls").text.contains("exited"))
      expect(try await roost.run("rm", "a"), .ok)
      expect(try await roost.run("rm", "a"), .notFound)
      #expect(try await roost.run("ls", "--names").text.isEmpty)
    }
  }

  @Test("of several sessions those that exist are dealt with, and the failure is told")
  func several() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["cat"]])
      try await roost.session(["name": "b", "argv": ["cat"]])
      let result = try await roost.run("rm", "a", "missing", "b")
      expect(result, .notFound)
      #expect(result.errorText.contains("missing"))
      #expect(try await roost.run("ls", "--names").text.isEmpty)
    }
  }

  @Test("detach sends everybody away who is attached")
  func detach() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "s", "argv": ["sh", "-c", "echo here; cat"]])
      let terminal = try roost.terminal("attach", "s")
      try await terminal.expect("here")
      let clients = try await roost.runJSON("clients", "s")
      #expect(clients.array?.count == 1)
      expect(try await roost.run("detach", "s"), .ok)
      #expect(try await terminal.waitForExit() == .exited(0))
      try await terminal.expect("[detached from s")
    }
  }

  @Test("a session cannot be attached to from inside itself")
  func nesting() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "s", "argv": ["sh"]])
      try await roost.run("send", "s", "\(Roost.executable) attach s; echo status=$?", "--enter")
      let result = try await roost.run("wait", "s", "-m", "status=5", "--screen")
      expect(result, .ok)
    }
  }

  @Test("operations are called by name, with parameters as their schema has them")
  func call() async throws {
    try await withRoost { roost in
      let created = try await roost.runJSON(
        "call", "session.create", "name=s", "tags=a,b", "rows=20", "argv:=[\"cat\"]")
      #expect(created["name"] == "s")
      #expect(created["rows"] == 20)
      #expect(created["tags"] == ["a", "b"])
      #expect(try await roost.runJSON("call", "session.get", "{\"session\":\"s\"}")["name"] == "s")
      expect(try await roost.run("call", "session.get", "session=missing"), .notFound)
      expect(try await roost.run("call", "session.gett"), .notFound)
      expect(try await roost.run("call", "session.get"), .usage)
      expect(try await roost.run("call", "session.get", "sesion=s"), .usage)
      #expect(try await roost.run("call").text.contains("session.interact"))
      #expect(try await roost.run("call", "--names").text.contains("session.run\n"))
      #expect(try await roost.run("call", "session.wait", "--describe").text.contains("timeout_ms"))
    }
  }

  @Test("a program that ends at once has still been shown")
  func briefProgram() async throws {
    try await withRoost { roost in
      let terminal = try roost.terminal("new", "brief", "--", "sh", "-c", "echo all there was; exit 5")
      #expect(try await terminal.waitForExit() == .exited(0))
      try await terminal.expect("all there was")
      try await terminal.expect("[brief has ended: exit status 5]")
    }
  }

  // MARK: Tokens

  @Test("a token lets in over TCP, does only what it may, and is worthless once revoked")
  func tokens() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      try await roost.session(["name": "s", "argv": ["cat"]])
      let created = try await roost.run("token", "create", "looker", "--expires", "1h")
      expect(created, .ok)
      let secret = String(created.text.dropLast())
      let address = try await roost.runJSON("status")["tcp_addr"].string ?? ""
      func remote(_ arguments: String..., token: String) async throws -> ProcessResult {
        try await roost.run(["--connect", address] + arguments, environment: ["ROOST_TOKEN": token])
      }
      #expect(try await remote("ls", "--names", token: secret).text == "s\n")
      expect(try await remote("send", "s", "x", token: secret), .refused)
      expect(try await remote("ls", token: ""), .refused)
      expect(try await remote("ls", token: "roost_wrong"), .refused)
      let table = try await roost.run("token", "ls")
      #expect(table.text.contains("looker") && table.text.contains("sessions:read") && !table.text.contains(secret))
      let id = try await roost.runJSON("token", "ls")[0]["id"].string ?? ""
      expect(try await roost.run("token", "revoke", id), .ok)
      expect(try await remote("ls", token: secret), .refused)
      expect(try await roost.run("token", "revoke", id), .notFound)
      expect(try await roost.run("token", "create", "-S", "sessions:raed"), .usage)
    }
  }

  // MARK: Stopping

  @Test("a server with sessions refuses to stop unless they may be ended; then it is gone when stop returns")
  func stop() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "s", "argv": ["cat"]])
      let pid = try #require(roost.serverPID)
      expect(try await roost.run("stop"), .conflict)
      expect(try await roost.run("status"), .ok)
      expect(try await roost.run("stop", "--kill-sessions"), .ok)
      // It is a child of ours: what remains of it until it is reaped is a zombie.
      #expect((try? readFile("/proc/\(pid)/cmdline"))?.isEmpty ?? true)
      expect(try await roost.run("ls"), .noServer)
      try await eventually("nothing of it is left") {
        roost.home.processes.allSatisfy { (try? readFile("/proc/\($0)/cmdline"))?.isEmpty ?? true }
      }
    }
  }

  @Test("a crash of the server puts the terminal back, and the session is found by the next one")
  func crash() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "s", "argv": ["sh", "-c", "echo before; cat"]])
      let terminal = try roost.terminal("attach", "s")
      try await terminal.expect("before")
      try await roost.killServer()
      #expect(try await terminal.waitForExit() == .exited(ExitCode.noServer.rawValue))
      #expect(terminal.isCooked)
      try await terminal.expect("the connection to the server was lost")
      try await roost.start()
      let again = try roost.terminal("attach", "s")
      // Typed only now that the terminal is in raw mode.
      try await again.expect("\u{1b}[H")
      try again.type("after\r")
      // As it comes, or within a picture.
      for _ in ["the echo", "what cat says"] { try await again.expect("after") }
      try again.type("\u{1c}\u{1c}")
      #expect(try await again.waitForExit() == .exited(0))
    }
  }
}
