import Formats
import TerminalEngine
import TestKit
import Testing

@Suite("Viewers of different sizes", .bounded)
struct ViewerSizeTests {
  private func size(_ session: TestSession) async throws -> [Int?] {
    let record = try await session.record
    return [record["rows"].integer, record["cols"].integer]
  }

  private func expectSize(_ rows: Int, _ columns: Int, of session: TestSession) async throws {
    try await eventually("the session has \(rows) rows and \(columns) columns") {
      try await self.size(session) == [rows, columns]
    }
  }

  // MARK: Whose size it is

  @Test("the size is that of who came or typed last, and goes back when he leaves")
  func latest() async throws {
    try await withSession { session in
      let first = try await ViewerOfTest.attach(session, 40, 120)
      try await expectSize(40, 120, of: session)
      let second = try await ViewerOfTest.attach(session, 10, 40)
      try await expectSize(10, 40, of: session)
      await first.type("x")
      try await expectSize(40, 120, of: session)
      await second.type("y")
      try await expectSize(10, 40, of: session)
      try await first.takes("who is larger is told") { $0["resized"] == ["rows": 10, "cols": 40] }
      await second.leave()
      try await expectSize(40, 120, of: session)
      await first.leave()
      try await eventually("nobody is left") { try await session.record["clients"] == 0 }
      #expect(try await size(session) == [40, 120])
    }
  }

  @Test("one that leaves without having decided leaves the size as it is")
  func bystander() async throws {
    try await withSession { session in
      let first = try await ViewerOfTest.attach(session, 40, 120)
      let second = try await ViewerOfTest.attach(session, 10, 40)
      await first.type("x")
      try await expectSize(40, 120, of: session)
      try await session.post("resize", ["rows": 33, "cols": 99])
      await second.leave()
      try await eventually("it is gone") { try await session.record["clients"] == 1 }
      #expect(try await size(session) == [33, 99])
      await first.type("y")
      try await expectSize(40, 120, of: session)
    }
  }

  @Test("who only watches never changes a session: by coming, by a size of his own, by leaving")
  func readOnly() async throws {
    try await withSession { session in
      let person = try await ViewerOfTest.attach(session, 20, 60)
      let watcher = try await ViewerOfTest.attach(session, 10, 40, readOnly: true)
      try await watcher.takes("it sees a window") { $0["window"]["rows"] == 10 && $0["window"]["cols"] == 40 }
      await watcher.resize(30, 100)
      await watcher.type("not typed")
      try await watcher.takes("it sees a border") { $0["window"]["rows"] == 20 && $0.rows[20].hasPrefix("──") }
      #expect(try await size(session) == [20, 60])
      await watcher.leave()
      await person.type("typed\r")
      try await session.wait(match: "typed\ntyped")
      #expect(try await size(session) == [20, 60])
    }
  }

  @Test("smallest, largest and fixed decide as they say, and can be changed while people look")
  func policies() async throws {
    try await withSession(["size_policy": "smallest"]) { session in
      let first = try await ViewerOfTest.attach(session, 40, 60)
      let second = try await ViewerOfTest.attach(session, 20, 120)
      try await expectSize(20, 60, of: session)
      await first.type("x")
      await second.resize(50, 110)
      try await expectSize(40, 60, of: session)
      func set(_ policy: String) async throws {
        let record = try await session.client.request("PATCH", session.path, json: ["size_policy": .string(policy)])
        #expect(record.json["size_policy"].string == policy)
      }
      try await set("largest")
      try await expectSize(50, 110, of: session)
      await second.leave()
      try await expectSize(40, 60, of: session)
      try await set("fixed")
      await first.resize(25, 80)
      let third = try await ViewerOfTest.attach(session, 11, 22)
      await third.type("x\r")
      try await session.wait(match: "x")
      #expect(try await size(session) == [40, 60])
      // A caller may still say how large it is.
      try await session.post("resize", ["rows": 24, "cols": 80])
      await third.type("y\r")
      try await session.wait(match: "y")
      #expect(try await size(session) == [24, 80])
      try await set("latest")
      try await expectSize(11, 22, of: session)
    }
  }

