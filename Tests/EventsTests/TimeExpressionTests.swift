import Events
import Testing

/// The zone of Berlin in 2026 and the years around it: an hour ahead, two between the last Sundays of March and October, 01:00 UTC.
private func berlin(_ seconds: Int64) -> Int64 {
  let summers: [(Int64, Int64)] = [
    (1_743_296_400, 1_761_440_400), (1_774_746_000, 1_792_890_000), (1_806_195_600, 1_824_944_400),
  ]
  return summers.contains { $0.0 <= seconds && seconds < $0.1 } ? 7200 : 3600
}

private func utc(_ seconds: Int64) -> Int64 { 0 }
private func newfoundland(_ seconds: Int64) -> Int64 { -12_600 }

@Suite("Times as people write them")
struct TimeExpressionTests {
  private func parse(_ text: String, now: String, _ offset: TimeExpression.Offset = utc) throws -> Int64 {
    try TimeExpression.parse(text, now: try TimeExpression.parse(now, now: 0, offset: utc), offset: offset)
  }

  private func expect(
    _ text: String, _ expected: String, now: String = "2026-11-21T11:45:30.5Z",
    _ offset: TimeExpression.Offset = utc, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let found = try parse(text, now: now, offset)
    let wanted = try parse(expected, now: now)
    #expect(found == wanted, "\(text): \(found - wanted) µs off", sourceLocation: location)
  }

