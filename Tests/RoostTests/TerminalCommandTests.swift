import Formats
import Glibc
import Sys
import TestKit
import Testing

@Suite("roost on a terminal", .bounded)
struct TerminalCommandTests {
  /// The private modes that the sequences `ESC [ ? … final` name.
  private func modes(in text: String, final: Character) -> Set<Int> {
    var modes: Set<Int> = []
    for part in text.split(separator: "\u{1B}[?").dropFirst() {
      let numbers = part.prefix { $0.isNumber || $0 == ";" }
      if part.dropFirst(numbers.count).first == final {
        modes.formUnion(numbers.split(separator: ";").compactMap { Int($0) })
      }
    }
    return modes
  }

  /// Waits until somebody is attached: what is typed before that is typed to the terminal as it was.
  private func attached(_ roost: Roost, _ session: String, _ terminal: TerminalProcess) async throws {
    try await eventually("\(session) has its client, and the keys go to it") {
      try await roost.http.get("/sessions/\(session)")["clients"] == 1 && !terminal.isCooked
    }
  }

  /// What a terminal must have been told to be as it was before.
  private func expectRestored(_ terminal: TerminalProcess, after index: Int) {
    #expect(terminal.isCooked, "lines, echo and signals are back")
    let left = String(decoding: terminal.bytes[index...], as: UTF8.self)
    #expect(!left.hasSuffix("\u{1B}[?1049h"))
  }

