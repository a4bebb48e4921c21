import Formats
import Glibc
import Sys
import TestKit
import Testing

@Suite("A server and its folders", .bounded)
struct ServerFoldersTests {
  private func keeperSocket(_ roost: Roost) -> String { "\(roost.home.path)/run/roost/\(roost.serverName).keeper.sock" }

  private func removeFolder(_ path: String) async throws {
    _ = try await runProcess("/bin/rm", ["-rf", path], environment: [:])
  }

  @Test("a server whose socket is swept away makes it again, and is never said not to run")
  func swept() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "keep", "argv": ["/bin/cat"]])
      for _ in 1...3 {
        unlink(roost.socketPath)
        let listed = try await roost.run("ls", "--names")
        #expect(listed.exitCode == 0 && listed.text == "keep\n", "\(listed)")
      }
      // Nobody asks for it here.
      unlink(roost.socketPath)
      try await eventually("the socket is there again") { fileExists(roost.socketPath) }
    }
  }

  @Test("with the whole folder gone there is still one server, and a second one is told where it is")
  func oneServer() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "keep", "argv": ["/bin/cat"]])
      let pid = try #require(roost.serverPID)
      try await removeFolder("\(roost.home.path)/run")
      let second = try await roost.run("serve")
      #expect(second.exitCode == 4, "\(second)")
      #expect(second.errorText.contains("(pid \(pid)) at \(roost.socketPath)"), "\(second)")
      // A command that starts servers finds this one.
      let made = try await roost.run("new", "other", "-d")
      #expect(made.exitCode == 0, "\(made)")
      #expect(try await roost.run("ls", "--names").text == "keep\nother\n")
      #expect(try await roost.runJSON("status")["pid"].integer == Int(pid))
    }
  }

  @Test("sessions of a server that died are found by the next command, also when the keeper's socket was swept away")
  func adopted() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "keep", "argv": ["/bin/cat"]])
      try await removeFolder("\(roost.home.path)/run/roost")
      try await eventually("the keeper has its socket again") { fileExists(keeperSocket(roost)) }
      try await roost.killServer()
      // Asking whether one runs starts none.
      #expect(try await roost.run("status").exitCode == 7)
      let listed = try await roost.run("ls", "--names")
      #expect(listed.exitCode == 0 && listed.text == "keep\n", "\(listed)")
    }
  }

  @Test("without sessions that wait, a command that only looks starts no server")
  func startsNone() async throws {
    try await withScratchHome { (roost) async throws in
      #expect(try await roost.run("ls").exitCode == 7)
      #expect(roost.home.processes.isEmpty)
    }
  }

  @Test("SIGUSR1 has a server look after its socket, and ends neither it nor its keeper")
  func signal() async throws {
    try await withRoost { roost in
      let status = try await roost.runJSON("status")
      let (pid, keeper) = (try #require(status["pid"].integer), try #require(status["keeper_pid"].integer))
      try await roost.session(["name": "keep", "argv": ["/bin/cat"]])
      unlink(roost.socketPath)
      for process in [pid, keeper] { kill(pid_t(process), SIGUSR1) }
      try await eventually("the socket is there again") { fileExists(roost.socketPath) }
      let again = try await roost.runJSON("status")
      #expect(again["pid"].integer == pid && again["keeper_pid"].integer == keeper)
    }
  }

  @Test("a server is found from where the environment names another runtime folder")
  func otherRuntimeFolder() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "keep", "argv": ["/bin/cat"]])
      let other = ["XDG_RUNTIME_DIR": "\(roost.home.path)/cache"]
      #expect(try await roost.run(["ls", "--names"], environment: other).text == "keep\n")
      try await roost.killServer()
      // The keeper is where it was; the server that takes over may be elsewhere.
      #expect(try await roost.run(["ls", "--names"], environment: other).text == "keep\n")
      #expect(try await roost.run("ls", "--names").text == "keep\n")
    }
  }

  @Test("a shell that is not installed is replaced, which is said")
  func shell() async throws {
    try await withScratchHome(environment: ["SHELL": "/bin/not-installed"]) { roost in
      let made = try await roost.run("new", "s", "-d")
      #expect(made.exitCode == 0, "\(made)")
      #expect(made.errorText.contains("the shell /bin/not-installed cannot be run; using /bin/"), "\(made)")
      let shell = try await roost.run("run", "s", "echo $SHELL")
      #expect(shell.exitCode == 0 && isExecutable(shell.text.filter { $0 != "\n" }), "\(shell)")
    }
  }

  @Test("sessions see nothing that names the terminal in which the server was started")
  func outerVariables() async throws {
    let outer = [
      "ZELLIJ": "0", "WEZTERM_PANE": "0", "GHOSTTY_RESOURCES_DIR": "/x", "INSIDE_EMACS": "29.1,vterm", "NVIM": "/x",
      "VSCODE_INJECTION": "1", "TMUX": "/x,1,0", "LC_TERMINAL": "iTerm2",
    ]
    try await withRoost(environment: outer) { roost in
      try await roost.session(["name": "e", "argv": ["/usr/bin/env"], "rows": 100])
      try await roost.wait("e", ["for": "exit"])
      let inside = try await roost.screen("e").compactMap { $0.split(separator: "=").first.map(String.init) }
      #expect(inside.contains("HOME") && inside.filter { outer[$0] != nil }.isEmpty)
    }
  }

  @Test("a server that was just killed does not keep the next one from starting, while the kernel takes it apart")
  func killedJustNow() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "s", "argv": ["/bin/cat"]])
      for _ in 1...8 {
        kill(try #require(roost.serverPID), SIGKILL)
        try await roost.start()
      }
      let session = try await roost.http.another().get("/sessions/s")
      #expect(session["state"] == "reading", "\(session.text)")
    }
  }

  @Test("a command right after the server was killed does not take its closing socket for a server")
  func askedJustAfter() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "s", "argv": ["/bin/cat"]])
      for _ in 1...8 {
        let pid = try #require(try await roost.http.another().get("/server/info")["pid"].integer)
        kill(pid_t(clamping: pid), SIGKILL)
        let listed = try await roost.run("ls", "--names")
        #expect(listed.exitCode == 0 && listed.text == "s\n", "\(listed)")
      }
    }
  }
}

