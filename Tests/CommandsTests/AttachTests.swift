import Formats
import Glibc
import Sys
import TestKit
import Testing

@testable import Commands

/// `roost attach` on a real terminal, against a server that does as it is told.
@Suite("Attaching", .timeLimit(.minutes(5)))
struct AttachTests {
  /// Attaches to the session "s", and hands over the terminal and the server's end.
  private func withAttached(
    _ arguments: [String] = [], environment: [String: String] = [:], rows: Int = 24, columns: Int = 80,
    _ body: (TerminalProcess, AttachedPeer, ScriptedServer) async throws -> Void
  ) async throws {
    try await withScratchHome { roost in
      let server = try await ScriptedServer(home: roost.home)
      let terminal = try TerminalProcess(
        Roost.executable, ["attach", "s", "--socket", server.socketPath] + arguments,
        environment: roost.home.environment.merging(environment) { _, new in new }, rows: rows, columns: columns)
      let peer = try await server.nextPeer()
      await peer.show("hello-from-session")
      try await terminal.expect("hello-from-session")
      try await body(terminal, peer, server)
      await server.stop()
    }
  }

  private func typed(_ peer: AttachedPeer, _ text: String) async throws {
    do {
      try await eventually("the session gets \(text.debugDescription)") { await peer.typed == Array(text.utf8) }
    } catch {
      throw TestFailure("\(error), but \(String(decoding: await peer.typed, as: UTF8.self).debugDescription)")
    }
  }

  private let leave = "\u{1c}\u{1c}"

  @Test("what is typed reaches the session, what it writes is shown, and ctrl+\\ twice leaves it")
  func throughAndBack() async throws {
    try await withAttached { terminal, peer, _ in
      #expect(!terminal.isCooked)
      try terminal.type("ls\r\u{3}\u{1a}é")
      try await typed(peer, "ls\r\u{3}\u{1a}é")
      await peer.show("\u{1b}[31mred\u{1b}[m")
      try await terminal.expect("\u{1b}[31mred")
      try terminal.type(leave)
      #expect(try await terminal.waitForExit() == .exited(0))
      try await terminal.expect("[detached from s]")
      #expect(terminal.isCooked)
      try await eventually("the server learns of it") { await peer.isClosed }
    }
  }

  @Test("while the way to the session is lost a bar says so, and the picture that comes then begins on a tidy terminal")
  func gap() async throws {
    try await withAttached(columns: 60) { terminal, peer, _ in
      // An alternate screen with a mouse, and a title that is cut off in the middle.
      await peer.show("\u{1b}[?1049h\u{1b}[?1003h\u{1b}[4h\u{1b}]2;half a ti")
      try await terminal.expect("half a ti")
      await peer.tell(["gap": ["reason": "the connection to web1 was lost\u{1b}[2J"]])
      let before = try await terminal.expect("roost: the connection to web1 was lost^[[2J; waiting")
      // The title ends before anything is painted; the bar is on the first line.
      #expect(before.hasPrefix("\u{1b}\\") && before.contains("\u{1b}[H\u{1b}[0;7m"), "\(before.debugDescription)")
      let rest = try await terminal.expect("\u{1b}8")
      // As much as fits into the line.
      #expect(!rest.contains("leaves"), "\(rest.debugDescription)")
      try terminal.resize(rows: 24, columns: 100)
      try await terminal.expect("waiting for it (ctrl+\\ ctrl+\\ leaves)")
      try terminal.type("typed meanwhile")
      try await typed(peer, "typed meanwhile")
      await peer.tell(["attached": ["session": "s", "generation": 7]])
      await peer.show("\u{1b}[!p\u{1b}[2Jthe picture")
      let tidying = try await terminal.expect("\u{1b}[!p\u{1b}[2Jthe picture")
      for unset in ["\u{1b}\\", "\u{1b}[?1049l", "\u{1b}[?1000;1002;1003", "\u{1b}[r"] {
        #expect(tidying.contains(unset), "\(tidying.debugDescription)")
      }
      // Nothing more of it after that.
      await peer.show("and on")
      #expect(try await terminal.expect("and on") == "")
      try terminal.type(leave)
      #expect(try await terminal.waitForExit() == .exited(0))
      try await terminal.expect("what it wrote then is not in this terminal, but 'roost scrollback s' has it]")
      try await terminal.expect("[detached from s]")
    }
  }

