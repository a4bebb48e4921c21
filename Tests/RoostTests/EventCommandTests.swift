import Formats
import Glibc
import Sys
import TestKit
import Testing

@Suite("roost events", .bounded)
struct EventCommandTests {
  private func lines(_ result: ProcessResult) throws -> [JSON] {
    guard result.exitCode == 0 else { throw TestFailure("\(result)") }
    return try result.text.split(separator: "\n").map { try JSON(parsing: String($0)) }
  }

  /// Publishes events with the data `{"n":1}` and so on; the numbers that the log gave them.
  @discardableResult
  private func publish(_ roost: Roost, _ subject: String, _ count: Int, from first: Int = 1) async throws -> [Int] {
    let input = (first..<first + count).map { "{\"n\":\($0)}\n" }.joined()
    let result = try await roost.run(["events", "publish", subject, "-", "--lines", "--json"], input: input)
    return try lines(result).compactMap { $0["seq"].integer }
  }

  private func numbers(_ events: [JSON]) -> [Int] { events.compactMap { $0["data"]["n"].integer } }

  // MARK: Publishing

  @Test("an event is published with the data that were given, to the last digit, and found again")
  func publishing() async throws {
    try await withRoost { roost in
      let made = try await roost.run(
        "events", "publish", "build.finished", #"{"big":123456789012345678901234567890,"é":"x"}"#, "--type", "done",
        "--origin", "tool:lint:er", "--causation", "some-cause")
      let words = made.text.split(whereSeparator: { $0 == " " || $0 == "\n" })
      #expect(made.exitCode == 0 && words.count == 2 && Int(words[0]) != nil, "\(made)")
      let found = try await roost.run("events", "--subject", "build.*", "--json")
      #expect(found.text.contains(#""data":{"big":123456789012345678901234567890,"é":"x"}"#), "\(found)")
      let event = try #require(try lines(found).first)
      #expect(event["type"] == "done" && event["origin"]["kind"] == "tool" && event["origin"]["id"] == "lint:er")
      #expect(event["causation_id"] == "some-cause" && event["id"].string == String(words[1]))
      #expect(try lines(found).count == 1)
      _ = try await roost.run("events", "publish", "x.members", "--data", "status=0", "--data", "branch=main")
      _ = try await roost.run(["events", "publish", "x.input", "-"], input: " [1,\n2] ")
      _ = try await roost.run("events", "publish", "x.nothing")
      let others = try lines(try await roost.run("events", "--subject", "x.>", "--json"))
      #expect(others.map { $0["data"] } == [["status": 0, "branch": "main"], [1, 2], nil])
      #expect(try await roost.runJSON("events", "publish", "x.y", "1")["subject"] == "x.y")
    }
  }

  @Test(
    "what cannot be published is refused with a reason, and nothing is stored",
    arguments: [
      (["a..b"], 2), (["hub.x.y"], 5), (["replay.x"], 5), (["x", "{"], 2), (["x", "built"], 2), (["a b"], 2),
      (["x", "1", "--data", "a=1"], 2), (["x", "--origin", "tool"], 2), (["x", "--origin", ":"], 2), ([], 2),
      (["x", "--causation", ""], 2), (["x", "1", "--lines"], 2),
    ] as [([String], Int32)])
  func refused(words: [String], code: Int32) async throws {
    let roost = try await SharedServer.roost
    let result = try await roost.run(["events", "publish"] + words)
    #expect(result.exitCode == code && result.text.isEmpty, "\(words): \(result)")
    #expect(result.errorText.hasPrefix("roost events publish: "), "\(result)")
  }

