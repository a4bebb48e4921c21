import Formats
import Glibc
import Sys
import TerminalEngine
import TestKit
import Testing

@Suite("At home in an attached session", .bounded)
struct AttachAtHomeTests {
  /// What a terminal shows that was given these bytes, its scrollback above the screen.
  private func shown(_ bytes: [UInt8], rows: Int, columns: Int) -> (lines: [String], screen: [String]) {
    var terminal = Terminal(size: TerminalSize(rows: rows, columns: columns))
    bytes.withUnsafeBytes { terminal.feed($0) }
    var lines: [String] = []
    for line in terminal.firstLine..<terminal.screenTop { lines.append(trimmed(terminal.lineText(line))) }
    return (lines, (0..<rows).map { trimmed(terminal.rowText($0)) })
  }

  private func trimmed(_ text: String) -> String {
    var text = Substring(text)
    while text.last == " " { text.removeLast() }
    return String(text)
  }

  /// A session that has printed so many numbered lines and waits.
  private func counted(_ roost: Roost, _ lines: Int) async throws {
    let script = "seq -f 'line %g' \(lines); printf ready; exec cat"
    try await roost.session(["name": "a", "argv": ["/bin/sh", "-c", .string(script)], "rows": 10, "cols": 40])
    try await roost.wait("a", ["for": "match", "pattern": "^ready$"])
  }

  /// Attaches on an empty terminal that answers in time what it is asked before a session is shown on it. A busy machine may be too late with
  /// that, and then all rows are pushed, as for a terminal that answers nothing: that is begun again.
  private func attachAnswering(
    _ roost: Roost, _ arguments: [String], rows: Int, columns: Int
  ) async throws -> TerminalProcess {
    for _ in 0..<20 {
      let terminal = try TerminalProcess(
        Roost.executable, ["attach", "a"] + arguments, environment: roost.environment, rows: rows, columns: columns)
      try await terminal.expect("\u{1B}[c")
      try terminal.type("\u{1B}[1;1R\u{1B}]11;rgb:1111/2222/3333\u{1B}\\\u{1B}[?62;22c")
      try await terminal.expect("\u{1B}[22;0t\u{1B}[\(rows);1H")
      if try await terminal.expect("\u{1B}[H").isEmpty { return terminal }
      try terminal.type("\u{1C}\u{1C}")
      #expect(try await terminal.waitForExit() == .exited(0))
    }
    throw TestFailure("no answer of the terminal was in time")
  }

  @Test(
    "history goes into the terminal's own scrollback: as much as was asked for, each line once, no blank one among them",
    arguments: [("all", 91), ("none", 0), ("20", 20), ("", 10)])
  func scrollback(wish: String, expected: Int) async throws {
    try await withRoost { roost in
      try await counted(roost, 100)
      let arguments = ["--no-status"] + (wish.isEmpty ? [] : ["--scrollback", wish])
      let terminal = try await attachAnswering(roost, arguments, rows: 10, columns: 40)
      try await terminal.expect("ready")
      let (lines, screen) = shown(terminal.bytes, rows: 10, columns: 40)
      #expect(lines == (0..<expected).map { "line \(92 - expected + $0)" })
      #expect(screen == (92...100).map { "line \($0)" } + ["ready"])
    }
  }

  @Test("with a status line the history is as complete, and the line is below the session")
  func statusLine() async throws {
    try await withRoost { roost in
      try await counted(roost, 100)
      let terminal = try await attachAnswering(roost, ["--status", "--scrollback", "all"], rows: 11, columns: 40)
      try await terminal.expect("\u{1B}[11;1H")
      try await terminal.expect("\u{1B}8")
      #expect(try await roost.http.get("/sessions/a")["rows"] == 10)
      let (lines, screen) = shown(terminal.bytes, rows: 11, columns: 40)
      #expect(lines == (1...91).map { "line \($0)" })
      #expect(screen == (92...100).map { "line \($0)" } + ["ready", " a"])
      // Output moves the session's rows and leaves that of the line alone.
      // One after the other: what is typed at once is echoed at once, before the program has repeated the first of it.
      try terminal.type("x\r")
      try await eventually("the first is repeated") {
        shown(terminal.bytes, rows: 11, columns: 40).screen.suffix(4) == ["readyx", "x", "", " a"]
      }
      try terminal.type("y\r")
      try await eventually("the second is repeated") {
        shown(terminal.bytes, rows: 11, columns: 40).screen.suffix(6) == ["readyx", "x", "y", "y", "", " a"]
      }
      try terminal.type("\u{1C}\u{1C}")
      #expect(try await terminal.waitForExit() == .exited(0))
      let after = shown(terminal.bytes, rows: 11, columns: 40)
      #expect(!(after.lines + after.screen).contains(" a"), "nothing of the line is left")
    }
  }

