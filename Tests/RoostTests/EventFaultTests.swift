import Domains
import Formats
import Glibc
import Net
import Operations
import Sys
import TestKit
import Testing

/// What the real server does with bad input to its event log, when it is killed, and with a damaged file.
@Suite("Faults and the event log", .bounded)
struct EventFaultTests {
  // MARK: Bad input

  @Test(
    "an event that is none is refused with its code, and nothing is stored",
    arguments: [
      ("{", "invalid_event"), ("", "invalid_event"), ("7", "invalid_event"), ("null", "invalid_event"),
      ("\"text\"", "invalid_event"), ("{\"subject\":\"bad.x\"", "invalid_event"), ("[]", "invalid_event"),
      ("{\"subject\":\"bad.x\"}{}", "invalid_event"), ("{\"subject\":\"bad.x\",}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"data\":01}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"data\":NaN}", "invalid_event"),
      ("{}", "invalid_event"), ("{\"subject\":7}", "invalid_event"), ("{\"subject\":null}", "invalid_event"),
      ("{\"subject\":[\"bad.x\"]}", "invalid_event"), ("{\"subject\":\"bad.x\",\"colour\":1}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"subject\":\"bad.y\"}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"seq\":1}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"time\":\"2020-01-01T00:00:00Z\"}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"principal\":\"user:0\"}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"type\":7}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"type\":\"\"}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"type\":\"a b\"}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"type\":\"a\\\"b\"}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"id\":\"\"}", "invalid_event"), ("{\"subject\":\"bad.x\",\"id\":7}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"id\":\"a\\nb\"}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"origin\":\"tool\"}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"origin\":{\"kind\":\"tool\"}}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"origin\":{\"kind\":\"TOOL\",\"id\":\"x\"}}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"origin\":{\"kind\":\"tool\",\"id\":\"a\\u0000b\"}}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"origin\":{\"kind\":\"tool\",\"id\":\"x\",\"more\":1}}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"correlation_id\":\"a b\"}", "invalid_event"),
      ("{\"subject\":\"bad.x\",\"causation_id\":[]}", "invalid_event"),
      ("{\"payload\":1}", "invalid_event"), ("{\"type\":\"bad\",\"payload\":1,\"more\":1}", "invalid_event"),
      ("{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"/x\",\"type\":\"bad\"}", "invalid_event"),
      ("{\"specversion\":\"1.0\",\"source\":\"/x\",\"type\":\"bad\"}", "invalid_event"),
      (
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/x\",\"type\":\"bad\",\"data_base64\":\"AA==\"}",
        "invalid_event"
      ),
      ("[{\"subject\":\"bad.x\"},{\"subject\":\"bad..x\"}]", "invalid_subject"),
      ("[{\"subject\":\"bad.x\"},7]", "invalid_event"), ("[[{\"subject\":\"bad.x\"}]]", "invalid_event"),
      ("[{\"subject\":\"bad.x\"},{\"subject\":\"hub.x\"}]", "subject_reserved"),
    ])
  func malformed(body: String, code: String) async throws {
    try await refused(Array(body.utf8), code, code == "subject_reserved" ? 403 : 400)
  }

  @Test(
    "a subject that is none is refused, and so is one of the server's own",
    arguments: [
      ("a..b", "invalid_subject"), ("", "invalid_subject"), (".", "invalid_subject"), (".a", "invalid_subject"),
      ("a.", "invalid_subject"), ("a b", "invalid_subject"), ("a\tb", "invalid_subject"), ("a\nb", "invalid_subject"),
      ("a\u{A0}b", "invalid_subject"), ("a..\u{301}b", "invalid_subject"), ("hub.\u{301}x", "subject_reserved"),
      ("a\u{0}b", "invalid_subject"), ("a\"b", "invalid_subject"),
      ("a\\b", "invalid_subject"), ("*", "invalid_subject"), ("a.*", "invalid_subject"), (">", "invalid_subject"),
      ("a.>", "invalid_subject"), ("a.*.b", "invalid_subject"), ("hub", "subject_reserved"),
      ("hub.x", "subject_reserved"), ("hub.me.session.created", "subject_reserved"), ("replay.x", "subject_reserved"),
      ((0..<300).map { _ in "a" }.joined(separator: "."), "invalid_subject"),
      (String(repeating: "a", count: 256), "invalid_subject"),
    ])
  func subjects(subject: String, code: String) async throws {
    let event = JSON.object(["subject": .string(subject), "type": "bad", "data": "bad.x"])
    try await refused(event.bytes, code, code == "subject_reserved" ? 403 : 400)
    try await refused(JSON.array([["subject": "bad.x"], event]).bytes, code, code == "subject_reserved" ? 403 : 400)
    let bus = try await SharedServer.roost.http.another().request(
      "POST", "/bus/publish", json: ["topic": .string(subject), "type": "bad", "payload": 1])
    #expect(bus.errorCode == code, "\(bus)")
  }