  @Test("of several lines those before a bad one are published, and the bad one is named; blank ones are passed over")
  func badLine() async throws {
    try await withRoost { roost in
      let result = try await roost.run(
        ["events", "publish", "x.y", "--lines"], input: "{\"n\":1}\n\n{\"n\":2}\r\n{oops}\n{\"n\":4}\n")
      #expect(result.exitCode == 2 && result.errorText.contains("line 4:"), "\(result)")
      #expect(numbers(try lines(try await roost.run("events", "--subject", "x.y", "--json"))) == [1, 2])
      let large = try await roost.run(
        ["events", "publish", "x.y", "-"], input: "\"" + String(repeating: "x", count: 70_000) + "\"")
      #expect(large.exitCode == 2, "\(large.errorText)")
    }
  }

  // MARK: Asking

  @Test("without an order the newest are shown, oldest of them first; the other orders begin at their end")
  func orders() async throws {
    try await withRoost { roost in
      let sequences = try await publish(roost, "t.n", 10)
      func ask(_ words: String...) async throws -> [Int] {
        numbers(try lines(try await roost.run(["events", "--json", "-S", "t.n"] + words)))
      }
      #expect(try await ask("-n", "3") == [8, 9, 10])
      #expect(try await ask("-n", "3", "--reverse") == [10, 9, 8])
      #expect(try await ask("-n", "3", "--order", "desc") == [10, 9, 8])
      #expect(try await ask("-n", "3", "--order", "asc") == [1, 2, 3])
      #expect(try await ask("--all") == Array(1...10))
      #expect(try await ask("--after", "\(sequences[4])", "-n", "2") == [6, 7])
      #expect(try await ask("--before", "\(sequences[4])", "-n", "2") == [3, 4])
      #expect(try await ask("--after", "\(sequences[1])", "--before", "\(sequences[4])") == [3, 4])
      #expect(try await ask("--after", "\(sequences[1])", "-r", "-n", "100") == Array((3...10).reversed()))
    }
  }

  @Test("more than a page is asked for page by page")
  func paging() async throws {
    try await withRoost { roost in
      var published: [Int] = []
      for first in stride(from: 0, to: 2500, by: 100) {
        let batch = JSON.array((first..<first + 100).map { ["subject": "t.n", "data": ["n": .integer($0)]] })
        published += try await roost.http.post("/events", batch)["events"].array?.compactMap { $0["seq"].integer } ?? []
      }
      published.sort()
      func ask(_ words: String...) async throws -> [Int] {
        try lines(try await roost.run(["events", "--json", "-S", "t.n"] + words)).compactMap { $0["seq"].integer }
      }
      #expect(published.count == 2500)
      #expect(try await ask("--all") == published)
      #expect(try await ask("-n", "1500") == published.suffix(1500))
      #expect(try await ask("-n", "2100", "-r") == published.suffix(2100).reversed())
    }
  }

