import Formats
import Net
import Sys
import TestKit
import Testing

@Suite("Creating sessions", .bounded)
struct SessionCreationTests {
  @Test("a session runs the shell of the server when nothing else is asked for")
  func shell() async throws {
    let roost = try await SharedServer.roost
    let record = try await roost.session(["integration": false])
    let path = "/sessions/\(record["name"].string ?? "")"
    #expect(record["command"] == "/bin/bash")
    #expect(record["state"].string != "exited")
    try await roost.wait(record["name"].string ?? "", ["for": "match", "pattern": #"\$"#])
    try await roost.http.delete(path)
  }

  @Test("a record tells everything about a session")
  func record() async throws {
    try await withSession(["rows": 30, "cols": 100, "tags": ["zulu", "alpha", "mike"], "argv": ["/bin/cat"]]) {
      session in
      let record = session.created
      #expect(record["rows"] == 30)
      #expect(record["cols"] == 100)
      #expect(record["tags"] == ["alpha", "mike", "zulu"])
      #expect(record["clients"] == 0)
      #expect(record["command"] == "/bin/cat")
      #expect(record["pid"].integer.map { isAlive($0) } == true)
      #expect(record["id"].string?.count == 36)
      #expect(record["last_activity_ms"].integer ?? -1 >= 0)
      #expect(record["generation"].integer ?? -1 >= 0)
      #expect(record["server"].string?.isEmpty == false)
      #expect(record["evidence"].string?.isEmpty == false)
      #expect(record["started_at"].string.flatMap { Timestamp(text: $0) } != nil)
      #expect(record["exit_status"].isNull && record["exit_signal"].isNull && record["ended_at"].isNull)
      #expect(try await session.record["id"] == record["id"])
      let listed = try await session.client.get("/sessions").array?.first { $0["name"].string == session.name }
      #expect(listed?["id"] == record["id"])
    }
  }

  @Test("a command line runs in the shell")
  func commandLine() async throws {
    try await withSession(["command": "echo one; echo two | tr a-z A-Z; exit 3"]) { session in
      let record = try await session.waitForExit()
      #expect(record["exit_status"] == 3)
      #expect(try await session.lines().prefix(2) == ["one", "TWO"])
    }
  }

  @Test("a program gets its arguments as they are")
  func arguments() async throws {
    try await withSession(["argv": ["/usr/bin/printf", "<%s>\\n", "a b", "$HOME", "*", "'", "日本"]]) { session in
      try await session.waitForExit()
      #expect(try await session.lines().prefix(5) == ["<a b>", "<$HOME>", "<*>", "<'>", "<日本>"])
    }
  }

  @Test("a session starts in the folder that was asked for, and at home otherwise")
  func folder() async throws {
    try await withSession(["argv": ["/bin/pwd", "-P"], "cwd": "/usr/share"]) { session in
      try await session.waitForExit()
      #expect(try await session.lines().first == "/usr/share")
    }
    try await withSession(["argv": ["/bin/pwd", "-P"]]) { session in
      try await session.waitForExit()
      #expect(try await session.lines().first == "\(session.roost.home.path)/home")
    }
  }

  @Test(
    "what cannot be started as it was asked for is the caller's mistake, said in a sentence, and nothing stays behind",
    arguments: [
      ["cwd": "/nonexistent"], ["cwd": "/etc/passwd"], ["cwd": "/a\0b"], ["argv": ["/nonexistent"]],
      ["argv": ["no-such-program-anywhere"]], ["argv": ["/etc/passwd"]], ["argv": ["/etc"]], ["argv": []],
      ["argv": [""]], ["argv": ["/bin/cat", "a\0b"]], ["command": ""], ["command": "a\0b"], ["shell": "/nonexistent"],
      ["shell": "bash"], ["shell": "/bin/ba\0sh"], ["env": ["A\0B": "x"]], ["env": ["A": "x\0y"]], ["env": ["": "x"]],
      ["env": ["A=B": "x"]], ["environment": ["A\0": "x"]], ["name": "a\0b"], ["tags": ["a\0b"]],
    ] as [JSON])
  func callersMistakes(_ fields: JSON) async throws {
    let client = try await SharedServer.roost.http.another()
    let name = "mistaken-\(UInt32.random(in: 0...UInt32.max))"
    let asked = fields["name"].isNull ? fields.adding(["name": .string(name)]) : fields
    let response = try await client.request("POST", "/sessions", json: asked)
    #expect(response.status == 400, "\(fields.text): \(response)")
    #expect(["invalid_request", "invalid_session_name", "invalid_tag"].contains(response.errorCode), "\(response)")
    #expect(try await client.request("GET", "/sessions/\(name)").status == 404)
  }

  @Test("a folder that is not there is refused and nothing stays behind")
  func missingFolder() async throws {
    let roost = try await SharedServer.roost
    let response = try await roost.http.another().request(
      "POST", "/sessions", json: ["name": "nowhere", "cwd": "/no/such/folder", "argv": ["/bin/cat"]])
    #expect(response.status >= 400)
    #expect(response.errorCode?.isEmpty == false)
    #expect(try await roost.http.another().request("GET", "/sessions/nowhere").status == 404)
  }

  @Test("a program that is not there is refused and nothing stays behind")
  func missingProgram() async throws {
    let roost = try await SharedServer.roost
    let response = try await roost.http.another().request(
      "POST", "/sessions", json: ["name": "nothing", "argv": ["/no/such/program"]])
    #expect(response.status >= 400)
    #expect(response.json["error"]["message"].string?.contains("/no/such/program") == true, "\(response)")
    #expect(try await roost.http.another().request("GET", "/sessions/nothing").status == 404)
  }

  @Test("variables that were asked for reach the program, also the strange ones")
  func variables() async throws {
    let script = #"printf '<%s>\n' "$PLAIN" "$SPACED" "$EMPTY" "$UMLAUT""#
    try await withScript(script, ["env": ["PLAIN": "1", "SPACED": "a b  c", "EMPTY": "", "UMLAUT": "größer"]]) {
      session in
      try await session.waitForExit()
      #expect(try await session.lines().prefix(4) == ["<1>", "<a b  c>", "<>", "<größer>"])
    }
  }

  @Test("the program is told which terminal it has and which session it is in, and no secret of the server's")
  func surroundings() async throws {
    try await withRoost(environment: ["ROOST_TOKEN": "0123456789abcdef-secret", "LINES": "7", "COLUMNS": "7"]) {
      roost in
      try await withSession(on: roost, ["name": "inside", "argv": ["/usr/bin/env"], "rows": 60]) { session in
        try await session.waitForExit()
        let lines = try await session.history()
        #expect(lines.contains("TERM=xterm-256color"))
        #expect(lines.contains("COLORTERM=truecolor"))
        #expect(lines.contains("ROOST_SESSION=inside"))
        #expect(!lines.contains { $0.contains("secret") || $0.hasPrefix("ROOST_TOKEN") })
        #expect(!lines.contains { $0.hasPrefix("LINES=") || $0.hasPrefix("COLUMNS=") })
      }
    }
  }

  @Test("a program sees its three descriptors and no other")
  func descriptors() async throws {
    // The listing itself needs a fourth.
    try await withSession(["argv": ["/bin/ls", "-l", "/proc/self/fd"], "cols": 120]) { session in
      try await session.waitForExit()
      let entries = try await session.lines().filter { $0.contains("->") }
      let numbers = entries.compactMap { $0.split(separator: " ").dropLast(2).last.map(String.init) }
      #expect(numbers == ["0", "1", "2", "3"], "\(entries)")
      #expect(entries.prefix(3).allSatisfy { $0.contains("/dev/pts/") }, "\(entries)")
    }
  }

  @Test("a program leads a session and a process group of its own, with every signal as a login leaves it")
  func processGroup() async throws {
    try await withSession(["argv": ["/bin/cat", "/proc/self/stat", "/proc/self/status"], "rows": 80]) { session in
      try await session.waitForExit()
      let lines = try await session.history()
      let fields = (lines.first?.split(separator: ")").last ?? "").split(separator: " ")
      #expect(fields.count > 5 && fields[2] == fields[3], "process group and session: \(lines.first ?? "")")
      #expect(fields.count > 5 && fields[5] == fields[2], "foreground group of the terminal: \(lines.first ?? "")")
      #expect(lines.contains("SigBlk:\t0000000000000000".replacingTab), "\(lines.filter { $0.hasPrefix("Sig") })")
      // Two that the C library keeps for itself are ignored after every posix_spawn.
      let ignored = lines.first { $0.hasPrefix("SigIgn:") }.flatMap { UInt64($0.suffix(16), radix: 16) }
      #expect(ignored.map { $0 & ~0x1_8000_0000 } == 0, "\(lines.filter { $0.hasPrefix("Sig") })")
    }
  }

  @Test("the program's terminal has the size that was asked for")
  func size() async throws {
    try await withSession(["argv": ["/bin/stty", "size"], "rows": 33, "cols": 111]) { session in
      try await session.waitForExit()
      #expect(try await session.lines().first == "33 111")
    }
  }

  @Test("sizes beyond the limits are brought within them", arguments: [(0, 0), (100_000, 100_000), (-5, 3)])
  func extremeSizes(rows: Int, columns: Int) async throws {
    let roost = try await SharedServer.roost
    let response = try await roost.http.another().request(
      "POST", "/sessions", json: ["argv": ["/bin/cat"], "rows": .integer(rows), "cols": .integer(columns)])
    try #require(response.status == 201, "\(response)")
    #expect((1...1000).contains(response.json["rows"].integer ?? 0))
    #expect((1...1000).contains(response.json["cols"].integer ?? 0))
    try await roost.http.delete("/sessions/\(response.json["name"].string ?? "")")
  }

  @Test("sessions without a name are numbered from 0, and a name that is taken is passed over")
  func automaticNames() async throws {
    try await withRoost { roost in
      #expect(try await roost.session(["argv": ["/bin/cat"]])["name"] == "0")
      #expect(try await roost.session(["argv": ["/bin/cat"], "name": "1"])["name"] == "1")
      #expect(try await roost.session(["argv": ["/bin/cat"]])["name"] == "2")
      try await roost.http.delete("/sessions/2")
      #expect(try await roost.session(["argv": ["/bin/cat"]])["name"] == "3", "a number is not given twice")
    }
  }

  @Test("a name that is taken is refused, also when its session has ended")
  func duplicateName() async throws {
    try await withScript("exit 0") { session in
      try await session.waitForExit()
      let response = try await session.client.request(
        "POST", "/sessions", json: ["name": .string(session.name), "argv": ["/bin/cat"]])
      #expect(response.status == 409)
      #expect(response.errorCode == "session_name_conflict")
    }
  }

  @Test("many sessions asked for at once all get names of their own")
  func manyAtOnce() async throws {
    let roost = try await SharedServer.roost
    let names = try await withThrowingTaskGroup(of: String?.self) { group in
      for _ in 0..<16 {
        group.addTask { try await roost.http.another().post("/sessions", ["argv": ["/bin/cat"]])["name"].string }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(names).count == 16)
    for name in names.compactMap(\.self) { try await roost.http.delete("/sessions/\(name)") }
  }

  @Test(
    "a bad name is refused",
    arguments: [
      "", ".", "..", "a/b", "a b", "tab\t", "new\nline", "question?", "ünter scheid", String(repeating: "x", count: 65),
      String(repeating: "ü", count: 33), "nul\u{0}", "🙂",
    ])
  func badName(name: String) async throws {
    let roost = try await SharedServer.roost
    let response = try await roost.http.another().request(
      "POST", "/sessions", json: ["name": .string(name), "argv": ["/bin/cat"]])
    #expect(response.status == 400, "\(response)")
    #expect(response.errorCode == "invalid_session_name")
  }

  @Test(
    "a name may have 64 bytes and letters of any script",
    arguments: [String(repeating: "x", count: 64), "größe_1.2-3", "日本語"])
  func goodName(name: String) async throws {
    try await withSession(["name": .string(name)]) { session in
      let record = try await session.record
      #expect(record["name"].string == name)
    }
  }

  @Test("a bad tag is refused", arguments: ["", "a b", "a,b", "a/b", String(repeating: "x", count: 65)])
  func badTag(tag: String) async throws {
    let roost = try await SharedServer.roost
    let response = try await roost.http.another().request(
      "POST", "/sessions", json: ["name": "badly-tagged", "tags": ["good", .string(tag)], "argv": ["/bin/cat"]])
    #expect(response.status == 400, "\(response)")
    #expect(response.errorCode == "invalid_tag")
    #expect(try await roost.http.another().request("GET", "/sessions/badly-tagged").status == 404)
  }

  @Test("a refused session leaves no process behind")
  func noLeakedChild() async throws {
    try await withRoost { roost in
      let before = roost.home.processes.count
      let refused: [JSON] = [
        ["tags": ["bad tag"]], ["name": "bad/name"], ["name": "x", "rows": "many"], ["unknown_field": 1],
        ["env": ["A=B": "1"]],
        ["argv": []], ["argv": ["/no/such/program"]], ["cwd": "/no/such/folder"],
        ["command": "true", "argv": ["/bin/true"]],
        ["shell": "relative"], ["command": ""], ["env": ["": "empty"]],
      ]
      for fields in refused {
        let program: JSON =
          fields["argv"].isNull && fields["shell"].isNull && fields["command"].isNull ? ["argv": ["/bin/cat"]] : [:]
        let response = try await roost.http.request("POST", "/sessions", json: program.adding(fields))
        #expect(response.status >= 400, "\(fields.text): \(response)")
        #expect(response.errorCode?.isEmpty == false, "\(fields.text): \(response)")
      }
      #expect(try await roost.http.get("/sessions") == [])
      #expect(roost.home.processes.count == before)
    }
  }

  @Test("no more sessions run than the server was told to allow, and an end makes room")
  func maximum() async throws {
    try await withRoost(["--max-sessions", "1"]) { roost in
      try await roost.session(["name": "only", "argv": ["/bin/cat"]])
      let refused = try await roost.http.request("POST", "/sessions", json: ["argv": ["/bin/cat"]])
      #expect(refused.status == 503)
      #expect(refused.errorCode == "max_sessions_reached")
      try await roost.http.delete("/sessions/only")
      try await roost.session(["name": "next", "argv": ["/bin/cat"]])
    }
  }

  @Test(
    "one token makes half of the sessions that there may be, none takes what is kept for the local user, and ended ones stop nobody"
  )
  func shares() async throws {
    try await withScratchHome { roost in
      let options = ["--bind", "127.0.0.1:0", "--max-sessions", "8"]
      try await roost.start(options)
      func makeToken() async throws -> String {
        let token = try await roost.http.post("/tokens", ["scopes": ["sessions:manage", "sessions:read"]])["token"]
        return try #require(token.string)
      }
      let token = try await makeToken()
      let (one, other) = (try await roost.tcp(token: token), try await roost.tcp(token: try await makeToken()))
      func create(_ client: TestClient, _ name: String, argv: [String] = ["/bin/cat"]) async throws -> Int {
        let fields: JSON = ["name": .string(name), "argv": .array(argv.map { .string($0) })]
        let answer = try await client.request("POST", "/sessions", json: fields)
        if answer.status != 201 {
          #expect(answer.errorCode == (answer.status == 429 ? "resource_limit_reached" : "max_sessions_reached"))
        }
        return answer.status
      }
      for number in 1...6 {
        #expect(try await create(one, "ended\(number)", argv: ["/bin/true"]) == 201)
        _ = try await roost.http.post("/sessions/ended\(number)/wait", ["for": "exit"])
      }
      for number in 1...4 { #expect(try await create(one, "one\(number)") == 201) }
      #expect(try await create(one, "one5") == 429)
      for number in 1...3 { #expect(try await create(other, "other\(number)") == 201) }
      #expect(try await create(other, "other4") == 429)
      // The next server knows whose they are.
      try await roost.stopServer()
      try await roost.start(options)
      let again = try await roost.tcp(token: token)
      #expect(try await create(again, "one5") == 429)
      #expect(try await create(roost.http, "owner") == 201)
      #expect(try await create(roost.http, "ninth") == 503)
      try await roost.http.delete("/sessions/one1")
      #expect(try await create(again, "one5") == 201)
    }
  }
}

extension String {
  /// As a terminal shows it that has a tab stop every eight columns.
  fileprivate var replacingTab: String {
    split(separator: "\t", omittingEmptySubsequences: false).map(String.init).reduce("") { line, word in
      line.isEmpty ? word : line + String(repeating: " ", count: 8 - line.count % 8) + word
    }
  }
}
