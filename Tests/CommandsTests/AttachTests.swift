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
        Roost.executable,
        ["attach", "s", "--socket", server.socketPath, "--no-status", "--scrollback", "none"] + arguments,
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
      await peer.tell(["waiting": ["reason": "no word from web1"]], then: ["resumed": [:]])
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
      // Its first key is the prefix as well; z is no key behind that.
      try terminal.type("\u{2}z\u{1c}\u{1c}")
      try await typed(peer, "\u{2}z\u{1c}\u{1c}")
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

  // MARK: At home

  /// Attaches on a terminal that answers what it is asked, and hands over the terminal and both ends of the server.
  private func withHome(
    _ arguments: [String] = [], environment: [String: String] = [:], rows: Int = 24, columns: Int = 100,
    answers: [String: JSON] = [:], refuses: [String] = [], cursor: String = "5;1",
    _ body: (TerminalProcess, AttachedPeer, ScriptedServer) async throws -> Void
  ) async throws {
    try await withScratchHome { roost in
      let server = try await ScriptedServer(home: roost.home, answers: answers, refuses: refuses)
      let terminal = try TerminalProcess(
        Roost.executable, ["attach", "s", "--socket", server.socketPath] + arguments,
        environment: roost.home.environment.merging(["ROOST_TERMINAL_PATIENCE_MS": "10000"]) { _, new in new }
          .merging(environment) { _, new in new }, rows: rows, columns: columns)
      try await terminal.expect("\u{1b}[6n\u{1b}]10;?\u{1b}\\\u{1b}]11;?\u{1b}\\\u{1b}[c")
      try terminal.type(
        "\u{1b}[\(cursor)R\u{1b}]10;rgb:ffff/ffff/ffff\u{1b}\\\u{1b}]11;rgb:1010/2020/3030\u{1b}\\\u{1b}[?62;22c")
      let peer = try await server.nextPeer()
      await peer.tell(["window": ["painted": true]], thenShow: "hello-from-session")
      try await terminal.expect("hello-from-session")
      try await body(terminal, peer, server)
      await server.stop()
    }
  }

  private func told(_ peer: AttachedPeer, _ what: String, _ isIt: @Sendable @escaping (JSON) -> Bool) async throws {
    try await eventually(what) { await peer.messages.contains(where: isIt) }
  }

  private func leaves(_ terminal: TerminalProcess) async throws {
    try terminal.type(leave)
    #expect(try await terminal.waitForExit() == .exited(0))
    #expect(terminal.isCooked)
  }

  private let fleet: JSON = [
    "servers": [["name": "here", "server_id": "h"]],
    "sessions": [
      [
        "id": "id-of-s", "name": "s", "server": "here", "server_id": "h", "state": "prompt", "generation": 1,
        "bells": 0,
      ],
      [
        "id": "id-of-t", "name": "t", "server": "here", "server_id": "h", "state": "busy", "command": "make",
        "generation": 1,
      ],
    ],
  ]

  @Test("a terminal that answers gets a status line, and the session the rows above it")
  func statusLine() async throws {
    try await withHome(["--scrollback", "all"], rows: 24) { terminal, peer, server in
      #expect(
        server.targets.contains {
          // An answer that comes after 0.15 s gives it the row later.
          $0.hasPrefix("GET /sessions/s/ws/raw?rows=23&cols=100&scrollback=") && $0.hasSuffix("&reserved_rows=1")
            || $0.hasPrefix("GET /sessions/s/ws/raw?rows=24&cols=100&scrollback=") && $0.hasSuffix("&reserved_rows=0")
        }, "\(server.targets)")
      try await told(peer, "its size, less a row") {
        $0 == ["resize": ["rows": 23, "cols": 100, "reserved_rows": 1, "synchronized": true]]
      }
      try await told(peer, "its colours") { $0 == ["colors": ["foreground": "#ffffff", "background": "#102030"]] }
      #expect(await peer.typed.isEmpty, "its answers are no input")
      await peer.tell(["clients": ["attached": 3]])
      let line = try await terminal.expect("2 others here")
      #expect(line.contains("\u{1b}[24;1H") && line.contains(" s "), "\(line.debugDescription)")
      await peer.tell(["typed": ["by": "user:0", "call": true]])
      try await terminal.expect("an agent types")
      await peer.tell(["renamed": ["session": "other"]])
      try await terminal.expect(" other ")
      // Too small for one, and high enough again.
      try terminal.resize(rows: 15, columns: 100)
      try await told(peer, "all 15 rows") {
        $0 == ["resize": ["rows": 15, "cols": 100, "reserved_rows": 0, "synchronized": true]]
      }
      try terminal.resize(rows: 16, columns: 100)
      try await told(peer, "15 of 16 rows") { $0["resize"]["rows"] == 15 && $0["resize"]["reserved_rows"] == 1 }
      try await terminal.expect("\u{1b}[16;1H")
      try await leaves(terminal)
      try await terminal.expect("[detached from other]")
    }
  }

  @Test("what is on the terminal is kept above the session, without blank lines between")
  func noBlankLines() async throws {
    try await withHome(cursor: "5;1") { terminal, _, _ in
      let after = try #require(terminal.output.split(separator: "\u{1b}[22;0t", maxSplits: 1).last)
      let fed = after.utf8.prefix { $0 != UInt8(ascii: "h") }.count { $0 == 10 }
      #expect(fed == 4)
      try await leaves(terminal)
    }
  }

  @Test("a server that knows nothing of it shows the session on all rows")
  func olderServer() async throws {
    try await withHome(refuses: ["reserved_rows", "scrollback"]) { terminal, peer, server in
      #expect(server.targets.contains("GET /sessions/s/ws/raw?rows=24&cols=100"))
      try await told(peer, "all rows") { $0 == ["resize": ["rows": 24, "cols": 100]] }
      await peer.tell(["clients": ["attached": 3]], thenShow: "and on")
      #expect(try await !terminal.expect("and on").contains("others"))
      try await leaves(terminal)
    }
  }

  @Test("while the keys are listed the session is not shown, and is painted anew afterwards")
  func help() async throws {
    try await withHome { terminal, peer, _ in
      try terminal.type("\u{1c}?")
      try await terminal.expect("leave the session; it goes on")
      try terminal.type("q")
      try await told(peer, "a picture is asked for") { $0 == ["repaint": [:]] }
      await peer.show("the picture")
      try await terminal.expect("the picture")
      try terminal.type("typed")
      try await typed(peer, "typed")
      try terminal.type("\u{1c}?")
      try await terminal.expect("leave the session; it goes on")
      // The end comes behind it, so it has been taken by then.
      await peer.show("not now")
      await peer.tell(["exited": ["exit_status": 0, "exit_signal": nil]])
      await peer.close()
      #expect(try await terminal.waitForExit() == .exited(0))
      try await terminal.expect("[s has ended: exit status 0]")
      #expect(!terminal.output.contains("not now"))
      #expect(terminal.isCooked)
    }
  }

  @Test("ctrl+\\ twice leaves from everywhere")
  func leavesFromOverlays() async throws {
    try await withHome { terminal, _, _ in
      try terminal.type("\u{1c}?")
      try await terminal.expect("leave the session; it goes on")
      try await leaves(terminal)
    }
  }

  @Test("a session is renamed and ended from where it is shown, ended only when that is confirmed")
  func renameAndKill() async throws {
    try await withHome(answers: ["/sessions/s/kill": ["name": "s"]]) { terminal, peer, server in
      try terminal.type("\u{1c}$")
      try await terminal.expect("new name of s: s")
      try terminal.type("\u{15}better\r")
      try await eventually("it is renamed") { server.targets.contains("PATCH /sessions/s") }
      try await told(peer, "a picture is asked for") { $0 == ["repaint": [:]] }
      try terminal.type("\u{1c}x")
      try await terminal.expect("end ")
      try terminal.type("n")
      try await eventually("the question is gone") { await peer.messages.count { $0 == ["repaint": [:]] } == 2 }
      #expect(!server.targets.contains("POST /sessions/s/kill"))
      try terminal.type("\u{1c}x")
      try await terminal.expect("(y/n)")
      try terminal.type("y")
      try await eventually("it is ended") { server.targets.contains("POST /sessions/s/kill") }
      await peer.tell(["exited": ["exit_status": nil, "exit_signal": "SIGHUP"]])
      await peer.close()
      #expect(try await terminal.waitForExit() == .exited(0))
      try await terminal.expect("has ended: ended by SIGHUP]")
    }
  }

  @Test("who only watches changes nothing from the keyboard either")
  func readOnlyKeys() async throws {
    try await withHome(["--readonly"]) { terminal, peer, server in
      try terminal.type("\u{1c}x")
      try await terminal.expect("read-only: nothing can be ended from here")
      try terminal.type("\u{1c}$")
      try await terminal.expect("read-only: nothing can be renamed from here")
      try await leaves(terminal)
      #expect(await peer.typed.isEmpty)
      #expect(!server.targets.contains { $0.hasPrefix("PATCH") || $0.hasPrefix("POST") })
    }
  }

  @Test("another session is chosen from the list, and the last one is a key away")
  func switching() async throws {
    try await withHome(answers: ["/fleet/sessions": fleet]) { terminal, peer, server in
      try terminal.type("\u{1c}w")
      try await terminal.expect("session:")
      try terminal.type("make\r")
      let other = try await server.nextPeer()
      await other.show("hello from t")
      try await terminal.expect("hello from t")
      try await eventually("the first is left") { await peer.isClosed }
      try terminal.type("for t")
      try await typed(other, "for t")
      #expect(await peer.typed.isEmpty)
      // Back, and what is typed at once goes to the session that comes.
      try terminal.type("\u{1c}lfor s")
      let again = try await server.nextPeer()
      await again.show("s again")
      try await terminal.expect("s again")
      try await typed(again, "for s")
      try terminal.type("\u{1c}n")
      let next = try await server.nextPeer()
      await next.show("t again")
      try await terminal.expect("t again")
      try await leaves(terminal)
      try await terminal.expect("[detached from t]")
    }
  }

  @Test("a session that cannot be opened leaves one where one was")
  func switchingFails() async throws {
    var gone = fleet
    if case .object(var members) = gone {
      members[1].value = [
        ["id": "id-of-s", "name": "s", "server_id": "h", "state": "prompt"],
        ["id": "id-of-x", "name": "x", "server_id": "h", "state": "prompt"],
      ]
      gone = .object(members)
    }
    try await withHome(answers: ["/fleet/sessions": gone]) { terminal, peer, _ in
      try terminal.type("\u{1c}n")
      try await terminal.expect("Session not found")
      try terminal.type("still here")
      try await typed(peer, "still here")
      try await leaves(terminal)
    }
  }

  @Test("the history is searched, and what is found is shown")
  func search() async throws {
    let lines = (0..<200).map { JSON.string($0 == 60 ? "the NEEDLE" : "line \($0)") }
    let answer: JSON = ["total_lines": 200, "offset": 0, "lines": .array(lines)]
    try await withHome(answers: ["/sessions/s/scrollback": answer]) { terminal, peer, _ in
      try terminal.type("\u{1c}/")
      try await terminal.expect("/ ")
      try terminal.type("needle\r")
      try await terminal.expect("\u{1b}[7mthe NEEDLE")
      try terminal.type("n")
      try await terminal.expect("no older line has needle")
      try terminal.type("q")
      try await told(peer, "a picture is asked for") { $0 == ["repaint": [:]] }
      #expect(await peer.typed.isEmpty)
      try await leaves(terminal)
    }
  }

  @Test(
    "a prefix of one's own, and none at all, from the configuration file; what is wrong in it is said with its line")
  func configuration() async throws {
    try await withScratchHome { roost in
      let server = try await ScriptedServer(home: roost.home)
      _ = try await runProcess("/bin/mkdir", ["\(roost.home.path)/config/roost"], environment: roost.environment)
      func attach(_ text: String) async throws -> TerminalProcess {
        try roost.home.write(text, to: "config/roost/client.toml")
        return try TerminalProcess(
          Roost.executable, ["attach", "s", "--socket", server.socketPath], environment: roost.home.environment)
      }
      let own = try await attach("prefix = \"ctrl+a\"\nstatus = false\nscrollback = \"none\"\n")
      let peer = try await server.nextPeer()
      #expect(server.targets.last == "GET /sessions/s/ws/raw?rows=24&cols=80")
      await peer.show("shown")
      try await own.expect("shown")
      try own.type("\u{1c}?x\u{1}?")
      try await own.expect("Press ctrl+a")
      try await typed(peer, "\u{1c}?x")
      try await leaves(own)
      let wrong = try await attach("status = false\nprefx = \"ctrl+a\"\n")
      #expect(try await wrong.waitForExit() == .exited(ExitCode.usage.rawValue))
      try await wrong.expect("client.toml: line 2: unknown key 'prefx'")
      await server.stop()
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