  private func refused(_ body: [UInt8], _ code: String, _ status: Int) async throws {
    let http = try await SharedServer.roost.http.another()
    let response = try await http.request("POST", "/events", body: body)
    let text = String(decoding: body.prefix(120), as: UTF8.self)
    #expect(response.status == status && response.errorCode == code, "\(text): \(response)")
    #expect(response.json["error"]["message"].string?.isEmpty == false)
    #expect(try await http.get("/events?subject=bad.%3E")["events"].array?.isEmpty == true, "\(text) was stored")
  }

  @Test("bytes that are no UTF-8 are refused wherever they stand") func notUTF8() async throws {
    for (before, after) in [
      ("{\"type\":\"bad\",\"subject\":\"mad.", "\"}"), ("{\"payload\":1,\"type\":\"mad.", "\"}"),
      ("{\"subject\":\"mad.x\",\"data\":\"", "\"}"),
      ("{\"subject\":\"mad.x\",\"data\":{\"", "\":1}}"), ("{\"subject\":\"mad.x\",\"type\":\"", "\"}"),
      ("{\"subject\":\"mad.x\",\"origin\":{\"kind\":\"tool\",\"id\":\"", "\"}}"), ("", "{\"subject\":\"mad.x\"}"),
    ] {
      let body = Array(before.utf8) + [0xFF, 0xC0] + Array(after.utf8)
      let response = try await SharedServer.roost.http.another().request("POST", "/events", body: body)
      #expect(response.status == 400, "\(before): \(response)")
    }
    #expect(try await SharedServer.roost.events("&subject=mad.%3E").isEmpty)
  }

  @Test("an event of more than 64 KiB is refused, alone or in a list, and the largest is taken") func large()
    async throws
  {
    try await withRoost { roost in
      func event(_ bytes: Int) -> JSON { ["subject": "t.n", "data": .string(String(repeating: "x", count: bytes))] }
      for body in [event(65_536), [event(1), event(65_536), event(1)]] as [JSON] {
        let response = try await roost.http.request("POST", "/events", body: body.bytes)
        #expect(response.status == 413 && response.errorCode == "event_too_large", "\(response)")
      }
      #expect(try await roost.events("&subject=t.n").isEmpty)
      #expect(try await roost.http.request("POST", "/events", body: event(65_000).bytes).status == 201)
      let body =
        Array("{\"subject\":\"t.n\",\"data\":".utf8) + Array(repeating: 0x20, count: 1 << 20) + Array("1}".utf8)
      let large = try await roost.http.another().request("POST", "/events", body: body)
      #expect(large.status == 413, "\(large)")
      #expect(try await roost.events("&subject=t.n").count == 1)
      // White space is not stored, so it does not count.
      let wide =
        Array("{\"subject\":\"t.n\",\"data\":".utf8) + Array(repeating: 0x20, count: 500_000) + Array("1}".utf8)
      #expect(try await roost.http.another().request("POST", "/events", body: wide).status == 201)
    }
  }

  @Test("a list holds a hundred events and no more") func longList() async throws {
    try await withRoost { roost in
      func list(_ count: Int) -> JSON { .array((0..<count).map { ["subject": "t.n", "data": .integer($0)] }) }
      let refused = try await roost.http.request("POST", "/events", body: list(101).bytes)
      #expect(refused.status == 400 && refused.errorCode == "invalid_event", "\(refused)")
      #expect(try await roost.events("&subject=t.n").isEmpty)
      let taken = try await roost.http.post("/events", list(100))["events"].array ?? []
      #expect(taken.count == 100)
      #expect(try await roost.events("&subject=t.n").map { $0["data"].integer } == Array(0..<100))
    }
  }

