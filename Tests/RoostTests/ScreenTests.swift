import Formats
import TestKit
import Testing

@Suite("The screen", .bounded)
struct ScreenTests {
  @Test("a new session shows an empty screen and no history")
  func empty() async throws {
    try await withSession { session in
      let screen = try await session.screen(format: "styled")
      #expect(screen["total_lines"] == 24)
      #expect(screen["first_line_index"] == 0)
      #expect(screen["epoch"] == 0)
      #expect(screen["lines"].array?.count == 24)
      #expect(screen["lines"].array?.allSatisfy { $0 == [] } == true)
      #expect(screen["cursor"] == ["row": 0, "col": 0, "visible": true])
      #expect(screen["alternate_active"] == false)
      #expect(screen["last_activity_ms"].integer != nil)
    }
  }

  @Test("colours and attributes are told span by span")
  func styled() async throws {
    let text = "plain \\033[1;31mbold red\\033[0m \\033[4;38;5;200mindexed\\033[0m \\033[7;48;2;1;2;3mrgb\\033[0m"
    try await withScript("printf '\(text)'; exec cat") { session in
      try await session.wait(match: "rgb")
      let spans = try await session.screen(format: "styled")["lines"][0].array ?? []
      #expect(spans.map(\.["text"].string) == ["plain ", "bold red", " ", "indexed", " ", "rgb"])
      #expect(spans[1] == ["text": "bold red", "fg": ["indexed": 1], "bold": true])
      #expect(spans[3] == ["text": "indexed", "fg": ["indexed": 200], "underline": true])
      #expect(spans[5]["bg"] == ["rgb": ["r": 1, "g": 2, "b": 3]])
      #expect(spans[5]["inverse"] == true)
      #expect(try await session.text() == "plain bold red indexed rgb")
    }
  }

  @Test("a picture that would be too long loses its colours towards its end, and none of its text")
  func longPicture() async throws {
    let colours =
      #"awk 'BEGIN { for (i = 0; i < 299; i++) { s = ""; for (c = 0; c < 400; c++) s = s "\033[38;2;" (c % 256) ";200;200;48;2;200;200;" (i % 256) "mx"; print s "\033[m" } }'"#
    try await withSession(["rows": 300, "cols": 400, "command": .string(colours + "; exec cat")]) { session in
      try await session.wait(["for": "idle", "idle_ms": 500, "format": "plain"])
      let response = try await session.client.request("GET", "\(session.path)/screen?format=styled")
      #expect(response.body.count > 8 << 20 && response.body.count < 9 << 20)
      let lines = response.json["lines"].array?.dropLast() ?? []
      #expect(lines.count == 299 && lines.first?.array?.count == 400)
      #expect(lines.last == [["text": .string(String(repeating: "x", count: 400))]])
    }
  }