  @Test("roost alone starts a server, makes a session and shows it; the detach key gives the terminal back")
  func alone() async throws {
    try await withScratchHome { roost in
      let terminal = try roost.terminal(rows: 30, columns: 100)
      try await terminal.expect("$")
      try terminal.type("stty size; echo session=$ROOST_SESSION\r")
      try await terminal.expect("30 100")
      try await terminal.expect("session=0")
      #expect(!terminal.isCooked, "keys go through as they are")
      try terminal.type("\u{1C}\u{1C}")
      #expect(try await terminal.waitForExit() == .exited(0))
      expectRestored(terminal, after: 0)
      let session = try await roost.runJSON("ls")[0]
      #expect(
        session["name"] == "0" && session["clients"] == 0 && session["state"].string != "exited", "\(session.text)")
      #expect(try await roost.run("stop", "--kill-sessions").exitCode == 0)
    }
  }

  @Test("attach shows what was there, sends what is typed, and follows the terminal's size")
  func attach() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "shell": "/bin/bash"])
      try await roost.http.post("/sessions/a/run", ["command": "echo was here before"])
      let terminal = try roost.terminal("attach", "a", rows: 20, columns: 70)
      try await terminal.expect("was here before")
      try await eventually("the session has the terminal's size") {
        try await roost.http.get("/sessions/a")["cols"] == 70
      }
      try terminal.type("echo typed-$((6*7))\r")
      try await terminal.expect("typed-42")
      try terminal.resize(rows: 33, columns: 99)
      try await eventually("the session follows") { try await roost.http.get("/sessions/a")["cols"] == 99 }
      let clients = try await roost.http.get("/sessions/a/clients")
      #expect(clients[0]["kind"] == "attach")
      try terminal.type("exit\r")
      _ = try await terminal.waitForExit()
      expectRestored(terminal, after: 0)
      #expect(try await roost.http.get("/sessions/a")["state"] == "exited")
    }
  }

  @Test("what is typed before the session is shown reaches it")
  func typedAhead() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/sh", "-c", "read line; echo got-$line; exec cat"]])
      // A terminal whose program has not even begun to read.
      let terminal = try roost.terminal("attach", "a")
      try terminal.type("ahead\r")
      try await terminal.expect("got-ahead")
    }
  }

  @Test("the first picture already has the size of the terminal")
  func firstPicture() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"], "rows": 24, "cols": 80])
      let client = roost.http.another()
      let socket = try await client.webSocket("/sessions/a/ws/raw?rows=31&cols=97")
      guard case .binary = try await socket.next() else {
        Issue.record("no picture")
        return
      }
      let record = try await roost.http.get("/sessions/a")
      #expect(record["rows"] == 31 && record["cols"] == 97)
      await socket.close()
      let watching = try await client.webSocket("/sessions/a/ws/raw?readonly=true&rows=20&cols=20")
      _ = try await watching.next()
      #expect(try await roost.http.get("/sessions/a")["cols"] == 97, "who only watches changes nothing")
      await watching.close()
      for query in ["rows=5", "rows=0&cols=5", "rows=x&cols=5"] {
        await #expect(throws: (any Error).self, "\(query)") {
          try await client.webSocket("/sessions/a/ws/raw?\(query)")
        }
      }
    }
  }

  @Test("after it was stopped and goes on, the terminal is raw again and the session is painted anew")
  func stopped() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/sh", "-c", "echo what is there; exec cat"]])
      let terminal = try roost.terminal("attach", "a")
      try await terminal.expect("what is there")
      try await attached(roost, "a", terminal)
      // From outside, without a word: only the going on can be acted upon.
      terminal.signal(SIGSTOP)
      try await stop(terminal)
      terminal.signal(SIGCONT)
      try await terminal.expect("what is there")
      // Told to stop, it gives the terminal back first.
      terminal.signal(SIGTSTP)
      try await stop(terminal)
      #expect(terminal.isCooked)
      terminal.signal(SIGCONT)
      try await terminal.expect("what is there")
      try await eventually("it is raw again") { !terminal.isCooked }
      try terminal.type("and goes on\r")
      try await terminal.expect("and goes on")
    }
  }

  private func stop(_ terminal: TerminalProcess) async throws {
    try await eventually("it is stopped") { ProcessStatus.read(terminal.pid)?.state == UInt8(ascii: "T") }
  }

  @Test("a server that a command started is one of its own: another session, no terminal, nothing inherited")
  func background() async throws {
    try await withScratchHome { roost in
      #expect(
        try await roost.run(["new", "a", "-d"], environment: ["ROOST_SESSION": "x", "KEPT": "kept"]).exitCode == 0)
      let info = try await roost.runJSON("status")
      let server = pid_t(try #require(info["pid"].integer))
      let keeper = pid_t(try #require(info["keeper_pid"].integer))
      for process in [server, keeper] {
        #expect(ProcessStatus.read(process)?.session == process, "leads a session")
        #expect(ProcessStatus.workingDirectory(process) == "/")
        let streams = try (0...1).map { try linkTarget("/proc/\(process)/fd/\($0)") }
        #expect(streams == ["/dev/null", "/dev/null"])
        // Sockets, pipes of its own, a terminal that it holds, its locks and logs; nothing else.
        for descriptor in ProcessStatus.openDescriptors(process) ?? [] {
          let target = try linkTarget("/proc/\(process)/fd/\(descriptor)")
          let isOwn = [
            "socket:", "pipe:", "pidfd:", "anon_inode:", "/dev/ptmx", "/dev/pts/ptmx", "/dev/null", roost.home.path,
          ]
          .contains { target.hasPrefix($0) }
          #expect(isOwn, "\(descriptor) is \(target)")
        }
      }
      // As ps shows them.
      let arguments = try #require(ProcessStatus.commandLine(server))
      #expect(arguments.prefix(4) == ["roost", "serve", "--server-name", roost.serverName])
      #expect(ProcessStatus.commandLine(keeper)?.prefix(2) == ["roost", "keeper"])
      let environment = try textOfFile("/proc/\(server)/environ").split(separator: "\0")
      #expect(environment.contains("KEPT=kept") && !environment.contains { $0.hasPrefix("ROOST_SESSION=") })
      #expect(try textOfFile("/proc/\(keeper)/environ").isEmpty)
      // The keeper lives on without its server, which was its parent.
      kill(server, SIGKILL)
      try await eventually("the server is gone") { !isAlive(Int(server)) }
      #expect(isAlive(Int(keeper)))
      let made = try await roost.run("new", "b", "-d")
      #expect(made.exitCode == 0, "\(made)")
      let next = try await roost.runJSON("status")
      #expect(next["keeper_pid"] == .integer(Int(keeper)))
      #expect(try await roost.runJSON("ls").array?.count == 2)
      #expect(try await roost.run("stop", "--kill-sessions").exitCode == 0)
    }
  }

  private func linkTarget(_ path: String) throws -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink(path, &buffer, buffer.count - 1)
    guard count >= 0 else { throw TestFailure("\(path): \(SystemError.last("readlink"))") }
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  @Test("the terminal's modes are put back, whatever the program did to them")
  func modes() async throws {
    try await withRoost { roost in
      let script =
        "printf '\\033[?1049h\\033[?1000h\\033[?1006h\\033[?2004h\\033[?25l\\033[?1h\\033=\\033[4:3mwild'; exec cat"
      try await roost.session(["name": "wild", "argv": ["/bin/sh", "-c", .string(script)]])
      try await roost.wait("wild", ["for": "match", "pattern": "wild"])
      let terminal = try roost.terminal("attach", "wild")
      try await terminal.expect("wild")
      let painted = terminal.bytes.count
      try await roost.http.post("/sessions/wild/detach")
      _ = try await terminal.waitForExit()
      expectRestored(terminal, after: painted)
      let end = String(decoding: terminal.bytes[painted...], as: UTF8.self)
      let reset = modes(in: end, final: "l")
      #expect(reset.isSuperset(of: [1000, 1006, 2004, 1049]), "\(end.debugDescription)")
      #expect(modes(in: end, final: "h").contains(25), "\(end.debugDescription)")
    }
  }

  @Test("the terminal is put back when roost is told to end", arguments: [SIGTERM, SIGHUP])
  func signals(number: CInt) async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      let terminal = try roost.terminal("attach", "a")
      try await attached(roost, "a", terminal)
      try terminal.type("x\r")
      try await terminal.expect("x\r\nx")
      terminal.signal(number)
      _ = try await terminal.waitForExit()
      #expect(terminal.isCooked)
      #expect(try await roost.http.get("/sessions/a")["state"].string != "exited")
    }
  }

  @Test("the terminal is put back when the server is gone")
  func serverGone() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      let terminal = try roost.terminal("attach", "a")
      try await attached(roost, "a", terminal)
      try terminal.type("x\r")
      try await terminal.expect("x\r\nx")
      try await roost.killServer()
      let status = try await terminal.waitForExit()
      #expect(status != .exited(0))
      #expect(terminal.isCooked)
    }
  }

  @Test("who watches read-only sees everything and types nothing")
  func readOnly() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      let terminal = try roost.terminal("attach", "--readonly", "a")
      try await eventually("it is attached") { try await roost.http.get("/sessions/a")["clients"] == 1 }
      try terminal.type("from the watcher\r")
      _ = try await roost.http.request("POST", "/sessions/a/input", body: Array("from another\r".utf8))
      try await terminal.expect("from another\r\nfrom another")
      #expect(try await !roost.screen("a").joined().contains("watcher"))
      try terminal.type("\u{1C}\u{1C}")
      #expect(try await terminal.waitForExit() == .exited(0))
    }
  }

  @Test("other detach keys can be chosen, and a lone detach key is typed")
  func detachKeys() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat", "-v"]])
      let terminal = try roost.terminal("attach", "--detach-key", "ctrl+b d", "a")
      try await attached(roost, "a", terminal)
      // Its first key is the prefix as well; z is no key behind that.
      try terminal.type("\u{2}z\r")
      try await terminal.expect("^Bz")
      try terminal.type("\u{2}d")
      #expect(try await terminal.waitForExit() == .exited(0))
    }
  }

  @Test("colours are for terminals: not in a pipe, and not with NO_COLOR")
  func colours() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      let coloured = try roost.terminal("ls")
      _ = try await coloured.waitForExit()
      try await coloured.expect("\u{1B}[")
      let plain = try roost.terminal("ls", environment: ["NO_COLOR": "1"])
      _ = try await plain.waitForExit()
      try await plain.expect("NAME")
      #expect(!plain.output.contains("\u{1B}["))
    }
  }

  @Test("attaching a session to itself is refused")
  func nested() async throws {
    try await withRoost { roost in
      try await withSession(on: roost, ["name": "a", "shell": "/bin/bash"]) { session in
        let result = try await session.run("\(Roost.executable) attach a")
        #expect(result["exit_status"] == 5, "\(result.text)")
      }
    }
  }

  @Test("without a terminal there is nothing to attach to, and that is said")
  func noTerminal() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      #expect(try await roost.run("attach", "a").exitCode == 2)
      #expect(try await roost.run([]).exitCode == 2)
    }
  }
}

