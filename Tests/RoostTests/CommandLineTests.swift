import Formats
import Glibc
import Net
import TestKit
import Testing

@Suite("The command line", .bounded)
struct CommandLineTests {
  @Test("a session is made, listed, driven and removed")
  func day() async throws {
    try await withRoost { roost in
      let made = try await roost.run("new", "build", "-d", "-t", "ci", "--rows", "30", "--cols", "100")
      #expect(made.exitCode == 0 && made.text == "build\n", "\(made)")
      let listed = try await roost.run("ls")
      #expect(
        listed.text.contains("NAME") && listed.text.contains("build") && listed.text.contains("100x30")
          && listed.text.contains("ci"), "\(listed)")
      let ran = try await roost.run("run", "build", "--", "echo", "two words", "$HOME")
      #expect(ran.exitCode == 0 && ran.text == "two words $HOME\n", "\(ran)")
      let line = try await roost.run("run", "build", "echo one; false")
      #expect(line.exitCode == 1 && line.text == "one\n", "\(line)")
      #expect(try await roost.run("run", "build", "--", "sh", "-c", "exit 42").exitCode == 42)
      #expect(try await roost.run("send", "build", "echo sent", "--enter").exitCode == 0)
      #expect(try await roost.run("wait", "build", "--match", "^sent").exitCode == 0)
      #expect(try await roost.run("send", "build", "echo keyed").exitCode == 0)
      #expect(try await roost.run("keys", "build", "enter").exitCode == 0)
      #expect(try await roost.run("wait", "build", "--match", "^keyed").exitCode == 0)
      let interact = try await roost.run("interact", "build", "echo inter-$((40+2))", "--enter", "--match", "inter-42")
      #expect(interact.exitCode == 0 && interact.text.contains("inter-42"), "\(interact)")
      #expect(try await roost.run("wait", "build", "--prompt").exitCode == 0)
      let screen = try await roost.run("screen", "build")
      #expect(screen.text.contains("inter-42") && !screen.text.contains("\u{1B}"), "\(screen)")
      #expect(try await roost.run("scrollback", "build", "--last", "3").exitCode == 0)
      let commands = try await roost.run("commands", "build")
      #expect(commands.text.contains("echo sent"), "\(commands)")
      #expect(try await roost.run("tag", "build", "--add", "x", "--remove", "ci").text == "x\n")
      #expect(try await roost.run("rename", "build", "built").exitCode == 0)
      #expect(try await roost.run("resize", "built", "--rows", "20").exitCode == 0)
      #expect(try await roost.runJSON("ls")[0]["rows"] == 20)
      #expect(try await roost.run("clients", "built").exitCode == 0)
      #expect(try await roost.run("signal", "built", "WINCH").exitCode == 0)
      #expect(try await roost.run("kill", "built", "--signal", "KILL").exitCode == 0)
      #expect(try await roost.run("ls").text.contains("exited SIGKILL"))
      #expect(try await roost.run("rm", "built").exitCode == 0)
      #expect(try await roost.run("ls", "--names").text == "")
    }
  }

  @Test("with --json every command says what the API says")
  func json() async throws {
    try await withRoost { roost in
      #expect(try await roost.runJSON("new", "a", "-d")["name"] == "a")
      #expect(try await roost.runJSON("ls")[0]["name"] == "a")
      #expect(try await roost.runJSON("wait", "a", "--prompt")["reason"] == "prompt")
      let run = try await roost.runJSON("run", "a", "echo x")
      #expect(run["output"] == "x\n" && run["exit_status"] == 0)
      #expect(try await roost.runJSON("send", "a", "x")["generation"].integer != nil)
      #expect(try await roost.runJSON("keys", "a", "ctrl+u")["generation"].integer != nil)
      #expect(try await roost.runJSON("interact", "a", "echo y", "--enter", "--prompt")["evidence"] == "osc133")
      #expect(try await roost.runJSON("screen", "a")["lines"].array?.count == 24)
      #expect(try await roost.runJSON("scrollback", "a")["total_lines"].integer != nil)
      #expect(try await roost.runJSON("commands", "a").array?.count == 2)
      #expect(try await roost.runJSON("tag", "a", "--add", "t")["tags"] == ["t"])
      #expect(try await roost.runJSON("rename", "a", "b")["name"] == "b")
      #expect(try await roost.runJSON("resize", "b", "--cols", "90")["cols"] == 90)
      #expect(try await roost.runJSON("clients", "b") == [])
      #expect(try await roost.runJSON("status")["instance_name"] == "test")
      #expect(try await roost.runJSON("kill", "b").text.contains("exited"))
      _ = try await roost.runJSON("rm", "b")
      #expect(try await roost.runJSON("ls") == [])
      _ = try await roost.runJSON("stop")
    }
  }

  @Test(
    "exit codes say what went wrong, and messages what to do",
    arguments: [
      (["screen", "nobody"], 3), (["new", "taken", "-d"], 4),
      (["wait", "taken", "--match", "never", "--timeout", "100ms"], 6),
      (["new", "bad/name", "-d"], 2), (["nonsense"], 2), (["ls", "--nonsense"], 2), (["wait", "taken"], 2),
      (["kill"], 2),
      (["keys", "taken", "ctrl+nonsense"], 2), (["kill", "taken", "--signal", "NOPE"], 2), (["call", "no.such"], 3),
      (["wait", "taken", "--match", "("], 2), (["rename", "taken", "other"], 4),
      (["run", "cat", "true", "--timeout", "1s"], 4),
      (["-L", "elsewhere", "ls"], 7), (["--socket", "/no/such/socket", "ls"], 7),
    ] as [([String], Int32)])
  func exitCodes(arguments: [String], code: Int32) async throws {
    try await withRoost { roost in
      for name in ["taken", "other", "cat"] { try await roost.session(["name": .string(name), "argv": ["/bin/cat"]]) }
      let result = try await roost.run(arguments)
      #expect(result.exitCode == code, "\(arguments): \(result)")
      #expect(result.text.isEmpty, "\(arguments): \(result)")
      #expect(result.errorText.hasPrefix("roost"), "\(arguments): \(result)")
      #expect(result.errorText.utf8.count < 1000)
    }
  }

  @Test("several sessions at once: what works is done, and the exit code tells of the rest")
  func several() async throws {
    try await withRoost { roost in
      for name in ["a", "b"] { try await roost.session(["name": .string(name), "argv": ["/bin/cat"]]) }
      let result = try await roost.run("rm", "a", "nobody", "b")
      #expect(result.exitCode == 3, "\(result)")
      #expect(try await roost.http.get("/sessions") == [])
    }
  }

  @Test("a program's words after -- reach it as they are")
  func words() async throws {
    try await withRoost { roost in
      let made = try await roost.run(
        "new", "p", "-d", "-e", "COLOUR=dark red", "--", "/bin/sh", "-c", #"printf '<%s>\n' "$COLOUR" "$@""#, "sh",
        "--help", "-d", "a b")
      #expect(made.exitCode == 0, "\(made)")
      #expect(try await roost.run("wait", "p", "--exit").exitCode == 0)
      #expect(try await roost.screen("p").prefix(4) == ["<dark red>", "<--help>", "<-d>", "<a b>"])
    }
  }

  @Test("a session starts in the folder where roost was called")
  func folder() async throws {
    try await withRoost { roost in
      _ = try await roost.run("new", "here", "-d", "--", "/bin/pwd")
      #expect(try await roost.run("wait", "here", "--exit").exitCode == 0)
      #expect(try await roost.screen("here").first == "\(roost.home.path)/home")
      _ = try await roost.run("new", "there", "-d", "--cwd", "/usr/share", "--", "/bin/pwd")
      #expect(try await roost.run("wait", "there", "--exit").exitCode == 0)
      #expect(try await roost.screen("there").first == "/usr/share")
    }
  }

  @Test("standard input is sent byte for byte, also when it is large")
  func sendInput() async throws {
    try await withRoost { roost in
      try await withSession(
        on: roost, ["name": "sink", "argv": ["/bin/sh", "-c", "stty raw -echo; echo ready; head -c 700000 | cksum"]]
      ) { session in
        try await session.wait(match: "ready")
        let text = String(repeating: "some text\n", count: 70_000)
        let result = try await roost.run(["send", "sink", "-"], input: text)
        #expect(result.exitCode == 0, "\(result)")
        try await session.waitForExit()
        let sum = try await runProcess("/usr/bin/cksum", [], environment: [:], input: Array(text.utf8)).text
        #expect(try await session.text().contains(sum.split(separator: "\n").first ?? "no sum"))
      }
    }
  }

  @Test("run makes server and session when asked to, and its time-out leaves the command running")
  func runNew() async throws {
    try await withScratchHome { roost async throws in
      let result = try await roost.run("run", "scratch", "--new", "--", "echo", "hello")
      #expect(result.exitCode == 0 && result.text == "hello\n", "\(result)")
      #expect(try await roost.run("run", "scratch", "--timeout", "200ms", "sleep 1000").exitCode == 6)
      #expect(try await roost.runJSON("ls")[0]["foreground"] == "sleep")
      #expect(try await roost.run("stop").exitCode == 4)
      #expect(try await roost.run("stop", "--kill-sessions").exitCode == 0)
      #expect(try await roost.run("status").exitCode == 7)
      #expect(try await roost.run("stop").exitCode == 7)
    }
  }

  @Test("what waits for input is waited for by --reading, whatever makes it silent")
  func reading() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "cat", "argv": ["/bin/cat"]])
      let result = try await roost.run("wait", "cat", "--reading")
      #expect(result.exitCode == 0, "\(result)")
      #expect(result.text.contains("tty_read"), "\(result)")
    }
  }

  @Test("any operation can be called by its name")
  func call() async throws {
    try await withRoost { roost in
      #expect(try await roost.run("call", "--names").text.split(separator: "\n").contains("session.create"))
      let made = try await roost.run("call", "session.create", #"{"name":"x","argv":["/bin/cat"]}"#)
      #expect(try JSON(parsing: made.output)["name"] == "x")
      let tagged = try await roost.run("call", "session.update", "session=x", "add_tags=a,b")
      #expect(try JSON(parsing: tagged.output)["tags"] == ["a", "b"], "\(tagged)")
      let sized = try await roost.run("call", "session.resize", "session=x", "rows=7", "cols:=70")
      #expect(try JSON(parsing: sized.output)["rows"] == 7, "\(sized)")
      let described = try await roost.run("call", "session.wait", "--describe")
      #expect(described.text.contains("timeout_ms"), "\(described)")
      let wrong = try await roost.run("call", "session.get", "session=nobody")
      #expect(wrong.exitCode == 3 && wrong.errorText.contains("nobody"), "\(wrong)")
      #expect(try await roost.run("call", "session.get", "colour=1").exitCode == 2)
    }
  }

  @Test(
    "completions are scripts that their shells accept and that know the sessions", arguments: ["bash", "zsh", "fish"])
  func completions(shell: String) async throws {
    try await withScratchHome { roost in
      let script = try await roost.run("completions", shell)
      #expect(script.exitCode == 0 && !script.text.isEmpty)
      let path = "\(roost.home.path)/completions"
      try roost.home.write(script.text, to: path)
      let check = try await runProcess("/usr/bin/env", [shell, "-n", path], environment: roost.environment)
      #expect(check.exitCode == 0, "\(check)")
    }
  }

  @Test("help is there for every command, and fits eighty columns")
  func help() async throws {
    try await withScratchHome { roost in
      let all = try await roost.run("--help")
      #expect(all.exitCode == 0)
      for command in [
        "serve", "new", "attach", "ls", "screen", "scrollback", "send", "keys", "run", "wait", "interact", "kill", "rm",
        "rename", "tag", "detach",
        "resize", "token", "status", "stop", "call", "completions",
      ] {
        #expect(all.text.contains(command), "\(command)")
        let help = try await roost.run(command, "--help")
        #expect(help.exitCode == 0 && help.text.contains(command), "\(help)")
        #expect(help.text.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(command)")
        #expect(!help.text.contains("\u{1B}"), "colours without a terminal")
      }
      #expect(try await roost.run("version").text.hasPrefix("roost "))
    }
  }

  @Test("a token opens TCP to the command line")
  func token() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let made = try await roost.run("token", "create", "agent", "--scope", "sessions:read")
      #expect(made.exitCode == 0, "\(made)")
      let secret = made.text.split(separator: "\n").first.map(String.init) ?? ""
      let address = try await roost.http.get("/server/info")["tcp_addr"].string ?? ""
      func remote(_ arguments: String..., token: String) async throws -> ProcessResult {
        try await roost.run(arguments + ["--connect", address], environment: ["ROOST_TOKEN": token])
      }
      #expect(try await remote("ls", "--json", token: secret).text == "[]\n")
      #expect(try await remote("new", "x", "-d", token: secret).exitCode == 5)
      #expect(try await remote("ls", token: "wrong-token-0123456789").exitCode == 5)
      #expect(try await roost.run("token", "ls").text.contains("agent"))
      let id = try await roost.runJSON("token", "ls")[0]["id"].string ?? ""
      #expect(try await roost.run("token", "revoke", id).exitCode == 0)
      #expect(try await remote("ls", token: secret).exitCode == 5)
    }
  }
}
