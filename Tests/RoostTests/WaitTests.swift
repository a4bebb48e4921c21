import Formats
import Net
import Synchronization
import TestKit
import Testing

@Suite("Waiting", .bounded)
struct WaitTests {
  @Test("a text to wait for is called match, and text for short, but not both", arguments: ["match", "text"])
  func namesOfText(_ name: String) async throws {
    try await withScript("echo '(here.*)'; exec cat") { session in
      let answer = try await session.wait(["for": "match", name: "(here.*)"])
      #expect(answer["met"] == true && answer["reason"] == "match", "\(answer.text)")
      for fields: JSON in [["match": "a", "text": "b"], ["pattern": "a", name: "b"], [:]] {
        var request = fields.members ?? []
        request.append(JSON.Member("for", "match"))
        let refused = try await session.answer("wait", .object(request))
        #expect(refused.status == 400 && refused.errorCode == "invalid_request", "\(fields.text)")
      }
    }
  }

  // MARK: Silence

  @Test("a session that has been silent long enough is idle at once")
  func alreadyQuiet() async throws {
    try await withSession { session in
      try await session.wait(["for": "idle", "idle_ms": 300])
      // The time to wait is far shorter than the silence would be if it began anew.
      let idle = try await session.client.get("\(session.path)/idle?timeout_ms=100&max_wait_ms=60000&format=plain")
      #expect(idle["screen"]["lines"].array?.count == 24)
      #expect(idle["scrollback_lines"] == 24)
      #expect(idle["generation"].integer != nil)
      #expect(idle["last_activity_ms"].integer ?? 0 >= 100)
    }
  }

  @Test("a session that keeps printing never gets idle: 408 after the longest wait")
  func neverQuiet() async throws {
    try await withScript("while :; do echo busy; sleep 0.02; done") { session in
      let response = try await session.client.request("GET", "\(session.path)/idle?timeout_ms=3000&max_wait_ms=300")
      #expect(response.status == 408)
      #expect(response.errorCode == "idle_timeout")
    }
  }