  @Test("a session that is back at once is only painted anew, and one that does not come back ends as ever")
  func shortGap() async throws {
    try await withAttached { terminal, peer, _ in
      await peer.tell(["gap": ["reason": "the connection to web1 was lost"]], thenShow: "\u{1b}[2Jthe picture")
      let tidying = try await terminal.expect("\u{1b}[2Jthe picture")
      #expect(tidying.contains("\u{1b}[r") && !tidying.contains("roost:"), "\(tidying.debugDescription)")
      await peer.tell(["gap": ["reason": "the connection to web1 was lost"]])
      try await terminal.expect("waiting for it")
      await peer.close(code: 1012, reason: "the connection to web1 was lost")
      #expect(try await terminal.waitForExit() == .exited(7))
      try await terminal.expect("the connection to the server was lost: the connection to web1 was lost")
    }
  }

  @Test(
    "while the way is only silent a bar says so, and when it goes on the session is painted once more, but only for a bar"
  )
  func waiting() async throws {
    try await withAttached(columns: 100) { terminal, peer, _ in
      await peer.tell(["waiting": ["reason": "no word from web1"]])
      await peer.tell(["resumed": [:]])
      await peer.tell(["waiting": ["reason": "no word from web1: it has not answered for 5 s"]])
      try await terminal.expect("roost: no word from web1: it has not answered for 5 s; waiting for it")
      #expect(await !peer.messages.contains(["repaint": [:]]))
      try terminal.type("typed meanwhile")
      try await typed(peer, "typed meanwhile")
      await peer.tell(["resumed": [:]])
      try await eventually("a picture is asked for") { await peer.messages.contains(["repaint": [:]]) }
      // It may turn out to be lost: what comes then is a picture of itself.
      await peer.tell(["waiting": ["reason": "no word from web1"]])
      try await terminal.expect("no word from web1; waiting")
      await peer.tell(["gap": ["reason": "the connection to web1 was lost"]])
      try await terminal.expect("the connection to web1 was lost; waiting")
      await peer.show("\u{1b}[2Jthe picture")
      #expect(try await terminal.expect("\u{1b}[2Jthe picture").contains("\u{1b}[r"))
      #expect(await peer.messages.count { $0 == ["repaint": [:]] } == 1)
      try terminal.type(leave)
      #expect(try await terminal.waitForExit() == .exited(0))
    }
  }

  @Test("a single ctrl+\\ reaches the session")
  func singlePress() async throws {
    try await withAttached { terminal, peer, _ in
      try terminal.type("\u{1c}")
      try await typed(peer, "\u{1c}")
      try terminal.type(leave)
      #expect(try await terminal.waitForExit() == .exited(0))
    }
  }

  @Test("a detach key of one's own works, from the option and from the variable", arguments: [true, false])
  func ownKey(isOption: Bool) async throws {
    let arguments = isOption ? ["--detach-key", "ctrl+b d"] : []
    let environment = isOption ? [:] : ["ROOST_DETACH_KEY": "ctrl+b d"]
    try await withAttached(arguments, environment: environment) { terminal, peer, _ in
      try terminal.type("\u{2}x\u{1c}\u{1c}")
      try await typed(peer, "\u{2}x\u{1c}\u{1c}")
      try terminal.type("\u{2}")
      try terminal.type("d")
      #expect(try await terminal.waitForExit() == .exited(0))
    }
  }

  @Test("the session gets the size of the terminal, at first and whenever it changes")
  func sizes() async throws {
    try await withAttached(rows: 31, columns: 97) { terminal, peer, _ in
      try await eventually("the first size arrives") {
        await peer.messages.contains(["resize": ["rows": 31, "cols": 97]])
      }
      try terminal.resize(rows: 40, columns: 120)
      try await eventually("the second size arrives") {
        await peer.messages.contains(["resize": ["rows": 40, "cols": 120]])
      }
      try terminal.type(leave)
      #expect(try await terminal.waitForExit() == .exited(0))
    }
  }