  @Test(
    "a history that takes several turns is told whole, and one too large to tell at once is refused with what to do")
  func largeHistory() async throws {
    // Every cell of another colour than its neighbour.
    let colours =
      #"awk 'BEGIN { for (i = 0; i < 760; i++) { s = ""; for (c = 0; c < 480; c++) s = s "\033[3" (c % 7) ";4" ((c + i) % 7) "mx"; print s "\033[m" } }'"#
    try await withSession(["rows": 24, "cols": 500, "command": .string(colours + "; exec cat")]) { session in
      try await session.wait(["for": "idle", "idle_ms": 500])
      let all = try await session.client.request("GET", "\(session.path)/scrollback?limit=10000")
      #expect(all.status == 413 && all.errorCode == "answer_too_large", "\(all.status)")
      var count = 0
      while true {
        let page = try await session.client.get("\(session.path)/scrollback?limit=200&offset=\(count)")
        let lines = page["lines"].array ?? []
        count += lines.count
        #expect(page["offset"].integer == count - lines.count)
        if lines.isEmpty || count >= page["total_lines"].integer ?? 0 { break }
        #expect(lines.count < 200 || Set(lines.map { $0.array?.count }) == [480])
      }
      #expect(count >= 760)
    }
    try await withScript("seq -f '%060.0f' 9000; exec cat") { session in
      try await session.wait(match: "^0+9000$")
      let lines = try await session.history()
      #expect(lines.map { Int($0) } == Array(1...9000).map { $0 })
      // Few are written at a time; those who have to wait for that, and one who does not, are told the same.
      let clients = (0..<12).map { _ in session.client.another() }
      let whole = try await withThrowingTaskGroup(of: Int?.self) { group in
        for client in clients {
          group.addTask { try await client.get("\(session.path)/scrollback?limit=10000")["lines"].array?.count }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(Set(whole).count == 1 && (whole.first ?? 0) ?? 0 >= 9000, "\(whole)")
    }
  }

  @Test(
    "wide, combined and zero-width characters keep their columns, and joined ones the two of a cluster where asked for",
    arguments: [("", 15), ("\\033[?2027h", 11)])
  func wide(_ mode: String, _ column: Int) async throws {
    try await withScript("printf '\(mode)日本|é|👩‍👩‍👧|x'; exec cat") { session in
      try await session.wait(match: "x")
      #expect(try await session.text() == "日本|é|👩‍👩‍👧|x")
      #expect(try await session.screen()["cursor"]["col"].integer == column)
    }
  }

  @Test(
    "a program gets the size it asks for while nobody looks, before the rest of what it prints is shown or answered",
    arguments: [
      ("[8;30;100t", 30, 100), ("[30t", 30, 80), ("[?40h\\033[?3h", 24, 132), ("[132$|", 24, 132), ("[30*|", 30, 80),
    ])
  func wishedSize(_ sequence: String, _ rows: Int, _ columns: Int) async throws {
    // What the terminal answers comes to cat, which shows it.
    let script = "stty raw -echo; printf '\\033\(sequence)\\033[18t'; exec cat -v"
    try await withScript(script) { session in
      try await session.wait(match: #"\^\[\[8;\#(rows);\#(columns)t"#)
      let record = try await session.record
      #expect(record["rows"].integer == rows)
      #expect(record["cols"].integer == columns)
    }
  }

  @Test("a title is typed back to the program only in a session that allows it")
  func titleReport() async throws {
    let script = "stty raw -echo; printf '\\033]2;a title\\007\\033[21t\\033[5n'; exec cat -v"
    try await withScript(script) { session in
      try await session.wait(match: #"\[0n"#)
      #expect(try await session.text() == "^[[0n")
    }
    try await withScript(script, ["allow_title_report": true]) { session in
      try await session.wait(match: #"\[0n"#)
      #expect(try await session.text() == #"^[]la title^[\^[[0n"#)
    }
  }

  @Test("a format that does not exist is refused")
  func format() async throws {
    try await withSession { session in
      for path in [
        "screen?format=html", "scrollback?format=html", "screen?since=x", "screen?since=-1", "scrollback?offset=-1",
      ] {
        let response = try await session.client.request("GET", "\(session.path)/\(path)")
        #expect(response.status == 400, "\(path): \(response)")
        #expect(response.errorCode == "invalid_request")
      }
    }
  }

  @Test("history is read in pieces that fit together, the oldest line first")
  func scrollback() async throws {
    try await withScript("seq 1 1000; exec cat", ["rows": 10]) { session in
      try await session.wait(match: "^1000$")
      let path = "\(session.path)/scrollback?format=plain"
      let total = try await session.client.get(path)["total_lines"].integer ?? 0
      #expect(total == 1001)
      let first = try await session.client.get("\(path)&offset=0&limit=3")
      #expect(first["lines"] == ["1", "2", "3"])
      #expect(first["offset"] == 0)
      let middle = try await session.client.get("\(path)&offset=499&limit=2")
      #expect(middle["lines"] == ["500", "501"])
      #expect(try await session.client.get("\(path)&offset=\(total)&limit=5")["lines"] == [])
      #expect(try await session.client.get("\(path)&limit=100000")["lines"].array?.count == 1001)
      #expect(try await session.client.get("\(path)&offset=5000000000")["lines"] == [])
      #expect(try await session.client.get(path)["lines"].array?.count == 100)
      let screen = try await session.screen()
      #expect(screen["first_line_index"] == 991)
      #expect(screen["total_lines"] == 1001)
    }
  }

  @Test("with a generation, only the rows that changed after it are answered")
  func changes() async throws {
    let script =
      "stty -echo; printf 'top\\r\\n\\r\\nbottom'; while read -r row; do printf '\\033[%s;1Hrow %s\\033[9;1H' $row $row; done"
    try await withScript(script, ["rows": 10]) { session in
      let before = try await session.wait(match: "bottom")["generation"].integer ?? 0
      let none = try await session.client.get("\(session.path)/screen?since=\(before)&format=plain")
      #expect(none["changed"] == [])
      #expect(none["generation"].integer ?? -1 >= before)
      #expect(none["lines"].isNull)
      try await session.type("5\r")
      try await session.wait(match: "row 5")
      let one = try await session.client.get("\(session.path)/screen?since=\(before)&format=plain")
      #expect(one["changed"].array?.contains(["row": 4, "line": "row 5"]) == true, "\(one.text)")
      #expect(one["changed"].array?.contains { $0["row"] == 0 } == false, "\(one.text)")
      #expect(one["cursor"]["row"] == 8)
      let generation = one["generation"].integer ?? 0
      try await session.type("7\r")
      try await session.wait(match: "row 7")
      let next = try await session.client.get("\(session.path)/screen?since=\(generation)&format=plain")
      #expect(next["changed"].array?.map(\.["row"].integer).contains(6) == true, "\(next.text)")
      #expect(next["changed"].array?.map(\.["row"].integer).contains(4) == false, "\(next.text)")
      let all = try await session.client.get("\(session.path)/screen?since=0&format=styled")
      #expect(
        all["changed"].array?.contains { $0["row"] == 0 && $0["line"] == [["text": "top"]] } == true, "\(all.text)")
    }
  }

  @Test("a client that follows by changes alone has the same picture as one that reads all of it")
  func changesAddUp() async throws {
    let script =
      "for i in $(seq 1 400); do printf '\\033[%d;%dH%d' $((i % 20 + 1)) $((i * 7 % 60 + 1)) $i; done; printf '\\033[24;1Hdone'; exec cat"
    try await withScript(script) { session in
      var lines = [String](repeating: "", count: 24)
      var generation = 0
      var isDone = false
      while !isDone {
        let changes = try await session.client.get("\(session.path)/screen?since=\(generation)&format=plain")
        for change in changes["changed"].array ?? [] { lines[change["row"].integer ?? 0] = change["line"].string ?? "" }
        generation = changes["generation"].integer ?? generation
        isDone = lines.last == "done"
      }
      #expect(try await session.lines() == lines)
    }
  }

  @Test("a picture that is being painted is never answered half")
  func synchronizedOutput() async throws {
    // Two rows that always show the same number, painted slowly, until it is told to stop.
    let program = """
      import select, sys, time
      n = 0
      while not select.select([sys.stdin], [], [], 0)[0]:
          n += 1
          sys.stdout.write('\\x1b[?2026h\\x1b[H\\x1b[2Jleft %d' % n); sys.stdout.flush(); time.sleep(0.004)
          sys.stdout.write('\\x1b[12;1Hright %d' % n); sys.stdout.flush(); time.sleep(0.001)
          sys.stdout.write('\\x1b[?2026l'); sys.stdout.flush(); time.sleep(0.002)
      """
    try await withSession(["argv": ["/usr/bin/env", "python3", "-c", .string(program)]]) { session in
      try await session.wait(match: "right")
      for _ in 0..<40 {
        let lines = try await session.lines()
        #expect(lines[0].hasPrefix("left "), "\(lines)")
        #expect(lines[0].dropFirst(5) == lines[11].dropFirst(6), "half a picture: \(lines[0]) and \(lines[11])")
      }
      try await session.interact(["text": "stop\r", "for": "exit"])
    }
  }

  @Test("a program that never ends its update does not hold readers up for ever")
  func endlessUpdate() async throws {
    try await withScript("printf '\\033[?2026hhalf'; exec cat") { session in
      try await eventually("the screen is answered all the same") { try await session.text() == "half" }
    }
  }

  @Test("queries that programs send are answered, so that they do not stall")
  func queries() async throws {
    let script =
      "stty raw -echo; printf '\\033[6n'; head -c 6 | od -An -c | sed 's/$/\\r/'; printf '\\033[c'; head -c 4 | od -An -c"
    try await withScript(script) { session in
      try await session.waitForExit()
      let shown = try await session.text().split(separator: " ").joined()
      #expect(shown.contains("033[1;1R"), "\(shown)")
      #expect(shown.contains("033[?"), "\(shown)")
    }
  }

  @Test("hostile output changes nothing but the screen")
  func hostileOutput() async throws {
    try await withScript(
      "head -c 300000 /dev/urandom; printf '\\033c\\033[!p\\033[?1049l\\033[H\\033[2Jstill here'; exec sleep 1000"
    ) { session in
      try await session.wait(match: "still here")
      let screen = try await session.screen()
      #expect(screen["lines"].array?.count == screen["rows"].integer)
      #expect(try await session.client.get("/health") == ["status": "ok"])
    }
  }
}