  @Test("filters: subject, type, origin, correlation, time")
  func filters() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "one", "argv": ["/bin/cat"]])
      try await publish(roost, "a.b", 1)
      try await publish(roost, "a.c", 1, from: 2)
      func ask(_ words: String...) async throws -> [JSON] {
        try lines(try await roost.run(["events", "--json"] + words))
      }
      #expect(numbers(try await ask("-S", "a.b", "-S", "a.c")) == [1, 2])
      let created = try await ask("--type", "session.created")
      #expect(created.count == 1)
      let correlation = try #require(created[0]["correlation_id"].string)
      #expect(try await ask("--correlation", correlation).map { $0["type"] } == ["session.created", "audit.allowed"])
      let origin = try #require(created[0]["origin"]["id"].string)
      #expect(try await ask("--origin", "session:\(origin)", "--type", "session.*").count == 1)
      #expect(try await ask("--origin", "nobody").isEmpty)
      #expect(numbers(try await ask("-S", "a.>", "--since", "1h")) == [1, 2])
      #expect(try await ask("-S", "a.>", "--until", "1h").isEmpty)
      #expect(try await ask("-S", "a.>", "--since", "yesterday 14:00", "--until", "yesterday 14:00").isEmpty)
      let time = try #require(try await ask("-S", "a.c")[0]["time"].string)
      #expect(numbers(try await ask("-S", "a.>", "--since", time)) == [2])
      #expect(numbers(try await ask("-S", "a.>", "--until", time)) == [1])
      for words in [["--since", "soon"], ["--since", "1h", "--until", "2h"], ["-S", "a..b"], ["--origin", ":x"]] {
        let refused = try await roost.run(["events"] + words)
        #expect(refused.exitCode == 2 && refused.text.isEmpty, "\(words): \(refused)")
      }
    }
  }

  @Test("for people there are columns, without colours where no terminal is; other forms are JSON")
  func humanForm() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "one", "argv": ["/bin/cat"]])
      try await publish(roost, "a.b", 1)
      let shown = try await roost.run(["events", "--since", "1h"], environment: ["TZ": "UTC"])
      let rows = shown.text.split(separator: "\n")
      #expect(rows.first?.hasPrefix("TIME") == true && !shown.text.contains("\u{1B}"), "\(shown)")
      #expect(rows.contains { $0.contains("  session.created") && $0.contains("  session:") && $0.contains("one") })
      #expect(rows.contains { $0.contains("  a.b  ") && $0.hasSuffix("  n=1") }, "\(shown)")
      let cloud = try lines(try await roost.run("events", "-S", "a.b", "--format", "cloudevents"))
      #expect(cloud.count == 1 && cloud[0]["specversion"] == "1.0" && cloud[0]["subject"] == "a.b")
      let hub = try lines(try await roost.run("events", "-S", "a.b", "--format", "hub"))
      #expect(hub.count == 1 && hub[0]["payload"] == ["n": 1])
      let terminal = try roost.terminal("events", "-S", "a.b", columns: 70)
      try await terminal.expect("\u{1B}[1mTIME")
      _ = try await terminal.waitForExit()
      let plain = try roost.terminal("events", "-S", "a.b", environment: ["NO_COLOR": "1"])
      try await plain.expect("n=1")
      _ = try await plain.waitForExit()
      #expect(!plain.output.contains("\u{1B}"))
    }
  }

  // MARK: Following

  @Test("following misses nothing and repeats nothing while the server is killed and started again")
  func followThroughCrash() async throws {
    try await withRoost { roost in
      let first = try await publish(roost, "t.n", 1)[0]
      async let followed = roost.run("events", "follow", "--json", "-S", "t.n", "--after", "\(first - 1)", "-n", "400")
      for round in 0..<4 {
        try await publish(roost, "t.n", 50, from: 2 + round * 100)
        try await roost.killServer()
        try await roost.start()
        try await publish(roost, "t.n", 50, from: 52 + round * 100)
      }
      let events = try lines(try await followed)
      #expect(numbers(events) == Array(1...400))
      let sequences = events.compactMap { $0["seq"].integer }
      #expect(sequences == sequences.sorted() && Set(sequences).count == 400)
    }
  }

  @Test("a cursor goes on where its reader stopped")
  func cursors() async throws {
    try await withRoost { roost in
      let sequences = try await publish(roost, "t.n", 5)
      let words = ["events", "follow", "--json", "-S", "t.n", "--cursor", "mine"]
      let one = try await roost.run(words + ["--after", "\(sequences[0] - 1)", "-n", "2"])
      #expect(numbers(try lines(one)) == [1, 2])
      try await eventually("the cursor is stored") {
        try await roost.http.request("GET", "/events/cursors/mine").json["seq"].integer == sequences[1]
      }
      #expect(numbers(try lines(try await roost.run(words + ["-n", "3"]))) == [3, 4, 5])
    }
  }

  @Test("history goes over into the present")
  func since() async throws {
    try await withRoost { roost in
      try await publish(roost, "t.n", 3)
      let terminal = try roost.terminal("events", "follow", "-S", "t.n", "--since", "1h")
      try await terminal.expect("n=3")
      try await publish(roost, "t.n", 1, from: 4)
      try await terminal.expect("n=4")
      try terminal.type("\u{3}")
      #expect(try await terminal.waitForExit() == .signaled(SIGINT))
    }
  }

  @Test("without a server following ends with 7, and a bad pattern with 2")
  func followRefused() async throws {
    try await withScratchHome { roost in
      let result = try await roost.run("events", "follow")
      #expect(result.exitCode == 7, "\(result)")
    }
    let roost = try await SharedServer.roost
    #expect(try await roost.run("events", "follow", "-S", "a..b").exitCode == 2)
  }

  // MARK: Replay

  @Test("a replay prints the events of its time, and at speed max it does not wait")
  func replay() async throws {
    try await withRoost { roost in
      try await publish(roost, "t.n", 20)
      let replayed = try await roost.run("events", "replay", "--since", "1h", "-S", "t.n", "--speed", "max", "--json")
      #expect(numbers(try lines(replayed)) == Array(1...20))
      let paced = try await roost.run("events", "replay", "--since", "1h", "-S", "t.n", "--speed", "1000000", "--json")
      #expect(numbers(try lines(paced)) == Array(1...20))
      #expect(try await roost.run("events", "replay", "--speed", "0").exitCode == 2)
    }
  }

  @Test("JSON on a terminal does nothing to it; into a pipe it is as the server gave it") func jsonOnTerminal()
    async throws
  {
    try await withRoost { roost in
      try await roost.http.post("/events", ["subject": "t.n", "data": "a\u{9b}31mb\u{202e}c"])
      let terminal = try roost.terminal("events", "-S", "t.n", "--json")
      let shown = try await terminal.expect(#"a\u009b31mb\u202ec"#)
      #expect(!shown.contains("\u{9b}") && !shown.contains("\u{202e}"))
      #expect(try await roost.run("events", "-S", "t.n", "--json").text.contains("a\u{9b}31mb\u{202e}c"))
    }
  }

  @Test("replayed onto the bus, events stand under replay. with the original as their cause")
  func replayToBus() async throws {
    try await withRoost { roost in
      try await publish(roost, "t.n", 3)
      let replayed = try await roost.run(
        "events", "replay", "--since", "1h", "-S", "t.n", "--speed", "max", "--to", "bus")
      #expect(replayed.exitCode == 0 && replayed.text.isEmpty, "\(replayed)")
      let originals = try lines(try await roost.run("events", "--json", "-S", "t.n"))
      let copies = try lines(try await roost.run("events", "--json", "-S", "replay.t.n"))
      #expect(copies.map { $0["causation_id"] } == originals.map { $0["id"] })
      #expect(numbers(copies) == [1, 2, 3] && copies.allSatisfy { $0["type"] == originals[0]["type"] })
    }
  }

  @Test("an interrupted replay says how to go on, and with a name goes on by itself")
  func resume() async throws {
    try await withRoost { roost in
      let sequences = try await publish(roost, "t.n", 3)
      // The fourth is an hour away: the slow replay waits for it.
      let words = ["events", "replay", "--since", "1h", "-S", "t.n", "--json", "--resume", "drill"]
      let terminal = try roost.terminal(
        "events", "replay", "--since", "1h", "-S", "t.n", "--speed", "0.000001", "--resume", "drill")
      try await terminal.expect("n=1")
      try terminal.type(" ")
      try await terminal.expect("[paused")
      try terminal.type(" ")
      try await terminal.expect("[going on]")
      try terminal.type("q")
      try await terminal.expect("1 event replayed. To go on: roost events replay --since")
      try await terminal.expect("--resume drill")
      #expect(try await terminal.waitForExit() == .exited(0))
      #expect(terminal.isCooked)
      let cursor = try await roost.http.get("/events/cursors/replay-drill")
      #expect(cursor["seq"].integer == sequences[0])
      let rest = try await roost.run(words + ["--speed", "max"])
      #expect(numbers(try lines(rest)) == [2, 3])
      // It has come to its end: the name is free.
      #expect(try await roost.http.request("GET", "/events/cursors/replay-drill").status == 404)
    }
  }

  @Test("ctrl+c ends a replay that waits, with the terminal as it was")
  func interrupt() async throws {
    try await withRoost { roost in
      let sequences = try await publish(roost, "t.n", 2)
      let terminal = try roost.terminal("events", "replay", "--since", "1h", "-S", "t.n", "--speed", "0.000001")
      try await terminal.expect("n=1")
      try terminal.type("\u{3}")
      try await terminal.expect("--after \(sequences[0])")
      #expect(try await terminal.waitForExit() == .exited(128 + SIGINT))
      #expect(terminal.isCooked)
    }
  }

  // MARK: Tracing

  @Test("a trace is the tree of what one call caused, found by correlation id, event id or number")
  func trace() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "one", "argv": ["/bin/cat"]])
      let created = try lines(try await roost.run("events", "--json", "--type", "session.created"))[0]
      let correlation = try #require(created["correlation_id"].string)
      let traced = try await roost.run("events", "trace", correlation)
      #expect(traced.exitCode == 0 && traced.text.contains("└─ session.created"), "\(traced)")
      for id in [correlation, created["id"].string ?? "", "\(created["seq"].integer ?? 0)"] {
        let tree = try await roost.runJSON("events", "trace", id)
        #expect(tree["correlation_id"].string == correlation && tree["events"] == 2)
        #expect(tree["roots"][0]["event"]["type"] == "audit.allowed")
        #expect(tree["roots"][0]["children"][0]["event"]["id"] == created["id"])
      }
      let unknown = try await roost.run("events", "trace", "nobody")
      #expect(unknown.exitCode == 3 && unknown.text.isEmpty, "\(unknown)")
    }
  }

  // MARK: Verifying

  @Test("the files of a log are checked without a server: what was changed in them is found, and where")
  func verify() async throws {
    try await withRoost { roost in
      try await publish(roost, "t.n", 5)
      let live = try await roost.run("events", "verify")
      #expect(live.exitCode == 0 && live.text.contains("no problem"), "\(live)")
      try await roost.stopServer()
      let good = try await roost.runJSON("events", "verify")
      #expect(good["ok"] == true && (good["events"].integer ?? 0) >= 5)
      let folder = try #require(good["folder"].string)
      let path = "\(folder)/\(good["files"][0]["path"].string ?? "")"
      let bytes = try readFile(path)
      func check(_ changed: [UInt8]) async throws -> (code: Int32?, kinds: [String?]) {
        let file = try #require(fopen(path, "w"))
        fwrite(changed, 1, changed.count, file)
        fclose(file)
        let result = try await roost.run("--json", "events", "verify", "--folder", folder)
        let problems = try JSON(parsing: result.output)["files"][0]["problems"].array ?? []
        return (result.exitCode, problems.map { $0["kind"].string })
      }
      var lines = bytes.split(separator: 0x0A).map(Array.init)
      #expect(try await check(bytes).code == 0)
      var flipped = bytes
      flipped[lines[0].count + 200] ^= 1
      #expect(try await check(flipped) == (1, ["corrupt"]))
      #expect(try await check(Array(bytes.dropLast(10))) == (1, ["torn"]))
      let missing = lines.remove(at: 2)
      #expect(try await check(Array(lines.joined(separator: [0x0A])) + [0x0A]) == (1, ["missing"]))
      lines.append(missing)
      #expect(try await check(Array(lines.joined(separator: [0x0A])) + [0x0A]) == (1, ["missing", "repeated"]))
      #expect(try await check(bytes + Array("nonsense\n".utf8)) == (1, ["corrupt"]))
      let text = try await roost.run("events", "verify")
      #expect(text.exitCode == 1 && text.text.contains("is no event"), "\(text)")
    }
    try await withScratchHome { roost in
      for words in [[], ["--folder", "/no/such"]] {
        let result = try await roost.run(["events", "verify"] + words)
        #expect(result.exitCode == 3, "\(result)")
      }
    }
  }
}