  @Test("a viewer who only reads sends nothing but can leave")
  func readOnly() async throws {
    try await withAttached(["--readonly"]) { terminal, peer, server in
      #expect(server.targets.contains("GET /sessions/s/ws/raw?readonly=true&rows=24&cols=80"))
      try terminal.type("rm -rf /\r")
      try terminal.type(leave)
      #expect(try await terminal.waitForExit() == .exited(0))
      #expect(await peer.typed.isEmpty)
      #expect(await peer.messages.allSatisfy { $0.members?.first?.name == "resize" }, "its size is its own affair")
    }
  }

  @Test("answers of the terminal to questions that the session asked are not typed into it")
  func noDoubleAnswers() async throws {
    try await withAttached { terminal, peer, _ in
      try terminal.type("a\u{1b}[?62;22cb\u{1b}[24;80Rc\u{1b}]11;rgb:0/0/0\u{7}d")
      try await typed(peer, "abcd")
      try terminal.type(leave)
      _ = try await terminal.waitForExit()
    }
  }

  // MARK: The terminal afterwards

  /// What every way out must leave behind: cooked mode, and everything that the session set unset.
  private func expectRestored(_ terminal: TerminalProcess) async throws {
    for sequence in ["\u{1b}[?1049l", "\u{1b}[?1000;", "2004l", "\u{1b}[?25h"] {
      try await terminal.expect(sequence, within: .seconds(5))
    }
    #expect(terminal.isCooked)
  }

  /// A session in the middle of a full-screen program with everything turned on.
  private let fullScreen = "\u{1b}[?1049h\u{1b}[?1003h\u{1b}[?1006h\u{1b}[?2004h\u{1b}[?25l\u{1b}[>1uEDITOR"

  @Test("leaving a full-screen program puts the terminal back")
  func leavesFullScreen() async throws {
    try await withAttached { terminal, peer, _ in
      await peer.show(fullScreen)
      try await terminal.expect("EDITOR")
      try terminal.type(leave)
      #expect(try await terminal.waitForExit() == .exited(0))
      try await expectRestored(terminal)
    }
  }

  @Test(
    "a signal puts the terminal back and tells itself by the exit status",
    arguments: [SIGTERM, SIGHUP, SIGINT, SIGQUIT])
  func signals(number: CInt) async throws {
    try await withAttached { terminal, peer, _ in
      await peer.show(fullScreen)
      try await terminal.expect("EDITOR")
      terminal.signal(number)
      #expect(try await terminal.waitForExit() == .exited(128 + number))
      try await expectRestored(terminal)
    }
  }

  @Test("a crash of the program itself puts the terminal back", arguments: [SIGSEGV, SIGILL, SIGABRT])
  func crash(number: CInt) async throws {
    try await withAttached { terminal, peer, _ in
      await peer.show(fullScreen)
      try await terminal.expect("EDITOR")
      terminal.signal(number)
      #expect(try await terminal.waitForExit() == .signaled(number))
      try await expectRestored(terminal)
    }
  }

  @Test("the end of the session is told, after its last output")
  func sessionEnds() async throws {
    try await withAttached { terminal, peer, _ in
      await peer.show("last words")
      await peer.tell(["exited": ["exit_status": 7, "exit_signal": nil]])
      await peer.close()
      #expect(try await terminal.waitForExit() == .exited(0))
      try await terminal.expect("last words")
      try await terminal.expect("[s has ended: exit status 7]")
      #expect(terminal.isCooked)
    }
  }

  @Test("being detached from elsewhere is told with its reason")
  func detachedFromElsewhere() async throws {
    try await withAttached { terminal, peer, _ in
      await peer.tell(["detached": ["reason": "somebody asked for it"]])
      await peer.close()
      #expect(try await terminal.waitForExit() == .exited(0))
      try await terminal.expect("[detached from s: somebody asked for it]")
    }
  }

  @Test("a server that goes away puts the terminal back and says so")
  func serverGone() async throws {
    try await withAttached { terminal, peer, server in
      await peer.show(fullScreen)
      try await terminal.expect("EDITOR")
      await server.stop()
      #expect(try await terminal.waitForExit() == .exited(ExitCode.noServer.rawValue))
      try await expectRestored(terminal)
      try await terminal.expect("the connection to the server was lost")
    }
  }

  @Test("a program that floods the terminal can be left, and all of its output was shown until then")
  func flood() async throws {
    try await withAttached { terminal, peer, _ in
      for _ in 0..<200 { await peer.show(String(repeating: "x", count: 10_000)) }
      await peer.show("END-OF-FLOOD")
      try await terminal.expect("END-OF-FLOOD")
      try terminal.type(leave)
      #expect(try await terminal.waitForExit() == .exited(0))
    }
  }