  @Test(
    "RFC 3339 is read with any offset and fraction",
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.000001Z", 1), ("1970-01-01t00:00:01z", 1_000_000),
      ("2026-11-21T11:45:01.123456Z", 1_795_261_501_123_456),
      ("2026-11-21T12:45:01.123456+01:00", 1_795_261_501_123_456),
      ("2026-11-21T08:15:01.123456-03:30", 1_795_261_501_123_456),
      ("2026-11-21T11:45:01.123456789999999999999999999999Z", 1_795_261_501_123_456),
      ("2026-11-21T11:45:01.5Z", 1_795_261_501_500_000), ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
      ("2016-12-31T23:59:60Z", 1_483_228_800_000_000), ("9999-12-31T23:59:59.999999Z", TimeExpression.latest),
    ] as [(String, Int64)])
  func rfc3339(text: String, expected: Int64) throws {
    #expect(try TimeExpression.parse(text, now: 0, offset: newfoundland) == expected)
  }

  @Test("without an offset a time is local")
  func localTimes() throws {
    for text in ["2026-11-21T09:30:00", "2026-11-21 09:30", "2026-11-21T9:30", "2026-11-21 9:30:00.0"] {
      try expect(text, "2026-11-21T08:30:00Z", berlin)
    }
    try expect("2026-11-21", "2026-11-20T23:00:00Z", berlin)
    try expect("2026-07-01", "2026-06-30T22:00:00Z", berlin)
    try expect("2026-11-21", "2026-11-21T03:30:00Z", newfoundland)
  }

  @Test("how long ago is counted back from now")
  func durations() throws {
    try expect("15m", "2026-11-21T11:30:30.5Z")
    try expect("90s", "2026-11-21T11:44:00.5Z")
    try expect("2h", "2026-11-21T09:45:30.5Z")
    try expect("2h ago", "2026-11-21T09:45:30.5Z")
    try expect("1h30m", "2026-11-21T10:15:30.5Z")
    try expect("3d", "2026-11-18T11:45:30.5Z")
    try expect("1w", "2026-11-14T11:45:30.5Z")
    try expect("500ms", "2026-11-21T11:45:30Z")
    try expect("0s", "2026-11-21T11:45:30.5Z")
    try expect("now", "2026-11-21T11:45:30.5Z")
    try expect(" NOW ", "2026-11-21T11:45:30.5Z")
  }

  @Test("days are those of the zone")
  func days() throws {
    try expect("today", "2026-11-20T23:00:00Z", berlin)
    try expect("today 9:30", "2026-11-21T08:30:00Z", berlin)
    try expect("today 23:00", "2026-11-21T22:00:00Z", berlin)
    try expect("yesterday 14:00", "2026-11-20T13:00:00Z", berlin)
    try expect("Yesterday", "2026-11-19T23:00:00Z", berlin)
    // In Berlin it is tomorrow already.
    try expect("today", "2026-11-20T23:00:00Z", now: "2026-11-20T23:30:00Z", berlin)
    try expect("today", "2026-11-20T03:30:00Z", now: "2026-11-21T02:00:00Z", newfoundland)
  }

  @Test("a time of day, and a day of the week, is the last one that was")
  func lastOnes() throws {
    // A Saturday, 12:45 in Berlin.
    try expect("12:00", "2026-11-21T11:00:00Z", berlin)
    try expect("13:00", "2026-11-20T12:00:00Z", berlin)
    try expect("12:45:30", "2026-11-21T11:45:30Z", berlin)
    try expect("monday 8:00", "2026-11-16T07:00:00Z", berlin)
    try expect("mon", "2026-11-15T23:00:00Z", berlin)
    try expect("sunday", "2026-11-14T23:00:00Z", berlin)
    try expect("saturday", "2026-11-20T23:00:00Z", berlin)
    try expect("saturday 12:30", "2026-11-21T11:30:00Z", berlin)
    try expect("saturday 13:00", "2026-11-14T12:00:00Z", berlin)
  }

  @Test("an hour that comes twice means its first, one that is skipped the moment that would have followed")
  func changeOfTheClock() throws {
    // 25 October 2026: 02:00 to 03:00 comes twice, first at +02:00.
    try expect("2026-10-25 02:30", "2026-10-25T00:30:00Z", berlin)
    try expect("2026-10-25 01:59", "2026-10-24T23:59:00Z", berlin)
    try expect("2026-10-25 03:00", "2026-10-25T02:00:00Z", berlin)
    // 29 March 2026: 02:00 to 03:00 is skipped.
    try expect("2026-03-29 02:30", "2026-03-29T01:30:00Z", berlin)
    try expect("2026-03-29 01:59", "2026-03-29T00:59:00Z", berlin)
    try expect("2026-03-29 03:00", "2026-03-29T01:00:00Z", berlin)
    // A day is as long as it is.
    try expect("yesterday 12:00", "2026-10-24T10:00:00Z", now: "2026-10-25T12:00:00Z", berlin)
    try expect("24h", "2026-10-24T12:00:00Z", now: "2026-10-25T12:00:00Z", berlin)
  }

  @Test(
    "nonsense is refused",
    arguments: [
      "", " ", "soon", "tomorrow", "-15m", "15", "m", "15x", "1.5h", "15m 3s", "1h ago now", "ago",
      "99999999999999999w",
      "9999999999w", "2026-13-01", "2026-02-29", "2026-00-10", "2026-11-31", "26-11-21", "2026-11-21T24:00:00Z",
      "2026-11-21T11:60:00Z", "2026-11-21T11:45:61Z", "2026-11-21T11:45:00.Z", "2026-11-21T11:45:00.xZ",
      "2026-11-21T11:45:00+1", "2026-11-21T11:45:00+25:00", "2026-11-21T11:45:00Zulu", "2026-11-21T", "T11:45",
      "25:00", "9:5", "9:30:5", "monday monday", "monday 25:00", "now 9:30", "12:00 monday", "1969-12-31T23:59:59Z",
      "0000-01-01T00:00:00Z", "١٥m", "2026\u{2011}11\u{2011}21", "15m\u{0}", String(repeating: "1", count: 1000),
      "today today", "\u{1B}[31m",
    ])
  func nonsense(text: String) {
    do {
      let value = try parse(text, now: "2026-11-21T11:45:30.5Z", berlin)
      Issue.record("\(text) is \(value)")
    } catch {
      #expect((error as? EventError)?.code == .invalidTime)
      #expect((error as? EventError)?.message.utf8.allSatisfy { $0 >= 0x20 } == true)
    }
  }

  @Test("the machine's zone is asked for a moment, not for now")
  func systemZone() {
    // Whatever the zone is, it is a whole number of minutes in this century, and less than a day.
    for seconds: Int64 in [0, 1_774_746_000, 1_795_261_501] {
      let offset = TimeExpression.systemOffset(at: seconds)
      #expect(offset.magnitude < 86_400)
    }
  }
}