  @Test("an unknown policy is refused by its name")
  func unknownPolicy() async throws {
    let answer = try await SharedServer.roost.http.request(
      "POST", "/sessions", json: ["argv": ["/bin/cat"], "size_policy": "huge"])
    #expect(
      answer.status == 400 && answer.json["error"]["message"].string?.contains("size_policy") == true, "\(answer)")
  }

  @Test("a server that takes a session over knows its size and who decides it")
  func adopted() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"], "rows": 33, "cols": 101, "size_policy": "fixed"])
      try await roost.killServer()
      try await roost.start()
      let record = try await roost.http.get("/sessions/a")
      #expect(record["rows"] == 33 && record["cols"] == 101 && record["size_policy"] == "fixed", "\(record.text)")
    }
  }

  // MARK: What each sees

  /// Prints a numbered grid of 24 rows, and then what is typed.
  private static let grid =
    "for i in $(seq 1 24); do printf '\\033[%d;1Hrow %02d %s' $i $i "
    + "$(seq -s- 10 34); done; printf '\\033[2;3H'; exec cat"

  @Test("a smaller one sees a window that follows the cursor, and keeps the session's modes and title")
  func window() async throws {
    try await withScript("printf '\\033[?2004h\\033[?1h\\033]2;the title\\007'; \(Self.grid)", ["size_policy": "fixed"])
    {
      session in
      try await session.wait(match: "row 24")
      let screen = try await session.lines()
      let viewer = try await ViewerOfTest.attach(session, 8, 30)
      func cut(_ row: Int, _ column: Int) -> [String] {
        screen[row..<(row + 8)].map { line in
          var text = String(line.dropFirst(column).prefix(30))
          while text.last == " " { text.removeLast() }
          return text
        }
      }
      try await viewer.takes("the first rows") { $0.rows == cut(0, 0) && $0.cursor == [1, 2] }
      #expect(viewer.modes.bracketedPaste && viewer.modes.applicationCursorKeys)
      #expect(viewer["window"] == ["row": 0, "col": 0, "rows": 8, "cols": 30, "painted": true, "alternate": false])
      await viewer.type("\u{1B}[20;70H\r")
      try await viewer.takes("the window has followed") {
        $0["window"]["row"] == 16 && $0["window"]["col"].integer ?? 0 < 50
      }
    }
  }

  @Test("a larger one sees the screen within a border, and what is written at once")
  func border() async throws {
    try await withScript(Self.grid, ["size_policy": "fixed"]) { session in
      try await session.wait(match: "row 24")
      let screen = try await session.lines()
      let viewer = try await ViewerOfTest.attach(session, 30, 100)
      try await viewer.takes("all of it") { viewer in
        (0..<24).allSatisfy { viewer.rows[$0].hasPrefix(screen[$0]) && viewer.rows[$0].contains("│") }
      }
      #expect(viewer.rows[24].hasPrefix(String(repeating: "─", count: 80) + "┘"))
      #expect(viewer.rows[29] == String(repeating: "·", count: 100))
      await viewer.type("hello")
      try await viewer.takes("the echo") { $0.rows[1].hasPrefix("rohello") }
    }
  }

  @Test("who keeps rows for himself is painted even in the session's own size, and they are never touched")
  func reserved() async throws {
    try await withScript("stty -echo; echo ready; while read -r line; do printf \"$line\"; done") { session in
      try await session.wait(match: "ready")
      let socket = try await session.client.another().webSocket(
        "\(session.path)/ws/raw", subprotocols: ["roost.attach.v1"])
      let viewer = ViewerOfTest(socket, 23, 80, reserved: 1)
      await viewer.resize(23, 80, synchronized: true)
      // Before it has said so, it is shown the program's own bytes, which have all rows.
      try await viewer.takes("it is painted") { $0["window"]["painted"] == true }
      viewer.draw("\u{1B}7\u{1B}[24;1Hstatus\u{1B}8")
      try await viewer.takes("its picture") { $0.rows[0] == "ready" }
      try await expectSize(23, 80, of: session)
      for (text, shown) in [
        ("\\033[2J\\033[Hcleared", "cleared"), ("\\033[r\\033[23;1H\\n\\n\\n\\033[Hscrolled", "scrolled"),
        ("\\033[2;9r\\033[9;1H\\n\\033[Hmargins", "margins"),
      ] {
        await viewer.type(text + "\r")
        try await viewer.takes(shown) { $0.rows[0].hasPrefix(shown) }
        #expect(viewer.rows[23] == "status")
      }
      await viewer.type("\\033[?1049h\\033[Hother\r")
      try await viewer.takes("the other screen") { $0["window"]["alternate"] == true && $0.rows[0].hasPrefix("other") }
      await viewer.type("\\033[?1049l\r")
      try await viewer.takes("the first again") {
        $0["window"]["alternate"] == false && $0.rows[0].hasPrefix("margins")
      }
      #expect(viewer.rows[23] == "status")
    }
  }

  @Test("the mouse of who sees a window is where it is on the screen, in the form that the program wants")
  func mouse() async throws {
    let program = """
      import os, sys, tty
      tty.setraw(0)
      os.write(1, b'\\x1b[?1002;1015h\\x1b[20;60Hready')
      while True:
          read = os.read(0, 100)
          if b'q' in read: break
          os.write(1, b'\\x1b[1;1H\\x1b[K' + read.replace(b'\\x1b', b'ESC') + b'\\x1b[20;60H')
      """
    try await withSession(["argv": ["/usr/bin/env", "python3", "-c", .string(program)], "size_policy": "fixed"]) {
      session in
      try await session.wait(match: "ready")
      let viewer = try await ViewerOfTest.attach(session, 10, 40)
      try await viewer.takes("the window") { $0["window"]["row"].integer ?? 0 > 0 && $0.modes.mouseTracking == .button }
      #expect(viewer.modes.mouseEncoding == .sgr)
      let (row, column) = (viewer["window"]["row"].integer ?? 0, viewer["window"]["col"].integer ?? 0)
      await viewer.type("\u{1B}[<0;3;2M")
      try await session.wait(match: "ESC\\[32;\(column + 3);\(row + 2)M")
    }
  }

  @Test("who has the session's size again gets the program's own bytes again, after a picture")
  func backAndForth() async throws {
    try await withSession { session in
      let viewer = try await ViewerOfTest.attach(session, 20, 60)
      await viewer.type("first\r")
      try await viewer.takes("the echo") { $0.rows[1] == "first" }
      #expect(viewer["window"].isNull)
      let other = try await ViewerOfTest.attach(session, 12, 30)
      try await viewer.takes("it is painted") { $0["window"]["painted"] == true && $0.rows[12].hasPrefix("───") }
      await other.leave()
      try await viewer.takes("it is not") { $0["window"]["painted"] == false && !$0.rows[12].contains("─") }
      await viewer.type("again\r")
      try await viewer.takes("the echo") { $0.rows[0...4] == ["first", "first", "again", "again", ""] }
    }
  }

  @Test("a bell, and a text for the clipboard, reach who is painted")
  func remarks() async throws {
    try await withScript("read x; printf '\\a\\033]52;c;aGVsbG8=\\007done'; exec cat", ["size_policy": "fixed"]) {
      session in
      let socket = try await session.client.another().webSocket(
        "\(session.path)/ws/raw?rows=10&cols=40", subprotocols: ["roost.attach.v1"])
      await socket.type("\r")
      let bytes = try await socket.bytes(until: "\u{1B}]52;c;aGVsbG8=\u{1B}\\")
      #expect(bytes.contains(0x07))
    }
  }

  @Test("ten viewers of ten sizes all see the end of a flood, each in its own size")
  func flood() async throws {
    try await withScript(
      "stty -echo; echo ready; read x; seq -f 'line %.0f of the flood' 1 30000; echo end; exec cat",
      ["size_policy": "fixed"]
    ) {
      session in
      try await session.wait(match: "ready")
      var viewers: [ViewerOfTest] = []
      for index in 0..<10 { viewers.append(try await ViewerOfTest.attach(session, 6 + index * 4, 30 + index * 10)) }
      try await session.type("\r")
      try await session.wait(match: "end\n")
      for viewer in viewers {
        try await viewer.takes("the end") { viewer in
          viewer.rows.contains { $0.hasPrefix("line 30000 of the flood") }
            && viewer.rows.contains { $0 == "end" || $0.hasPrefix("end ") }
        }
        // A picture now and then, and not the flood.
        #expect(viewer.bytesShown < 30_000 * 20)
      }
    }
  }

  @Test("a storm of sizes of several people ends in the last one, and everybody sees the same")
  func storm() async throws {
    try await withScript("stty -echo; echo ready; exec cat") { session in
      try await session.wait(match: "ready")
      let first = try await ViewerOfTest.attach(session, 30, 90)
      let second = try await ViewerOfTest.attach(session, 20, 70)
      for step in 0..<120 {
        await (step % 2 == 0 ? first : second).resize(step % 37 + 1, step * 7 % 130 + 1)
      }
      await first.resize(24, 80)
      await second.resize(21, 71)
      // Two connections have no order.
      try await eventually("the storm is over") {
        try await session.client.get("\(session.path)/clients").array?.map { $0["cols"].integer } == [80, 71]
      }
      await first.resize(25, 81)
      try await expectSize(25, 81, of: session)
      await first.type("after the storm\r")
      for viewer in [first, second] {
        try await viewer.takes("what was typed") { $0.rows.contains { $0.hasPrefix("after the storm") } }
      }
      #expect(second["window"]["rows"] == 21 && second["window"]["cols"] == 71)
    }
  }

  @Test(
    "the smallest and the oddest terminals see what fits",
    arguments: [(1, 1), (2, 500), (300, 1), (1, 80), (1000, 1000)])
  func odd(rows: Int, columns: Int) async throws {
    try await withScript("printf 'text\\033[1;1H'; exec cat", ["size_policy": "fixed"]) { session in
      try await session.wait(match: "text")
      let viewer = try await ViewerOfTest.attach(session, rows, columns)
      try await viewer.takes("the beginning") {
        $0.rows[0].hasPrefix(String("text".prefix(columns))) && $0.cursor == [0, 0]
      }
      #expect(viewer["window"]["rows"].integer == min(rows, 24) && viewer["window"]["cols"].integer == min(columns, 80))
    }
  }

  @Test(
    "a size that is none is refused, one that is too large is cut",
    arguments: [
      "{\"resize\":{\"rows\":0,\"cols\":5}}", "{\"resize\":{\"rows\":10}}",
      "{\"resize\":{\"rows\":\"10\",\"cols\":[]}}",
      "{\"resize\":[10,20]}", "{\"resize\":{\"rows\":1e99,\"cols\":99999999999999999999}}",
    ])
  func hostile(text: String) async throws {
    try await withSession { session in
      let viewer = try await ViewerOfTest.attach(session, 20, 60)
      await viewer.socket.send(text: text)
      try await viewer.takes("it is closed") { $0["closed"]["code"] == 1003 }
      let other = try await ViewerOfTest.attach(session, 20, 60)
      await other.socket.send(
        text: "{\"resize\":{\"rows\":100000,\"cols\":70,\"reserved_rows\":-9999999,\"synchronized\":7}}")
      try await expectSize(1000, 70, of: session)
      await other.socket.send(
        text: "{\"resize\":{\"rows\":5,\"cols\":70,\"reserved_rows\":9223372036854775807,\"more\":[]}}")
      try await expectSize(5, 70, of: session)
    }
  }

  @Test("one that does not read sees, when it does, how it is then")
  func slow() async throws {
    try await withScript(
      "stty -echo; echo ready; read x; seq -f 'line %.0f' 1 20000; echo end; exec cat", ["size_policy": "fixed"]
    ) { session in
      try await session.wait(match: "ready")
      let viewer = try await ViewerOfTest.attach(session, 10, 200)
      await viewer.socket.stopReading()
      try await session.type("\r")
      try await session.wait(match: "end\n")
      await viewer.socket.resumeReading()
      try await viewer.takes("the end") { $0.rows.contains { $0.hasPrefix("end") } }
    }
  }

  @Test("an ended session is shown once more in the viewer's own size")
  func ended() async throws {
    try await withScript("printf 'last words'; exit 3", ["size_policy": "fixed"]) { session in
      try await session.waitForExit()
      let viewer = try await ViewerOfTest.attach(session, 5, 8)
      try await viewer.takes("its end") { $0["exited"]["exit_status"] == 3 }
      #expect(viewer.rows[0] == "ords", "\(viewer.rows)")
    }
  }

  // MARK: Told

  @Test("clients are listed with size, what they see, and who they are")
  func clients() async throws {
    try await withSession(["rows": 24, "cols": 80, "size_policy": "fixed"]) { session in
      let viewers = [
        try await ViewerOfTest.attach(session, 24, 80), try await ViewerOfTest.attach(session, 10, 40),
        try await ViewerOfTest.attach(session, 50, 200, readOnly: true),
      ]
      let plain = try await session.client.another().webSocket("\(session.path)/ws/raw")
      try await eventually("it is there") { try await session.record["clients"] == 4 }
      let events = try await session.client.another().webSocket("\(session.path)/ws/json")
      try await eventually("all are there") { try await session.record["clients"] == 5 }
      let listed = try await session.client.get("\(session.path)/clients").array ?? []
      #expect(listed.map { $0["mode"].string } == ["own_size", "window", "border", "stream", "events"])
      #expect(listed.map { $0["cols"].integer } == [80, 40, 200, nil, nil])
      #expect(listed.map { $0["read_only"].bool } == [false, false, true, false, false])
      #expect(listed.allSatisfy { $0["principal"].string?.hasPrefix("user:") == true }, "\(listed)")
      let table = try await SharedServer.roost.run("clients", session.name).text
      for text in ["40x10", "window", "border, read-only", "own size", "user:"] {
        #expect(table.contains(text), "\(table)")
      }
      for viewer in viewers { await viewer.leave() }
      await plain.close()
      await events.close()
    }
  }

  @Test("roost new --size and roost resize --size say who decides")
  func commandLine() async throws {
    let roost = try await SharedServer.roost
    let made = try await roost.runJSON("new", "sized-by-option", "-d", "--size", "132x50", "--", "/bin/cat")
    #expect(made["rows"] == 50 && made["cols"] == 132 && made["size_policy"] == "fixed", "\(made.text)")
    let latest = try await roost.runJSON("resize", "sized-by-option", "--size", "latest")
    #expect(latest["size_policy"] == "latest" && latest["cols"] == 132)
    let fixed = try await roost.runJSON("resize", "sized-by-option", "--size", "80x24")
    #expect(fixed["size_policy"] == "fixed" && fixed["cols"] == 80 && fixed["rows"] == 24)
    for wrong in ["huge", "80", "0x24", "80x", "1001x5", "80x24x1", "-1x5"] {
      let result = try await roost.run("new", "-d", "--size=\(wrong)", "--", "/bin/cat")
      #expect(result.exitCode == 2, "\(wrong): \(result)")
    }
    #expect(try await roost.run("new", "-d", "--size", "80x24", "--rows", "5", "--", "/bin/cat").exitCode == 2)
    _ = try await roost.run("rm", "sized-by-option")
  }

  @Test("two terminals attached through a hub have each their own size, also when the backend starts anew")
  func throughAHub() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("a", on: "web1")
      func attach(_ rows: Int, _ columns: Int) async throws -> ViewerOfTest {
        let socket = try await hub.http.another().webSocket(
          "/sessions/a/ws/raw?server=web1&rows=\(rows)&cols=\(columns)", subprotocols: ["roost.attach.v1"])
        let viewer = ViewerOfTest(socket, rows, columns, reserved: 1)
        await viewer.resize(rows, columns)
        try await viewer.takes("its picture") { !$0["window"].isNull }
        return viewer
      }
      let large = try await attach(30, 100)
      let small = try await attach(8, 40)
      await large.type("typed by the large one\r")
      for viewer in [large, small] {
        try await viewer.takes("what was typed") { $0.rows[1] == "typed by the large one" }
      }
      #expect(try await hub.http.get("/sessions/a?server=web1")["cols"] == 100)
      #expect(small["window"]["cols"] == 40)
      try await web1.restart()
      for viewer in [large, small] { try await viewer.takes("the gap") { !$0["gap"].isNull } }
      await large.type("after the gap\r")
      for viewer in [large, small] {
        try await viewer.takes("what was typed then") { $0.rows.contains { $0.hasPrefix("after the gap") } }
      }
      // Who came back last had the last word, until somebody types.
      await large.type("once more\r")
      try await eventually("the size is the large one's") {
        try await hub.http.get("/sessions/a?server=web1")["rows"] == 30
      }
      // Nobody who keeps rows for himself is sent anything else than painted pictures.
      #expect(large["window"]["painted"] == true && small["window"]["painted"] == true)
    }
  }
}