  @Test("a large paste arrives whole")
  func paste() async throws {
    try await withAttached { terminal, peer, _ in
      let text = (0..<20_000).map { "line \($0)\r" }.joined()
      try await onThread { try terminal.type(text) }
      try await eventually("the paste arrives") { await peer.typed.count == text.utf8.count }
      #expect(await peer.typed == Array(text.utf8))
      try terminal.type(leave)
      #expect(try await terminal.waitForExit() == .exited(0))
    }
  }

  // MARK: Refusals

  @Test("a session is not shown inside itself, unless that is forced")
  func nesting() async throws {
    try await withScratchHome { roost in
      let server = try await ScriptedServer(home: roost.home)
      let inside = roost.home.environment.merging(["ROOST_SESSION": "s", "ROOST_SOCKET": server.socketPath]) { _, new in
        new
      }
      let refused = try TerminalProcess(Roost.executable, ["attach", "s"], environment: inside)
      #expect(try await refused.waitForExit() == .exited(ExitCode.refused.rawValue))
      try await refused.expect("--force")
      let forced = try TerminalProcess(Roost.executable, ["attach", "s", "--force"], environment: inside)
      let peer = try await server.nextPeer()
      await peer.show("inside")
      try await forced.expect("inside")
      try forced.type(leave)
      #expect(try await forced.waitForExit() == .exited(0))
      await server.stop()
    }
  }

  @Test("without a terminal there is nothing to attach, and a session that has ended is not attached to")
  func refusals() async throws {
    try await withScratchHome { roost in
      let server = try await ScriptedServer(home: roost.home, state: "exited")
      let piped = try await roost.run("attach", "s", "--socket", server.socketPath)
      #expect(piped.exitCode == ExitCode.usage.rawValue, "\(piped)")
      let ended = try roost.terminal("attach", "s", "--socket", server.socketPath)
      #expect(try await ended.waitForExit() == .exited(ExitCode.conflict.rawValue))
      try await ended.expect("exited 3")
      let missing = try roost.terminal("attach", "x", "--socket", server.socketPath)
      #expect(try await missing.waitForExit() == .exited(ExitCode.notFound.rawValue))
      await server.stop()
    }
  }
}

@Suite("Without a server")
struct NoServerTests {
  @Test(
    "a command that needs a server says that none runs",
    arguments: [
      ["ls"], ["status"], ["stop"], ["send", "s", "x"], ["token", "ls"], ["call"], ["run", "s", "--", "ls"],
    ])
  func noServer(arguments: [String]) async throws {
    try await withScratchHome { roost in
      let result = try await roost.run(arguments)
      #expect(result.exitCode == ExitCode.noServer.rawValue, "\(result)")
      #expect(result.errorText.contains("no server"))
      #expect(result.output.isEmpty)
    }
  }

  @Test("with --json the failure is JSON too")
  func jsonFailure() async throws {
    try await withScratchHome { roost in
      let result = try await roost.run("ls", "--json")
      #expect(try JSON(parsing: result.errors)["error"]["code"] == "no_server")
      let usage = try await roost.run("ls", "--json", "--frob")
      #expect(try JSON(parsing: usage.errors)["error"]["code"] == "usage")
      #expect(usage.exitCode == ExitCode.usage.rawValue)
    }
  }

  @Test("help, version, completions and the manual page need nothing")
  func offline() async throws {
    try await withScratchHome { roost in
      for arguments in [["help"], ["--help"], ["version"], ["--version"], ["completions", "bash"], ["help", "--man"]] {
        let result = try await roost.run(arguments)
        #expect(result.exitCode == 0, "\(result)")
        #expect(!result.output.isEmpty && result.errors.isEmpty)
        #expect(!result.text.contains("\u{1b}"))
      }
    }
  }

  @Test("a reader that goes away early ends the program quietly")
  func closedPipe() async throws {
    try await withScratchHome { roost in
      let result = try await runProcess(
        "/bin/sh", ["-c", "\"$1\" help --man | true", "sh", Roost.executable], environment: roost.environment)
      #expect(result.exitCode == 0, "\(result)")
      #expect(result.errors.isEmpty)
    }
  }
}