  @Test(
    "a question that makes no sense is refused with its code",
    arguments: [
      ("since=nonsense", "invalid_time"), ("until=", "invalid_time"), ("since=99999999999999999999d", "invalid_time"),
      ("since=2026-13-01", "invalid_time"), ("since=2026-02-30", "invalid_time"), ("since=1969-01-01", "invalid_time"),
      ("until=yesterday%2025:00", "invalid_time"), ("since=15", "invalid_time"), ("since=-15m", "invalid_time"),
      ("limit=0", "invalid_request"), ("limit=1001", "invalid_request"), ("limit=-1", "invalid_request"),
      ("limit=x", "invalid_request"), ("limit=1.5", "invalid_request"), ("limit=", "invalid_request"),
      ("after=-1", "invalid_request"), ("after=x", "invalid_request"), ("before=-1", "invalid_request"),
      ("after=18446744073709551616", "invalid_request"), ("colour=red", "invalid_request"),
      ("order=sideways", "invalid_request"), ("format=xml", "invalid_request"), ("subject=a..b", "invalid_subject"),
      ("subject=%3E.a", "invalid_subject"), ("subject=", "invalid_subject"), ("subject=a,", "invalid_subject"),
      ("type=a%20b", "invalid_subject"), ("subject=%FF", "invalid_request"), ("subject=%zz", "invalid_request"),
      ("subject=\((0..<33).map { "s\($0)" }.joined(separator: ","))", "invalid_request"),
    ])
  func questions(query: String, code: String) async throws {
    let response = try await SharedServer.roost.http.another().request("GET", "/events?\(query)")
    #expect(response.status == 400 && response.errorCode == code, "\(query): \(response)")
  }

  // MARK: Crashes

  @Test("killed in the middle of appends, ten times: every event that was acknowledged is there once, in one sequence")
  func killed() async throws {
    try await withRoost { roost in
      var acknowledged: [String] = []
      for round in 0..<10 {
        let wanted = Int.random(in: 1...120)
        acknowledged += try await withThrowingTaskGroup(of: [String].self) { group in
          let progress = Progress(wanted)
          for publisher in 0..<8 {
            let http = roost.http.another()
            group.addTask {
              var ids: [String] = []
              for number in 0..<10_000 {
                let id = "\(round)-\(publisher)-\(number)"
                let data = JSON.string(String(repeating: "x", count: number % 7 == 0 ? 20_000 : 20))
                let response = try? await http.request(
                  "POST", "/events", json: ["subject": "t.n", "id": .string(id), "data": data])
                guard let response else { break }
                guard response.status == 201 else { throw TestFailure("\(response)") }
                ids.append(id)
                await progress.add()
              }
              return ids
            }
          }
          await progress.reached()
          try await roost.killServer()
          return try await group.reduce(into: []) { $0 += $1 }
        }
        try await roost.start()
      }
      let events = try await roost.events()
      #expect(events.map { $0["seq"].integer } == Array(1...events.count))
      let ids = events.of("t.n").compactMap { $0["id"].string }
      #expect(Set(ids).count == ids.count)
      #expect(Set(acknowledged).subtracting(ids).isEmpty)
      // At most one event of each publisher was on its way at each end.
      #expect(ids.count - acknowledged.count <= 80 && acknowledged.count >= 10)
    }
  }

  private actor Progress {
    private var missing: Int
    private var waiting: CheckedContinuation<Void, Never>?

    init(_ count: Int) { missing = count }

    func add() {
      missing -= 1
      if missing == 0 {
        waiting?.resume()
        waiting = nil
      }
    }

    func reached() async {
      if missing > 0 { await withCheckedContinuation { waiting = $0 } }
    }
  }

  // MARK: Damaged files

  /// A server that has stored fifty events and was ended by the signal; its newest file.
  private func newestFile(_ roost: Roost, _ signal: CInt) async throws -> (path: String, last: Int) {
    for number in 0..<50 { try await roost.http.post("/events", ["subject": "t.n", "data": .integer(number)]) }
    try await roost.killServer(signal)
    let found = try await runProcess(
      "/bin/sh", ["-c", "find \"$1\" -name '*.events.jsonl' | sort | tail -1", "sh", "\(roost.home.path)/state"],
      environment: ["PATH": "/usr/bin:/bin"])
    let path = found.text.split(separator: "\n").first.map(String.init) ?? ""
    let lines = try textOfFile(path).split(separator: "\n")
    let last = try JSON(parsing: String(lines.last ?? ""))["seq"].integer ?? 0
    return (path, last)
  }