  @Test("a terminal that answers nothing has no status line, and the session all of it")
  func dumbTerminal() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      let terminal = try roost.terminal("attach", "a", rows: 11, columns: 40)
      try await eventually("it has the size") {
        let record = try await roost.http.get("/sessions/a")
        return record["rows"] == 11 && record["cols"] == 40
      }
      try terminal.type("x\r")
      try await terminal.expect("x\r\nx")
    }
  }

  @Test("what is asked of the raw socket is refused when it is no number")
  func refusals() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      for query in [
        "scrollback=x", "scrollback=-1", "rows=5&cols=5&reserved_rows=-1", "rows=5&cols=5&reserved_rows=x",
        "reserved_rows=1",
      ] {
        await #expect(throws: (any Error).self, "\(query)") {
          try await roost.http.another().webSocket(
            "/sessions/a/ws/raw?\(query)", subprotocols: ["roost.attach.v1"])
        }
      }
    }
  }

  @Test("a viewer that reads slowly gets all of the history, and then the picture")
  func slowViewer() async throws {
    try await withRoost { roost in
      let script =
        "seq -f 'line %g of a history that is long enough to fill every buffer on its way' 9000; printf ready; exec cat"
      try await roost.session(["name": "a", "argv": ["/bin/sh", "-c", .string(script)], "rows": 10, "cols": 100])
      try await roost.wait("a", ["for": "match", "pattern": "^ready$"])
      let socket = try await roost.http.another().webSocket(
        "/sessions/a/ws/raw?rows=10&cols=100&scrollback=10000", subprotocols: ["roost.attach.v1"])
      await socket.stopReading()
      // Others are not held up by it.
      _ = try await roost.http.request("POST", "/sessions/a/input", body: Array("meanwhile\r".utf8))
      try await roost.wait("a", ["for": "match", "pattern": "^meanwhile$"])
      await socket.resumeReading()
      let bytes = try await socket.bytes(until: "meanwhile")
      let (lines, screen) = shown(bytes, rows: 10, columns: 100)
      #expect(lines.count >= 8991)
      #expect(lines.prefix(8990).enumerated().allSatisfy { $1.hasPrefix("line \($0 + 1) of") })
      // Behind what stood there the echo of it, and then the line itself, if that has come already.
      #expect(screen.contains { $0.hasSuffix("meanwhile") }, "\(screen)")
      await socket.close()
    }
  }

  @Test("who is attached is told of others: how many, who types, and another name")
  func news() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      func attach() async throws -> TestWebSocket {
        try await roost.http.another().webSocket(
          "/sessions/a/ws/raw?rows=10&cols=40", subprotocols: ["roost.attach.v1"])
      }
      let (first, second) = (try await attach(), try await attach())
      _ = try await first.nextJSON { $0["clients"]["attached"] == 2 }
      await second.type("x")
      let typed = try await first.nextJSON { !$0["typed"].isNull }
      #expect(typed["typed"]["call"] == false && typed["typed"]["by"].string?.hasPrefix("user:") == true)
      _ = try await roost.http.request("POST", "/sessions/a/input", body: Array("y".utf8))
      // The one that typed is not told of itself: of the two this is the first that it hears.
      let heard = try await second.nextJSON { !$0["typed"].isNull }
      #expect(heard["typed"]["call"] == true)
      _ = try await roost.http.request("PATCH", "/sessions/a", body: Array("{\"name\":\"b\"}".utf8))
      _ = try await first.nextJSON { $0["renamed"] == ["session": "b"] }
      await second.close()
      _ = try await first.nextJSON { $0["clients"]["attached"] == 1 }
      await first.close()
    }
  }

  @Test("bells are counted where sessions are listed")
  func bells() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/sh", "-c", "printf '\\a\\a'; printf done; exec cat"]])
      try await roost.wait("a", ["for": "match", "pattern": "done"])
      #expect(try await roost.http.get("/fleet/sessions")["sessions"][0]["bells"] == 2)
    }
  }

  @Test("how much history a session keeps is said when it is made, in lines or in bytes")
  func history() async throws {
    try await withRoost { roost in
      for (name, size) in [("lines", "50"), ("bytes", "4K"), ("none", "0")] {
        #expect(
          try await roost.run(
            "new", name, "-d", "--history", size, "-c", "seq 100000; printf ready; exec cat"
          ).exitCode == 0)
        try await roost.wait(name, ["for": "match", "pattern": "^ready$"])
      }
      func kept(_ name: String) async throws -> Int {
        (try await roost.http.get("/sessions/\(name)/scrollback?limit=0")["total_lines"].integer ?? -1) - 24
      }
      #expect(try await kept("lines") == 50)
      let bytes = try await kept("bytes")
      #expect((1..<5000).contains(bytes), "\(bytes)")
      #expect(try await kept("none") == 0)
      #expect(try await roost.run("new", "x", "-d", "--history", "2000000").exitCode == 2)
      #expect(try await roost.run("new", "x", "-d", "--history", "many").exitCode == 2)
    }
  }

  @Test("a new session has the caller's variables, less the server's own business; what is set with it counts more")
  func callersEnvironment() async throws {
    try await withRoost { roost in
      let caller = ["MINE": "here", "BOTH": "caller's", "ROOST_TOKEN": "secret", "TMUX": "/tmp/x"]
      #expect(
        try await roost.run(["new", "a", "-d", "-e", "BOTH=option's"], environment: caller).exitCode == 0)
      let run = try await roost.http.post(
        "/sessions/a/run", ["command": "echo $MINE-$BOTH-$ROOST_TOKEN-$TMUX-$TERM-$ROOST_SESSION"])
      #expect(run["output"] == "here-option's---xterm-256color-a\n")
      // One of whom it is not said has the server's.
      try await roost.session(["name": "b", "shell": "/bin/bash"])
      #expect(try await roost.http.post("/sessions/b/run", ["command": "echo [$MINE]"])["output"] == "[]\n")
    }
  }

  @Test("who attaches brings the variables that change from login to login, for sessions that are made from then on")
  func updateEnvironment() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "before", "shell": "/bin/bash"])
      let here = ["SSH_AUTH_SOCK": "/tmp/agent-of-this-login", "DISPLAY": ":7", "MINE": "stays here"]
      let terminal = try roost.terminal("attach", "before", environment: here)
      try await eventually("it is attached") { try await roost.http.get("/sessions/before")["clients"] == 1 }
      func seen(_ session: String) async throws -> JSON {
        try await roost.http.post("/sessions/\(session)/run", ["command": "echo $SSH_AUTH_SOCK $DISPLAY $MINE"])[
          "output"]
      }
      // What it says of itself comes behind its attaching.
      var number = 0
      try await eventually("new sessions have them") {
        number += 1
        try await roost.session(["name": .string("after-\(number)"), "shell": "/bin/bash"])
        return try await seen("after-\(number)") == "/tmp/agent-of-this-login :7\n"
      }
      #expect(try await seen("before") == "\n", "a shell that runs keeps what it has")
      // Who only watches brings nothing.
      let watcher = try roost.terminal("attach", "-r", "before", environment: ["DISPLAY": ":9"])
      try await eventually("both are attached") { try await roost.http.get("/sessions/before")["clients"] == 2 }
      try terminal.type("\u{1C}\u{1C}")
      _ = try await terminal.waitForExit()
      try watcher.type("\u{1C}\u{1C}")
      _ = try await watcher.waitForExit()
      try await roost.session(["name": "last", "shell": "/bin/bash"])
      #expect(try await seen("last") == "/tmp/agent-of-this-login :7\n")
    }
  }
}