@Suite("Folders that are another user's", .bounded, .enabled(if: OtherUser.isPossible))
struct ForeignFoldersTests {
  private static let xdg: Set<String> = ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"]

  @Test("root with a user's folders in the environment makes nothing in them, and the user can start a server after")
  func rootWasHere() async throws {
    let user = OtherUser()
    try await user.withHome(removing: ForeignFoldersTests.xdg) { roost, environment in
      // A name of its own: what root falls back to is shared by all who are root.
      var environment = environment
      environment["ROOST_SERVER_NAME"] = "su-\(user.id)"
      let root = try await runProcess(Roost.executable, ["new", "a", "-d"], environment: environment)
      #expect(root.exitCode == 0, "\(root)")
      #expect(root.errorText.contains("\(roost.home.path)/run is not yours; using /tmp/roost-0"), "\(root)")
      _ = try await runProcess(Roost.executable, ["stop", "--kill-sessions"], environment: environment)
      let left = try await runProcess(
        "/usr/bin/find", ["\(roost.home.path)/home", "\(roost.home.path)/run", "-user", "root", "-name", "*roost*"],
        environment: environment)
      #expect(left.text == "", "\(left)")
      let own = try await user.run(["new", "u", "-d"], environment)
      #expect(own.exitCode == 0 && own.errorText == "", "\(own)")
      let state = "\(Host.databaseHome ?? "/root")/.local/state/roost/su-\(user.id)"
      _ = try await runProcess(
        "/bin/sh", ["-c", "rm -rf \(state) /tmp/roost-0/su-\(user.id).*"], environment: environment)
    }
  }