@Suite("Servers", .bounded)
struct ServerLifeTests {
  @Test("servers of different names know nothing of each other")
  func twoServers() async throws {
    try await withScratchHome { roost async throws in
      #expect(try await roost.run("-L", "one", "new", "a", "-d", "--", "cat").exitCode == 0)
      #expect(try await roost.run("-L", "two", "new", "b", "-d", "--", "cat").exitCode == 0)
      #expect(try await roost.run("-L", "one", "ls", "--names").text == "a\n")
      #expect(try await roost.run("-L", "two", "ls", "--names").text == "b\n")
      #expect(try await roost.run("-L", "one", "stop", "--kill-sessions").exitCode == 0)
      #expect(try await roost.run("-L", "two", "ls", "--names").text == "b\n")
      #expect(try await roost.run("-L", "two", "stop", "--kill-sessions").exitCode == 0)
    }
  }

  @Test("a second server of the same name does not start, and the first goes on")
  func sameName() async throws {
    try await withRoost { roost in
      let second = try await roost.run("serve")
      #expect(second.exitCode == 4, "\(second)")
      #expect(try await roost.http.get("/health") == ["status": "ok"])
    }
  }

  @Test("after a crash the next server takes over the sessions: their programs live on and take input")
  func takeOver() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "cat", "argv": ["/bin/cat"], "tags": ["kept"]])
      let shell = try await roost.session(["name": "shell", "shell": "/bin/bash"])
      try await roost.wait("shell", ["for": "prompt"])
      let before = try await roost.http.get("/sessions/cat")
      try await roost.killServer()
      #expect(isAlive(before["pid"].integer ?? 0) && isAlive(shell["pid"].integer ?? 0))
      // Meanwhile a program may end, and how is not lost.
      try await roost.start()
      let after = try await roost.http.get("/sessions/cat")
      #expect(after["id"] == before["id"] && after["pid"] == before["pid"] && after["tags"] == ["kept"])
      _ = try await roost.http.request("POST", "/sessions/cat/input", body: Array("still there\r".utf8))
      try await roost.wait("cat", ["for": "match", "pattern": "still there\nstill there"])
      let killed = try await roost.http.post("/sessions/cat/kill", ["signal": "KILL"])
      #expect(killed["exit_signal"] == "SIGKILL")
    }
  }

  @Test("commands run in a shell that an earlier server started, with the folder and variables that it had")
  func runAfterTakeOver() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "shell", "shell": "/bin/bash"])
      try await roost.wait("shell", ["for": "prompt"])
      try await roost.http.post("/sessions/shell/run", ["command": "cd /usr/share; colour=green"])
      try await roost.killServer()
      try await roost.start()
      let state = try await roost.http.post(
        "/sessions/shell/run", ["command": "pwd; echo $colour", "timeout_ms": 20_000])
      #expect(state["output"] == "/usr/share\ngreen\n", "\(state.text)")
    }
  }

  @Test("a program that ends while no server runs has its exit status told by the next")
  func endsMeanwhile() async throws {
    try await withRoost { roost in
      let gate = try Gate(in: roost)
      let record = try await roost.session([
        "name": "a", "argv": ["/bin/sh", "-c", .string("read go <\(gate.path); exit 7")],
      ])
      try await roost.killServer()
      try await gate.open()
      try await eventually("the program has ended") { !isAlive(record["pid"].integer ?? 0) }
      try await roost.start()
      let after = try await roost.http.get("/sessions/a")
      #expect(after["state"] == "exited" && after["exit_status"] == 7, "\(after.text)")
    }
  }

  @Test("a server that is told to end by a signal leaves its sessions to the next")
  func stopAndStart() async throws {
    try await withRoost { roost in
      let record = try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      try await roost.stopServer()
      #expect(isAlive(record["pid"].integer ?? 0))
      #expect(!fileExists(roost.socketPath))
      try await roost.start()
      #expect(try await roost.http.get("/sessions/a")["pid"] == record["pid"])
    }
  }

  @Test("the socket is for its owner only")
  func socketMode() async throws {
    try await withRoost { roost in
      var status = stat()
      #expect(lstat(roost.socketPath, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o600)
      #expect(status.st_mode & S_IFMT == S_IFSOCK)
    }
  }

  @Test("an ephemeral server ends with its last session")
  func ephemeral() async throws {
    try await withRoost(["--ephemeral"]) { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      let pid = Int(try #require(roost.serverPID))
      try await roost.http.delete("/sessions/a")
      try await eventually("the server is gone") { !isAlive(pid) }
    }
  }

  @Test("no descriptor and no process is left after many sessions")
  func noLeaks() async throws {
    try await withRoost { roost in
      let pid = try #require(roost.serverPID)
      func descriptors() throws -> Int { try FileDescriptors.count(of: pid) }
      func round() async throws {
        for _ in 0..<20 {
          let record = try await roost.session(["argv": ["/bin/true"]])
          let name = record["name"].string ?? ""
          try await roost.wait(name, ["for": "exit"])
          try await roost.http.delete("/sessions/\(name)")
        }
      }
      try await round()
      let before = try descriptors()
      for _ in 0..<3 { try await round() }
      try await eventually("no descriptor is left over") { try descriptors() <= before + 2 }
      #expect(roost.home.processes.count <= 2, "server and keeper")
    }
  }
}

enum FileDescriptors {
  static func count(of pid: pid_t) throws -> Int {
    guard let folder = opendir("/proc/\(pid)/fd") else { throw TestFailure("no /proc/\(pid)/fd") }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    return count - 2
  }
}