  @Test("activity during the wait begins the silence anew")
  func activityPostpones() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withScript("echo one; read go <\(gate.path); echo two; exec sleep 1000") { session in
      try await session.wait(match: "one")
      let elsewhere = session.elsewhere
      async let idle = elsewhere.client.get(
        "\(session.path)/idle?timeout_ms=2000&max_wait_ms=60000&format=plain&fresh=true")
      try await gate.open()
      #expect(try await idle["screen"].screenText == "one\ntwo")
      #expect(try await idle["last_activity_ms"].integer ?? 0 >= 2000)
    }
  }

  @Test("with the present generation a wait begins only after something has happened")
  func lastGeneration() async throws {
    try await withSession { session in
      try await session.wait(["for": "idle", "idle_ms": 100])
      let now = try await session.record["generation"].integer ?? -1
      let path = "\(session.path)/idle?timeout_ms=50&last_generation=\(now)"
      #expect(try await session.client.request("GET", "\(path)&max_wait_ms=300").errorCode == "idle_timeout")
      let elsewhere = session.elsewhere
      async let idle = elsewhere.client.get("\(path)&max_wait_ms=60000")
      try await session.type("something\r")
      #expect(try await idle["generation"].integer ?? -1 > now)
    }
  }

  @Test("an old generation does not hold a wait up")
  func staleGeneration() async throws {
    try await withSession { session in
      let old = try await session.type("x\r")
      try await session.wait(match: "x\nx")
      try await session.wait(["for": "idle", "idle_ms": 100])
      let idle = try await session.client.get(
        "\(session.path)/idle?timeout_ms=100&max_wait_ms=60000&last_generation=\(old)")
      #expect(idle["generation"].integer ?? -1 > old)
    }
  }

  @Test("a fresh wait does not count the silence before it")
  func fresh() async throws {
    try await withSession { session in
      try await session.wait(["for": "idle", "idle_ms": 300])
      let start = ContinuousClock.now
      try await session.client.get("\(session.path)/idle?timeout_ms=250&fresh=true&last_generation=0").consume()
      #expect(start.duration(to: .now) >= .milliseconds(250))
    }
  }

  @Test("of many sessions the first to be silent is answered")
  func idleAny() async throws {
    try await withScript("while :; do echo busy; sleep 0.02; done", ["tags": ["idle-any"]]) { busy in
      try await withSession(["tags": ["idle-any", "idle-any-quiet"]]) { quiet in
        let path = "/idle?timeout_ms=1000&max_wait_ms=60000&tag=idle-any"
        let first = try await busy.client.get(path)
        #expect(first["session"].string == quiet.name)
        #expect(first["screen"]["rows"] == 24)
        let only = try await busy.client.get("/idle?timeout_ms=200&max_wait_ms=60000&tag=idle-any-quiet")
        #expect(only["session"].string == quiet.name)
      }
    }
  }

  @Test("a session that was answered last lets another win")
  func lastSession() async throws {
    try await withSession(["tags": ["idle-last"]]) { first in
      try await withSession(["tags": ["idle-last"]]) { second in
        try await first.wait(["for": "idle", "idle_ms": 200])
        try await second.wait(["for": "idle", "idle_ms": 200])
        let path = "/idle?timeout_ms=100&max_wait_ms=60000&tag=idle-last"
        let winner = try await first.client.get(path)
        let (name, generation) = (winner["session"].string ?? "", winner["generation"].integer ?? 0)
        #expect([first.name, second.name].contains(name))
        let other = try await first.client.get("\(path)&last_session=\(name)&last_generation=\(generation)")
        #expect(other["session"].string == (name == first.name ? second.name : first.name))
      }
    }
  }

  @Test("without a session there is nothing to wait for")
  func noSessions() async throws {
    let response = try await SharedServer.roost.http.another().request("GET", "/idle?timeout_ms=10&tag=no-such-tag")
    #expect(response.status == 404)
    #expect(response.errorCode == "no_sessions")
  }

  @Test("an ended session does not win the wait for any session")
  func endedIsNotIdle() async throws {
    try await withScript("exit 0", ["tags": ["idle-ended"]]) { ended in
      try await ended.waitForExit()
      let response = try await ended.client.request("GET", "/idle?timeout_ms=10&max_wait_ms=100&tag=idle-ended")
      #expect(response.status == 404 || response.status == 408, "\(response)")
    }
  }

  @Test(
    "a wait for silence needs to know how long",
    arguments: ["", "?timeout_ms=", "?timeout_ms=x", "?timeout_ms=-1", "?timeout_ms=1.5"])
  func timeoutNeeded(query: String) async throws {
    try await withSession { session in
      let response = try await session.client.request("GET", "\(session.path)/idle\(query)")
      #expect(response.status == 400, "\(response)")
      #expect(response.errorCode == "invalid_request")
      #expect(response.json["error"]["message"].string?.contains("timeout_ms") == true, "\(response)")
    }
  }

  // MARK: Texts

  @Test("a text that is there already is found at once")
  func matchPresent() async throws {
    try await withScript("echo server listening on port 8042; exec cat") { session in
      let first = try await session.wait(match: #"listening on port (\d+)"#)
      #expect(first["met"] == true)
      #expect(first["reason"] == "match")
      #expect(first["evidence"] == "match")
      #expect(first["match"] == "listening on port 8042")
      #expect(try await session.wait(["for": "match", "text": "port 8042"])["met"] == true)
    }
  }

  @Test("a text that comes later is found when it comes")
  func matchLater() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withScript("echo starting; read go <\(gate.path); echo Build finished; exec cat") { session in
      let elsewhere = session.elsewhere
      async let found = elsewhere.wait(match: "^Build (finished|failed)$")
      try await session.wait(match: "starting")
      try await gate.open()
      #expect(try await found["match"] == "Build finished")
    }
  }

  @Test("with a generation, what was there before it does not count")
  func matchSince() async throws {
    try await withScript("stty -echo; echo ready; while read -r line; do echo \"$line\"; done") { session in
      try await session.wait(match: "ready")
      let before = try await session.type("something\r")
      try await session.wait(match: "something")
      let none = try await session.answer(
        "wait", ["for": "match", "pattern": "ready", "since": .integer(before), "timeout_ms": 300])
      #expect(none.errorCode == "wait_timeout", "\(none)")
      try await session.type("ready again\r")
      let found = try await session.wait(["for": "match", "pattern": "ready.*", "since": .integer(before)])
      #expect(found["match"] == "ready again")
    }
  }

  @Test("a text that scrolled away before anybody could look is found all the same")
  func matchInFlood() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withScript("read go <\(gate.path); seq 1 2000; echo needle; seq 1 5000; exec cat", ["rows": 5]) {
      session in
      let elsewhere = session.elsewhere
      async let found = elsewhere.wait(["for": "match", "pattern": "needle", "since": 0])
      try await gate.open()
      #expect(try await found["met"] == true)
    }
  }

  @Test("a prompt that ends in a blank can be waited for with the blank")
  func matchTrailingBlank() async throws {
    try await withScript("printf 'login: '; read name; printf '$ '; exec cat") { session async throws in
      #expect(try await session.wait(match: "login: $")["met"] == true)
      #expect(try await session.interact(["text": "me\r", "for": "match", "pattern": #"^\$ $"#])["met"] == true)
    }
  }

  @Test("a text is found in a line that the screen wrapped")
  func matchWrapped() async throws {
    try await withScript("printf '%60s the needle\\n' x; exec cat", ["cols": 64]) { session async throws in
      #expect(try await session.wait(match: "x the needle")["met"] == true)
    }
  }

  @Test("a text is found that a program paints above the cursor, as programs do that redraw a part of the screen")
  func matchAbove() async throws {
    let script =
      "stty -echo; printf 'title\\r\\nstate: idle\\r\\n> '; while read -r word; do printf '\\033[1A\\rstate: %s\\033[K\\r\\n> \\033[K' $word; done"
    try await withScript(script) { session in
      try await session.wait(match: "^>")
      for word in ["working", "done"] {
        let answer = try await session.interact([
          "text": .string("\(word)\r"), "match": .string("state: \(word)"), "timeout_ms": 10_000,
        ])
        #expect(answer["met"] == true)
      }
    }
  }

  @Test("a text is found on the alternate screen")
  func matchAlternate() async throws {
    try await withScript("printf '\\033[?1049h\\033[10;5Hin the middle'; exec cat") { session in
      let found = try await session.wait(match: "in the middle")
      #expect(found["screen"]["alternate_active"] == true)
    }
  }

  @Test(
    "a bad pattern is refused, and says where it is bad",
    arguments: ["(", "[a", "*", "", "a{2,1}", String(repeating: "x", count: 5000)])
  func badPattern(pattern: String) async throws {
    try await withSession { session in
      let before = try await session.record["generation"]
      for action in ["wait", "interact"] {
        let fields: JSON = ["for": "match", "pattern": .string(pattern)]
        let response = try await session.answer(action, action == "wait" ? fields : fields.adding(["text": "typed\r"]))
        #expect(response.status == 400, "\(action): \(response)")
        #expect(response.errorCode == "invalid_pattern")
      }
      #expect(try await session.record["generation"] == before, "nothing was typed")
      #expect(try await session.text().isEmpty)
    }
  }

  @Test(
    "a wait whose pattern backtracks without end is told so, also at the end of the program and where only some of the text is costly",
    arguments: ["^(a+)+$", "(?:a|aa|aaa)+[xyz]"])
  func catastrophicPattern(_ pattern: String) async throws {
    try await withScript("printf 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\\n'; read go; echo gone") {
      session in
      try await session.wait(match: "a!")
      let response = try await session.answer(
        "wait", ["for": "match", "pattern": .string(pattern), "timeout_ms": 60_000])
      #expect(response.status == 400 && response.errorCode == "pattern_too_costly", "\(response)")
      try await session.client.post("\(session.path)/keys", ["keys": ["enter"]])
      try await session.wait(["for": "exit"])
      let after = try await session.answer("wait", ["for": "match", "pattern": .string(pattern)])
      #expect(after.errorCode == "pattern_too_costly", "\(after)")
    }
  }

  @Test(
    "costly patterns of one caller do not keep another's wait from its text, nor a costly pattern that matches from its own"
  )
  func fairPatterns() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    // Every line that comes is as costly as may be.
    let script = "while :; do printf '%070d a\\n' 0; sleep 0.02; done"
    try await withScript(script) { busy in
      try await withScript("read go <\(gate.path); echo 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaax'; exec cat") {
        session in
        let hostile = busy.elsewhere
        async let costly = withThrowingTaskGroup(of: String?.self) { group in
          for _ in 0..<64 {
            group.addTask {
              try await hostile.answer("wait", ["for": "match", "pattern": "(?:0|00|000)+[xyz]"]).errorCode
            }
          }
          return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        let other = session.elsewhere
        async let found = other.wait(["for": "match", "pattern": "(a+)+x", "timeout_ms": 60_000])
        try await gate.open()
        #expect(try await found["match"].string?.hasSuffix("ax") == true)
        #expect(try await costly == ["pattern_too_costly"])
      }
    }
  }

  @Test("costly patterns on a large screen leave the session to others", arguments: ["", "\\033[?1049h"])
  func costlyOnLargeScreen(_ screen: String) async throws {
    let script = "printf '\(screen)'; head -c 900000 /dev/zero | tr '\\0' a | fold -w 1000; printf '!done'; exec cat"
    // A server alone: what is costly is looked for on one thread of it.
    try await withRoost { roost in
      try await roost.session([
        "name": "big", "rows": 1000, "cols": 1000, "argv": ["/bin/sh", "-c", .string(script)],
      ])
      try await roost.wait("big", ["for": "match", "pattern": "!done"])
      let count = 32
      let answered = Mutex(0)
      let other = roost.http.another()
      let asking = Task {
        while !Task.isCancelled {
          _ = try await other.get("/sessions/big")
          answered.withLock { $0 += 1 }
        }
      }
      defer { asking.cancel() }
      let codes = try await withThrowingTaskGroup(of: String?.self) { group in
        for _ in 0..<count {
          group.addTask {
            try await roost.http.another().request(
              "POST", "/sessions/big/wait",
              json: ["for": "match", "pattern": "(?:a|aa|aaa)+[xyz]", "timeout_ms": 600_000]
            ).errorCode
          }
        }
        return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
      }
      #expect(codes == ["pattern_too_costly"])
      // Each costs a thread of its own many times as long as a call costs the loop.
      let calls = answered.withLock { $0 }
      #expect(calls > 2 * count, "\(calls)")
    }
  }

  @Test("lines that have been looked at are not held against a pattern again, and a change in one of them is seen")
  func changedLine() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withScript("printf 'one\\ntwo\\nthree\\n'; read go <\(gate.path); printf '\\033[2;1Htwenty'; exec cat") {
      session in
      try await session.wait(match: "three")
      let elsewhere = session.elsewhere
      async let line = elsewhere.wait(["for": "match", "pattern": "^t\\w+y$", "timeout_ms": 60_000])
      async let lines = elsewhere.wait(["for": "match", "pattern": "one\\ntwenty\\sthree", "timeout_ms": 60_000])
      try await gate.open()
      #expect(try await line["match"] == "twenty")
      #expect(try await lines["match"] == "one\ntwenty\nthree")
    }
  }

  @Test("a text in more than one look takes in is found, however far down, and its end is heard of after it")
  func longText() async throws {
    try await withScript("seq -f '%0100.0f' 4000; echo 'the end'") { session in
      try await session.wait(["for": "exit"])
      let fields: JSON = ["for": "match", "pattern": "the end", "since": 0]
      #expect(try await session.wait(fields)["match"] == "the end")
      #expect(try await session.wait(["for": "match", "pattern": "no such end", "since": 0])["reason"] == "exit")
    }
  }

  @Test("text that leaves the history at once is looked at all the same", arguments: ["^marker$", "marker\n1\n2"])
  func flood(pattern: String) async throws {
    try await withRoost { roost in
      let gate = try Gate(in: roost)
      let script = "read go <\(gate.path); seq 1 20000; echo marker; seq 1 20000; printf '\\033[3Jend'; exec cat"
      for lines in [0, 50] {
        let session = try await TestSession(
          on: roost, ["argv": ["/bin/sh", "-c", .string(script)], "history_lines": .integer(lines)])
        async let answer = session.elsewhere.wait(match: pattern)
        async let end = session.elsewhere.wait(match: "end$")
        try await eventually("both wait") {
          try await roost.http.request("GET", "/metrics").text.contains("roost_session_waits 2\n")
        }
        try await gate.open()
        #expect(try await answer["text_skipped"].isNull)
        #expect(try await end["met"] == true)
        // Nobody else sees more than was asked for.
        #expect(try await session.history().count <= lines + 24)
      }
    }
  }

  @Test("whoever looks for a text when some of it has gone is told so, whatever ends the wait")
  func skipped() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withScript("read go <\(gate.path); seq 1 5000; echo end; exec cat", ["history_lines": 10]) { session in
      let before = try await session.record["generation"].integer ?? -1
      try await gate.open()
      try await session.wait(match: "^end$")
      let fields: JSON = ["for": "match", "since": .integer(before)]
      let found = try await session.wait(fields.adding(["pattern": "^end$"]))
      #expect(found["met"] == true && found["text_skipped"] == true, "\(found.text)")
      let other = try await session.wait(fields.adding(["for": ["match", "idle"], "pattern": "never"]))
      #expect(other["reason"] == "idle" && other["text_skipped"] == true, "\(other.text)")
      let late = try await session.answer("wait", fields.adding(["pattern": "never", "timeout_ms": 100]))
      #expect(late.errorCode == "wait_timeout")
      #expect(late.json["error"]["details"]["text_skipped"] == true, "\(late)")
      let whole = try await session.interact(["text": "more\r", "match": "more\nmore"])
      #expect(whole["text_skipped"].isNull, "\(whole.text)")
    }
  }

  // MARK: Prompt, change, end, input

  @Test("a wait for a change ends with the first change on the screen")
  func change() async throws {
    try await withSession { session in
      let generation = try await session.screen()["generation"].integer ?? 0
      let nothing = try await session.answer(
        "wait", ["for": "change", "since": .integer(generation), "timeout_ms": 200])
      #expect(nothing.errorCode == "wait_timeout")
      try await session.type("x")
      let changed = try await session.wait(["for": "change", "since": .integer(generation)])
      #expect(changed["reason"] == "change")
      #expect(changed["evidence"] == "screen_change")
      #expect(changed["generation"].integer ?? 0 > generation)
    }
  }

  @Test("a wait for the end answers how it ended, also when it was over before")
  func exit() async throws {
    try await withScript("echo bye; exit 6") { session in
      for _ in 0..<2 {
        let end = try await session.wait(["for": "exit", "format": "plain"])
        #expect(end["met"] == true)
        #expect(end["reason"] == "exit")
        #expect(end["evidence"] == "exit")
        #expect(end["exit_status"] == 6)
        #expect(end["screen"].screenText == "bye")
      }
    }
  }

  @Test("the end of the program ends every wait, and does not pretend that what was waited for happened")
  func exitEndsWaits() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withScript("read go <\(gate.path); exit 2") { session in
      let elsewhere = session.elsewhere
      async let match = elsewhere.wait(["for": "match", "pattern": "never"])
      try await gate.open()
      #expect(try await match["met"] == false)
      #expect(try await match["reason"] == "exit")
      #expect(try await match["exit_status"] == 2)
    }
  }

  @Test("a session that is removed ends the waits on it")
  func removalEndsWaits() async throws {
    try await withSession { session in
      let waiting = session.elsewhere
      async let response = waiting.answer("wait", ["for": "match", "pattern": "never", "timeout_ms": 60_000])
      try await session.client.delete(session.path)
      let answer = try await response
      // Either the wait was there first and was ended, or the session was gone first.
      let ended =
        answer.errorCode == "session_ended" || answer.errorCode == "session_not_found"
        || answer.json["reason"] == "exit"
      #expect(ended, "\(answer)")
    }
  }

  @Test("of several things the first to happen is answered")
  func several() async throws {
    try await withScript("echo one; exec cat") { session in
      let first = try await session.wait(["for": ["exit", "match"], "pattern": "one"])
      #expect(first["reason"] == "match")
      let ended = try await session.interact(["keys": ["ctrl+d"], "for": ["exit", "match"], "pattern": "never"])
      #expect(ended["reason"] == "exit")
      #expect(ended["met"] == true)
    }
  }

  @Test(
    "a wait for the prompt after a command sees the prompt after it, not the one before",
    arguments: Shell.allCases.filter(\.isIntegrated))
  func prompt(shell: Shell) async throws {
    try await withShell(shell) { session in
      for number in 1...5 {
        let answer = try await session.interact([
          "text": .string("sleep 0.05; printf 'number-%s\\n' \(number + 100)\r"), "for": "prompt", "format": "plain",
        ])
        #expect(answer["reason"] == "prompt")
        #expect(answer["evidence"] == "osc133")
        #expect(answer["screen"].screenText.contains("number-\(number + 100)"), "\(answer["screen"].screenText)")
      }
    }
  }

  // MARK: Bounds

  @Test(
    "a wait whose condition is not met in time says so",
    arguments: ["idle", "prompt", "match", "change", "exit", "input"])
  func timeout(kind: String) async throws {
    try await withScript("while :; do echo busy; sleep 0.02; done >/dev/null") { session in
      try await session.wait(["for": "idle", "idle_ms": 1])
      let response = try await session.answer(
        "wait", ["for": .string(kind), "pattern": "never", "idle_ms": 60_000, "timeout_ms": 100])
      #expect(response.status == 408, "\(response)")
      #expect(response.errorCode == "wait_timeout")
    }
  }

  @Test("waits on a session are bounded, and those whose clients went away do not count")
  func boundedWaits() async throws {
    try await withSession { session in
      let limit = 256
      let body = JSON.object(["for": "match", "pattern": "never", "timeout_ms": 600_000]).text
      let request = RawConnection.request(
        "POST", "\(session.path)/wait", headers: ["Content-Type: application/json"], body: body)
      var waiting: [RawConnection] = []
      for _ in 0..<limit {
        let connection = try RawConnection(session.client.endpoint)
        try await connection.send(request)
        waiting.append(connection)
      }
      try await eventually("\(limit) waits are all that fit") {
        try await session.answer("wait", ["for": "match", "pattern": "never", "timeout_ms": 1]).errorCode
          == "resource_limit_reached"
      }
      #expect(try await session.client.get("/health") == ["status": "ok"])
      waiting = []
      try await eventually("the waits of clients that went away are over") {
        try await session.answer("wait", ["for": "idle", "idle_ms": 0, "timeout_ms": 1000]).status == 200
      }
      // Not one, but all of them.
      var again: [RawConnection] = []
      for _ in 0..<(limit - 8) {
        let connection = try RawConnection(session.client.endpoint)
        try await connection.send(request)
        again.append(connection)
      }
      try await eventually("the server has read them all") {
        try await session.answer("wait", ["for": "idle", "idle_ms": 0, "timeout_ms": 1000]).status == 200
      }
    }
  }

  @Test(
    "what is asked for must make sense",
    arguments: [
      ["for": "nothing"], ["for": []], ["for": "match"], [:], ["for": "idle", "idle_ms": "long"],
      ["for": "exit", "patern": "typo"],
      ["for": "match", "pattern": "a", "text": "b"], ["for": "exit", "timeout_ms": -1], ["for": 7],
      ["for": "exit", "format": "colourful"],
    ] as [JSON])
  func nonsense(fields: JSON) async throws {
    try await withSession { session in
      let response = try await session.answer("wait", fields)
      #expect(response.status == 400, "\(response)")
      #expect(response.errorCode == "invalid_request", "\(response)")
    }
  }
}

extension JSON {
  /// For a call whose answer says nothing that matters.
  fileprivate func consume() {}
}