  @Test("a socket where another user listens is told nothing, whatever named it")
  func foreignSocket() async throws {
    let user = OtherUser()
    try await user.withHome { roost, environment in
      let made = try await user.run(["new", "u", "-d"], environment)
      #expect(made.exitCode == 0, "\(made)")
      let found = try await runProcess(
        "/usr/bin/find", [roost.home.path, "-name", "*.sock", "-not", "-name", "*keeper*"], environment: [:])
      let socket = try #require(found.text.split(separator: "\n").map(String.init).first)
      for named in [(["--socket", socket], [:]), ([], ["ROOST_SOCKET": socket])] {
        var ours = roost.environment
        for (name, value) in named.1 { ours[name] = value }
        let refused = try await runProcess(
          Roost.executable, ["send"] + named.0 + ["u", "a secret", "--enter"], environment: ours)
        #expect(refused.exitCode != 0)
        #expect(refused.errorText.contains("another user (uid \(user.id))"), "\(refused)")
      }
      #expect(try await user.run(["screen", "u"], environment).text.contains("secret") == false)
    }
  }

  @Test("a configuration folder that is closed to the user is not read, which is said", arguments: [true, false])
  func closedConfiguration(byHome: Bool) async throws {
    let user = OtherUser()
    try await user.withHome(removing: ["XDG_CONFIG_HOME"]) { roost, environment in
      let closed = "\(roost.home.path)/closed"
      mkdir(closed, 0o700)
      var environment = environment
      if byHome {
        environment["HOME"] = closed
      } else {
        environment["XDG_CONFIG_HOME"] = closed
      }
      let made = try await user.run(["new", "u", "-d"], environment)
      #expect(made.exitCode == 0, "\(made)")
      #expect(made.errorText.contains("is closed to you; using "), "\(made)")
      #expect(try await user.run(["ls", "--names"], environment).text == "u\n")
    }
  }

  @Test("a runtime folder that is not there is replaced by one in /tmp, which is said once")
  func noRuntimeFolder() async throws {
    let user = OtherUser()
    try await user.withHome { roost, environment in
      var environment = environment
      environment["XDG_RUNTIME_DIR"] = "/run/user/\(user.id)"
      let made = try await user.run(["new", "u", "-d"], environment)
      #expect(made.exitCode == 0, "\(made)")
      #expect(
        made.errorText == "roost: /run/user/\(user.id) does not exist; using \(user.temporaryFolder)\n", "\(made)")
      environment["XDG_RUNTIME_DIR"] = nil
      let listed = try await user.run(["ls", "--names"], environment)
      #expect(listed.text == "u\n" && listed.errorText == "", "\(listed)")
    }
  }

  @Test("what somebody else has put where the replacement is to be is not used")
  func occupied() async throws {
    let user = OtherUser()
    try await user.withHome(removing: ["XDG_RUNTIME_DIR"]) { roost, environment in
      symlink("\(roost.home.path)/home", user.temporaryFolder)
      let made = try await user.run(["new", "u", "-d"], environment)
      #expect(made.exitCode == 0, "\(made)")
      #expect(made.errorText.contains("\(user.temporaryFolder) is not a folder; using \(roost.home.path)/state"))
      let listed = try await user.run(["ls", "--names"], environment)
      #expect(listed.text == "u\n", "\(listed)")
    }
  }

  @Test("without a home that can be written sessions work all the same", arguments: ["/", "", "/nonexistent"])
  func noHome(home: String) async throws {
    let user = OtherUser()
    try await user.withHome(removing: ForeignFoldersTests.xdg) { roost, environment in
      var environment = environment
      environment["HOME"] = home.isEmpty ? nil : home
      let made = try await user.run(["new", "u", "-d"], environment)
      #expect(made.exitCode == 0, "\(made)")
      #expect(made.errorText.contains("; using \(roost.home.path)/run/roost/state\n"), "\(made)")
      let ran = try await user.run(["run", "u", "echo works"], environment)
      #expect(ran.text == "works\n", "\(ran)")
    }
  }

  @Test("a session that is made where its user may not be begins at home")
  func closedFolder() async throws {
    let user = OtherUser()
    try await user.withHome { roost, environment in
      let closed = "\(roost.home.path)/closed"
      mkdir(closed, 0o700)
      // Only as root gets there first, and becomes the user after.
      let made = try await user.run(["new", "u", "-d"], environment, directory: closed)
      #expect(made.exitCode == 0, "\(made)")
      let ran = try await user.run(["run", "u", "pwd"], environment)
      #expect(ran.text == "\(roost.home.path)/home\n", "\(ran)")
    }
  }
}