  /// What a damaged log has to say, and that it goes on.
  private func check(_ roost: Roost, above last: Int?, lost: ClosedRange<Int>) async throws {
    let repaired = try await roost.events(until: "the damage is told of") { $0["type"] == "events.repaired" }
    let event = try #require(repaired.of("events.repaired").last)
    #expect(EventTypes.named("events.repaired")?.fault(in: event["data"]) == nil, "\(event.text)")
    #expect(roost.log.contains("events: "), "\(roost.log)")
    let made = try await roost.http.post("/events", ["subject": "t.new"])
    if let last {
      #expect((made["seq"].integer ?? 0) > last, "\(made.text) after \(last)")
      #expect((event["seq"].integer ?? 0) > last)
    }
    let events = try await roost.events()
    let sequences = events.compactMap { $0["seq"].integer }
    #expect(sequences == sequences.sorted() && Set(sequences).count == sequences.count)
    #expect(lost.contains(50 - events.of("t.n").count), "\(50 - events.of("t.n").count) events are lost")
    try await roost.session(["name": "alive", "argv": ["/bin/cat"]])
    #expect(try await roost.http.get("/events/status")["writable"] == true)
  }

  @Test("a newest file that was cut short after the server ended: it says so, and gives no number again")
  func truncated() async throws {
    try await withRoost { roost in
      let (path, last) = try await newestFile(roost, SIGTERM)
      guard truncate(path, off_t(try readFile(path).count - 2000)) == 0 else { throw TestFailure("truncate") }
      try await roost.start()
      try await check(roost, above: last, lost: 1...12)
      let status = try await roost.http.get("/events/status")
      #expect((status["torn_bytes_cut"].integer ?? 0) > 0, "\(status.text)")
      let repaired = try #require(try await roost.events().of("events.repaired").first)
      #expect((repaired["data"]["missing"].integer ?? 0) > 0)
      // Whoever follows is told what is missing.
      let socket = try await roost.http.another().webSocket("/events/ws?after=0")
      let gap = try await socket.nextJSON { !$0["gap"].isNull }["gap"]
      #expect(gap["to"].integer == last, "\(gap.text)")
      await socket.close()
    }
  }

  @Test("a last line torn by a crash is cut off, and the server goes on") func torn() async throws {
    try await withRoost { roost in
      let (path, last) = try await newestFile(roost, SIGKILL)
      guard truncate(path, off_t(try readFile(path).count - 20)) == 0 else { throw TestFailure("truncate") }
      try await roost.start()
      try await check(roost, above: nil, lost: 0...1)
      let events = try await roost.events()
      #expect(events.map { $0["seq"].integer } == Array(1...events.count) && events.count >= last)
    }
  }

  @Test("flipped bits cost their lines and no other, and their numbers are not given again") func flipped() async throws
  {
    try await withRoost { roost in
      let (path, last) = try await newestFile(roost, SIGKILL)
      var bytes = try readFile(path)
      // One in the middle, one in the last line, and the line feed between the two before it.
      let feeds = bytes.indices.filter { bytes[$0] == 0x0A }
      bytes[feeds[feeds.count / 2] + 60] ^= 4
      bytes[feeds[feeds.count - 2] + 60] ^= 1
      bytes[feeds[feeds.count - 3]] ^= 0x10
      try roost.home.write(String(decoding: bytes, as: UTF8.self), to: path)
      try await roost.start()
      try await check(roost, above: last, lost: 1...4)
      let page = try await roost.http.get("/events?limit=1000")
      #expect((page["unreadable"].integer ?? 0) >= 2, "unreadable: \(page["unreadable"].text)")
      #expect((try await roost.http.get("/events/status")["corrupt_lines"].integer ?? 0) >= 2)
      let verified = try await roost.run("events", "verify")
      #expect(verified.exitCode == 1, "\(verified)")
    }
  }

  @Test("a file of nothing but rubbish is reported, and the log goes on") func rubbish() async throws {
    try await withRoost { roost in
      let (path, _) = try await newestFile(roost, SIGKILL)
      try roost.home.write(String(repeating: "rubbish without an end ", count: 20_000), to: path)
      try await roost.start()
      let made = try await roost.http.post("/events", ["subject": "t.new"])
      #expect((made["seq"].integer ?? 0) >= 1)
      #expect(try await roost.events("&subject=t.new").count == 1)
      #expect(roost.log.contains("events: "), "\(roost.log)")
    }
  }
}
