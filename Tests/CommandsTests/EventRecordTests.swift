import Formats
import Net
import Testing

@testable import Commands

/// An envelope as the server writes it.
func envelope(
  _ sequence: Int, type: String = "session.created", subject: String? = nil, id: String? = nil, cause: String? = nil,
  at microseconds: Int64 = 1_795_261_501_123_456, data: String = "{}", principal: String? = nil
) -> [UInt8] {
  var text = #"{"id":"\#(id ?? "id-\(sequence)")","seq":\#(sequence),"type":"\#(type)","#
  text += #""subject":"\#(subject ?? "hub.srv.\(type)")","time":"\#(LocalTime.rfc3339(microseconds))","#
  text += #""origin":{"server_id":"srv","kind":"session","id":"1f3a9c02-1111-2222-3333-444444444444"},"#
  text += #""correlation_id":"c""#
  if let cause { text += #","causation_id":"\#(cause)""# }
  if let principal { text += #","principal":"\#(principal)""# }
  return Array((text + #","data":\#(data)}"#).utf8)
}

func record(
  _ sequence: Int, type: String = "session.created", subject: String? = nil, id: String? = nil, cause: String? = nil,
  at microseconds: Int64 = 1_795_261_501_123_456, data: String = "{}", principal: String? = nil
) throws -> EventRecord {
  try #require(
    EventRecord(
      envelope(
        sequence, type: type, subject: subject, id: id, cause: cause, at: microseconds, data: data, principal: principal
      ))
  )
}

@Suite("Events as the command line shows them")
struct EventRecordTests {
  private static let utc = LocalTime { _ in 0 }

  @Test("a page is taken apart without touching what is in its events")
  func pages() throws {
    let odd = #"{"seq":1,"data":{"n":123456789012345678901234567890,"s":"]}\\\"[{","a":[[1],{"b":[]}]}}"#
    let page = try EventPage(Array(#" { "next" : 7 , "events" : [ \#(odd) , {} ,\#n{"x":[]}] } "#.utf8))
    #expect(page.events.map { String(decoding: $0, as: UTF8.self) } == [odd, "{}", #"{"x":[]}"#])
    #expect(page.next == 7)
    #expect(try EventPage(Array(#"{"events":[],"next":null}"#.utf8)).events.isEmpty)
    for bad in ["", "{}", "[]", #"{"events":1}"#, #"{"events":[1,2]}"#, "nonsense"] {
      #expect(throws: CommandFailure.self) { try EventPage(Array(bad.utf8)) }
    }
  }

  @Test("a line of any length has time, number, type, subject, who, origin and data in columns")
  func line() throws {
    var lines = EventLines(style: .plain, width: nil, zone: EventRecordTests.utc)
    let own = lines.line(
      try record(42, data: #"{"name":"build","pid":12,"argv":["a","b c"],"title":"two words","e":""}"#))
    #expect(
      own
        == "2026-11-21 11:45:01.123      42  session.created       -        -       session:1f3a9c02  "
        + #"name=build pid=12 argv=["a","b c"] title="two words" e="""# + "\n")
    let other = lines.line(try record(43, type: "done", subject: "build.finished", data: "3"))
    #expect(
      other == "2026-11-21 11:45:01.123      43  done                  build.finished  -       session:1f3a9c02  3\n")
    let foreign = try record(1, subject: "hub.other.session.created")
    #expect(foreign.shortSubject == "hub.other.session.created")
  }

  @Test("what programs publish cannot move the cursor, and a line ends where the terminal does")
  func hostile() throws {
    var lines = EventLines(style: .plain, width: 140, zone: EventRecordTests.utc)
    let line = lines.line(
      try record(
        1, subject: #"a\u001b[2J"#,
        data: #"{"x":"\u001b]0;t\u0007\u202e","long":"\#(String(repeating: "y", count: 500))"}"#))
    #expect(!line.dropLast().unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202e })
    #expect(displayWidth(String(line.dropLast())) == 140)
  }

  @Test("80 columns hold when, what, about what, who, and the most telling of the data")
  func narrow() throws {
    let now: Int64 = 1_795_261_501_123_456
    var lines = EventLines(style: .plain, width: 80, zone: EventRecordTests.utc, now: now)
    let finished = try record(
      5, type: "session.command_finished", at: now,
      data: #"{"session":"build","number":1,"command":"make","exit_status":2,"duration_ms":23}"#, principal: "user:1000"
    )
    let audit = try record(
      6, type: "audit.failed", at: now - 86_400_000_000,
      data: #"{"operation":"session.remove","target":"nothere","outcome":"failed","code":"session_not_found"}"#,
      principal: "token:ci")
    lines.fit([finished, audit])
    #expect(lines.heading == "TIME         TYPE                      SUBJECT  WHO        WHAT\n")
    #expect(
      lines.line(finished)
        == "11:45:01     session.command_finished  build    user:1000  exit_status=2 make n…\n")
    #expect(
      lines.line(audit) == "11-20 11:45  audit.failed              nothere  token:ci   session.remove sessi…\n")
    let published = try record(
      7, type: "deploy.finished", subject: "deploy.production.finished", at: now, data: #"{"status":0}"#,
      principal: "token:hub-a for user:1000")
    #expect(
      lines.line(published)
        == "11:45:01     deploy.finished           deploy.prod…  token:hub-a …  status=0\n")
  }

  @Test("no line is longer than the terminal, however long its parts are", arguments: [20, 40, 60, 80, 100, 139])
  func neverLonger(width: Int) throws {
    let long = String(repeating: "ü", count: 300)
    var lines = EventLines(style: .plain, width: width, zone: EventRecordTests.utc)
    for type in ["session.created", "audit.refused", long] {
      let line = lines.line(try record(1, type: type, data: #"{"session":"\#(long)","x":"\#(long)"}"#, principal: long))
      #expect(displayWidth(String(line.dropLast())) <= width)
      #expect(displayWidth(String(lines.heading.dropLast())) <= width)
    }
  }

  @Test("moments are shown in the reader's zone and sent in UTC, to the microsecond")
  func times() {
    #expect(LocalTime { _ in 3600 }.text(1_795_261_501_123_456) == "2026-11-21 12:45:01.123")
    #expect(LocalTime { _ in -43_200 }.text(1_795_261_501_123_456) == "2026-11-20 23:45:01.123")
    #expect(LocalTime.rfc3339(1_795_261_501_000_006) == "2026-11-21T11:45:01.000006Z")
    #expect(LocalTime.rfc3339(1_795_261_501_123_000) == "2026-11-21T11:45:01.123000Z")
  }

  @Test("data given member by member are JSON where they can be")
  func members() {
    #expect(
      EventRequest.object(["a=1", "b=x y", "c=true", #"d="3""#, "e=", #"f={"g":[1]}"#, "a=2", "h=1=2"])
        == ["b": "x y", "c": true, "d": "3", "e": "", "f": ["g": [1]], "a": 2, "h": "1=2"])
  }

  @Test("a speed is a factor, with or without an x, or max")
  func speeds() throws {
    #expect(try EventReplay.speed(nil) == 1)
    #expect(try EventReplay.speed("10") == 10)
    #expect(try EventReplay.speed("0.5x") == 0.5)
    #expect(try EventReplay.speed("max") == nil)
    for text in ["", "0", "-1", "x", "nan", "inf", "1e99", "10 x"] {
      #expect(throws: CommandFailure.self) { try EventReplay.speed(text) }
    }
  }

  @Test("attempts come further and further apart, never regularly, and never more than ten seconds")
  func backoff() {
    var backoff = Backoff()
    let longest = (0..<10).map { _ in backoff.next(random: 1) }
    #expect(longest.prefix(3) == [.milliseconds(200), .milliseconds(400), .milliseconds(800)])
    #expect(longest.last == .seconds(10))
    #expect(backoff.next(random: 0) == .seconds(5))
    backoff.reset()
    #expect(backoff.next(random: 0) == .milliseconds(100))
  }
}

@Suite("The tree of what one call caused")
struct EventTreeTests {
  private func text(_ records: [EventRecord]) -> String { EventTree(records).text(style: .plain, width: nil) }

  @Test("each event stands below its cause, with the time since the first and how long it took")
  func tree() throws {
    let start: Int64 = 1_795_261_501_000_000
    let records = [
      try record(1, type: "session.created", id: "s", cause: "a", at: start + 2_000),
      try record(
        2, type: "audit.allowed", id: "a", at: start + 5_000, data: #"{"duration_ms":4.5}"#, principal: "user:1"),
      try record(3, type: "session.command_started", id: "cs", cause: "s", at: start + 10_000),
      try record(4, type: "session.ended", id: "e", cause: "s", at: start + 70_000_000),
      try record(5, type: "session.command_finished", cause: "cs", at: start + 1_260_400, data: #"{"exit_status":0}"#),
      try record(6, type: "note", subject: "n", cause: "unknown", at: start),
    ]
    #expect(
      text(records) == """
            +0.005s  audit.allowed by user:1 took 0.005s #2  duration_ms=4.5
            +0.002s  └─ session.created #1
            +0.010s     ├─ session.command_started #3
            +1.260s     │  └─ session.command_finished took 1.250s #5  exit_status=0
             +1m10s     └─ session.ended #4
            +0.000s  note #6

        """)
  }

  @Test("the JSON form holds the events as they came")
  func json() throws {
    let first = envelope(1, id: "a", at: 1_000_000, data: #"{"n":12345678901234567890123}"#)
    let tree = EventTree([try #require(EventRecord(first)), try record(2, id: "b", cause: "a", at: 1_000_500)])
    let bytes = tree.json(correlationID: "c\"")
    let json = try JSON(parsing: bytes)
    #expect(json["correlation_id"] == "c\"" && json["events"] == 2)
    let root = json["roots"][0]
    #expect(root["event"]["id"] == "a" && root["offset_ms"].double == 0)
    #expect(root["children"][0]["event"]["id"] == "b" && root["children"][0]["offset_ms"].double == 0.5)
    #expect(String(decoding: bytes, as: UTF8.self).contains("12345678901234567890123}"))
  }

  @Test("events that cause each other, or themselves, are shown once each")
  func cycles() throws {
    let records = [
      try record(1, id: "a", cause: "c"), try record(2, id: "b", cause: "a"), try record(3, id: "c", cause: "b"),
      try record(4, id: "d", cause: "d"), try record(5, id: "e", cause: "b"), try record(6, id: "a", cause: "a"),
    ]
    let tree = EventTree(records)
    #expect(tree.roots == [0, 3])
    #expect(tree.nodes[0].children == [1, 5])
    #expect(tree.nodes[1].children == [2, 4])
    #expect(text(records).split(separator: "\n").count == 6)
  }

  @Test("a chain of any length is shown, however deep it goes")
  func deep() throws {
    let records = try (1...3_000).map { try record($0, cause: $0 > 1 ? "id-\($0 - 1)" : nil) }
    let tree = EventTree(records)
    #expect(tree.text(style: .plain, width: 80).split(separator: "\n").count == 3_000)
    _ = try JSON(parsing: tree.json(correlationID: "c"))
    let loop = try (1...3_000).map { try record($0, cause: "id-\($0 % 3_000 + 1)") }
    #expect(EventTree(loop).roots == [0])
  }
}

@Suite("The pace of a replay")
struct ReplayPaceTests {
  private let second: UInt64 = 1_000_000_000

  @Test("the first event is due at once, the others as far apart as they were, divided by the speed")
  func spacing() {
    var pace = ReplayPace(speed: 10)
    #expect(pace.delay(before: 5_000_000, now: 100 * second) == 0)
    pace.sent(5_000_000, now: 100 * second)
    #expect(pace.delay(before: 25_000_000, now: 100 * second) == 2 * second)
    #expect(pace.delay(before: 25_000_000, now: 101 * second) == second)
    pace.sent(25_000_000, now: 102 * second)
    #expect(pace.delay(before: 25_000_000, now: 102 * second) == 0)
  }

  @Test("a little lateness is made up for, so that errors do not add up")
  func small() {
    var pace = ReplayPace(speed: 1)
    pace.sent(0, now: 0)
    pace.sent(1_000_000, now: second + 200_000_000)
    #expect(pace.delay(before: 2_000_000, now: second + 200_000_000) == 800_000_000)
  }

  @Test("after a stop of any length nothing comes in a burst")
  func stopped() {
    var pace = ReplayPace(speed: 1)
    pace.sent(0, now: 0)
    pace.sent(1_000_000, now: 500 * second)
    #expect(pace.delay(before: 2_000_000, now: 500 * second) == second)
  }

  @Test("what was left to wait before a pause is left after it")
  func pause() {
    var pace = ReplayPace(speed: 2)
    pace.sent(0, now: 0)
    pace.pause(now: second)
    #expect(pace.isPaused)
    pace.pause(now: 2 * second)
    pace.resume(now: 61 * second)
    #expect(!pace.isPaused)
    #expect(pace.delay(before: 10_000_000, now: 61 * second) == 4 * second)
  }

  @Test("a clock that was set back costs no wait, and one set forward for ever does not overflow")
  func clock() {
    var pace = ReplayPace(speed: 1e-6)
    pace.sent(10_000_000, now: second)
    #expect(pace.delay(before: 3_000_000, now: second) == 0)
    pace.sent(3_000_000, now: second)
    #expect(pace.delay(before: .max, now: second) > 1_000_000 * second)
  }

  @Test("max does not wait")
  func max() {
    var pace = ReplayPace(speed: nil)
    pace.sent(0, now: 0)
    #expect(pace.delay(before: 1_000_000_000, now: 0) == 0)
  }
}
