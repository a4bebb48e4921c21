import Formats
import Testing

@testable import Cluster

@Suite("The copy of a backend's sessions")
struct DirectoryCopyTests {
  private let id = "11111111-2222-4333-8444-555555555555"

  private func copy(_ messages: String...) throws -> DirectoryCopy {
    let copy = DirectoryCopy()
    copy.linkIsUp(serverID: id)
    for message in messages { try copy.receive(Array(message.utf8)) }
    return copy
  }

  private var reset: String { #"{"reset":{"server_id":"\#(id)","hostname":"web1","count":1}}"# }

  private func record(_ id: String, _ name: String, tags: [String] = [], more: String = "") -> String {
    let tags = tags.map { "\"\($0)\"" }.joined(separator: ",")
    return #"{"id":"\#(id)","name":"\#(name)","tags":[\#(tags)],"last_activity_ms":5,"state":"prompt"\#(more)}"#
  }

  private func names(_ copy: DirectoryCopy) -> [String] { copy.snapshot.records.map(\.name) }

  private func written(
    _ record: DirectoryRecord, origin: String = #""server":"web1""#, ending: String = "", after: Duration = .zero
  )
    throws -> JSON
  {
    var json = JSONWriter()
    record.write(to: &json, origin: Array(origin.utf8), ending: Array(ending.utf8), now: record.arrival + after)
    return try JSON(parsing: json.finish())
  }

  @Test("sessions are shown when all have been told, and then as they change") func filling() throws {
    let copy = try copy(reset, #"{"sessions":[\#(record("1", "a")),\#(record("2", "b"))]}"#)
    #expect(names(copy) == [])
    #expect(!copy.snapshot.isCurrent)
    try copy.receive(Array(#"{"ready":true}"#.utf8))
    #expect(names(copy) == ["a", "b"])
    #expect(copy.snapshot.isCurrent)
    try copy.receive(Array(#"{"changed":[\#(record("1", "renamed")),\#(record("3", "c"))],"removed":["2","9"]}"#.utf8))
    #expect(names(copy) == ["renamed", "c"])
    try copy.receive(Array(#"{"changed":[],"removed":["1"]}"#.utf8))
    #expect(names(copy) == ["c"])
  }

  @Test("what is told anew replaces the old picture at once, not piece by piece") func refilling() throws {
    let copy = try copy(reset, #"{"sessions":[\#(record("1", "a"))]}"#, #"{"ready":true}"#, reset)
    #expect(names(copy) == ["a"])
    #expect(!copy.snapshot.isCurrent)
    try copy.receive(Array(#"{"sessions":[\#(record("2", "b"))]}"#.utf8))
    #expect(names(copy) == ["a"])
    try copy.receive(Array(#"{"ready":true}"#.utf8))
    #expect(names(copy) == ["b"])
  }

  @Test("a lost link leaves the sessions and says that they are old") func stale() throws {
    let copy = try copy(reset, #"{"sessions":[\#(record("1", "a"))]}"#, #"{"ready":true}"#)
    copy.linkIsDown()
    #expect(names(copy) == ["a"])
    #expect(!copy.snapshot.isCurrent)
    let heard = copy.snapshot.heard?.instant
    copy.touch()
    #expect(copy.snapshot.heard?.instant == heard)
    #expect(throws: DirectoryFault.self) { try copy.receive(Array(#"{"ready":true}"#.utf8)) }
  }

  @Test("a stream that ends on a link that goes on leaves old sessions, until the next stream has told all")
  func stream() throws {
    let copy = try copy(reset, #"{"sessions":[\#(record("1", "a"))]}"#, #"{"ready":true}"#)
    copy.streamIsDown()
    #expect(names(copy) == ["a"])
    #expect(!copy.snapshot.isCurrent)
    for message in [reset, #"{"ready":true}"#] { try copy.receive(Array(message.utf8)) }
    #expect(names(copy) == [])
    #expect(copy.snapshot.isCurrent)
  }

  @Test("a backend that may not be looked at any more is forgotten, and can be told of anew") func clearing() throws {
    let copy = try copy(reset, #"{"sessions":[\#(record("1", "a"))]}"#, #"{"ready":true}"#)
    copy.clear()
    #expect(names(copy) == [])
    #expect(!copy.snapshot.isCurrent)
    try copy.receive(Array(reset.utf8))
  }

  @Test("an answered ping says that all is as it was told") func touch() throws {
    let copy = try copy(reset, #"{"ready":true}"#)
    let heard = try #require(copy.snapshot.heard)
    copy.touch(.init(timestamp: .now(), instant: heard.instant + .seconds(7)))
    #expect(copy.snapshot.age(now: heard.instant + .seconds(9)) == 2000)
  }

  @Test("the time since a session did something goes on counting") func ages() throws {
    let record = try DirectoryRecord(parsing: Array(record("1", "a").utf8)[...])
    #expect(try written(record)["last_activity_ms"].integer == 5)
    #expect(try written(record, after: .seconds(60))["last_activity_ms"].integer == 60_005)
  }

  @Test("what a record claims about where it is counts for nothing, and what we do not know is kept") func claims()
    throws
  {
    let text = record(
      "1", "a", more: #","server":"bank","server_id":"x","stale":false,"as_of":"never","mood":{"is":["good"]}"#)
    let json = try written(try DirectoryRecord(parsing: Array(text.utf8)[...]), ending: #","stale":true"#)
    #expect(json["server"].string == "web1")
    #expect(json["server_id"] == .null)
    #expect(json["as_of"] == .null)
    #expect(json["stale"].bool == true)
    #expect(json["mood"]["is"][0].string == "good")
    #expect(json.members?.count { $0.name == "server" } == 1)
  }

  @Test(
    "a session whose record is not of the form of one is left out and named, the others are listed",
    arguments: [
      (#""rows":"many""#, "rows"), (#""cols":-1"#, "cols"), (#""clients":1e308"#, "clients"),
      (#""size_policy":{"x":1}"#, "size_policy"),
      (#""title":["a"]"#, "title"), (#""started_at":"yesterday""#, "started_at"), (#""generation":-5"#, "generation"),
      (#""generation":1.5"#, "generation"), (#""evidence":7"#, "evidence"), (#""cwd":false"#, "cwd"),
    ])
  func unfit(_ member: String, _ name: String) throws {
    let copy = try copy(
      reset, #"{"sessions":[\#(record("1", "good")),\#(record("2", "bad", more: ",\(member)"))]}"#, #"{"ready":true}"#)
    #expect(names(copy) == ["good"])
    #expect(copy.leftOut == "1 of its sessions is not told as sessions are, and left out: bad ('\(name)')")
    try copy.receive(Array(#"{"changed":[\#(record("1", "good", more: ",\(member)"))]}"#.utf8))
    #expect(names(copy).isEmpty && copy.leftOut?.hasPrefix("2 of its sessions are ") == true)
    try copy.receive(Array(#"{"changed":[\#(record("1", "good"))],"removed":["2"]}"#.utf8))
    #expect(names(copy) == ["good"] && copy.leftOut == nil)
  }

  @Test("what is null, or a word of another version, is left out of a record") func words() throws {
    let text = record("1", "a", more: #","evidence":"second_sight","title":null,"rows":24"#)
    let json = try written(try DirectoryRecord(parsing: Array(text.utf8)[...]))
    #expect(json["rows"] == 24 && json["state"] == "prompt")
    #expect(json.members?.contains { ["evidence", "title"].contains($0.name) } == false)
  }

  @Test("a record without a time of activity is told without one") func noActivity() throws {
    let json = try written(
      try DirectoryRecord(parsing: Array(#"{"name":"a","x":1}"#.utf8)[...]), ending: #","stale":true"#)
    #expect(json == ["server": "web1", "name": "a", "x": 1, "stale": true])
  }

  @Test(
    "garbage is refused and leaves the copy as it was",
    arguments: [
      "", "null", "[]", "{}", "{", #"{"hello":1}"#, #"{"ready":true,"changed":[]}"#, #"{"changed":[1]}"#,
      #"{"changed":{}}"#, #"{"changed":[{}]}"#, #"{"changed":[{"name":""}]}"#, #"{"changed":[{"name":"a/b"}]}"#,
      #"{"changed":[{"name":".."}]}"#, #"{"changed":[{"name":"a\"b"}]}"#, #"{"changed":[{"name":7}]}"#,
      #"{"changed":[{"name":"a","name":"b"}]}"#, #"{"changed":[{"name":"a","id":""}]}"#,
      #"{"changed":[{"name":"a","id":7}]}"#, #"{"changed":[{"name":"a","tags":"x"}]}"#,
      #"{"changed":[{"name":"a","tags":["x y"]}]}"#, #"{"changed":[{"name":"a","last_activity_ms":-1}]}"#,
      #"{"changed":[{"name":"a","last_activity_ms":"1"}]}"#, #"{"changed":[],"removed":[1]}"#, #"{"removed":{}}"#,
      #"{"changed":[],"changed":[]}"#, #"{"sessions":[]}"#, #"{"ready":true} {"ready":true}"#,
      #"{"reset":{"server_id":"another"}}"#, #"{"reset":{}}"#, #"{"reset":true}"#,
    ]) func garbage(text: String) throws
  {
    let copy = try copy(reset, #"{"sessions":[\#(record("1", "kept"))]}"#, #"{"ready":true}"#)
    #expect(throws: DirectoryFault.self) { try copy.receive(Array(text.utf8)) }
    #expect(names(copy) == ["kept"])
    #expect(copy.snapshot.isCurrent)
  }

  @Test("bytes that are no UTF-8, deep nests, long records and long messages are refused") func bounds() throws {
    let copy = try copy(reset, #"{"ready":true}"#)
    func refuses(_ text: [UInt8]) { #expect(throws: DirectoryFault.self) { try copy.receive(text) } }
    refuses(Array(#"{"changed":[{"name":"a","x":""#.utf8) + [0xFF] + Array(#""}]}"#.utf8))
    let deep = String(repeating: "[", count: 20) + String(repeating: "]", count: 20)
    refuses(Array(#"{"changed":[{"name":"a","x":\#(deep)}]}"#.utf8))
    let long = String(repeating: "x", count: DirectoryRecord.maximumBytes)
    refuses(Array(#"{"changed":[{"name":"a","x":"\#(long)"}]}"#.utf8))
    refuses(Array(#"{"ready":"\#(String(repeating: "x", count: DirectoryMessage.maximumBytes))"}"#.utf8))
    #expect(copy.count == 0)
  }

  @Test("a backend with too many sessions, or too large ones, is not believed") func flood() throws {
    let copy = try copy(reset, #"{"ready":true}"#)
    func change(_ numbers: Range<Int>, _ more: String = "") throws {
      let records = numbers.map { record("\($0)", "s\($0)", more: more) }.joined(separator: ",")
      try copy.receive(Array(#"{"changed":[\#(records)]}"#.utf8))
    }
    for start in stride(from: 0, to: DirectoryCopy.maximumSessions, by: 512) { try change(start..<(start + 512)) }
    #expect(copy.count == DirectoryCopy.maximumSessions)
    #expect(throws: DirectoryFault.self) { try change(9000..<9001) }
    #expect(copy.count == DirectoryCopy.maximumSessions)
    let long = #","title":"\#(String(repeating: "x", count: 60 << 10))""#
    #expect(throws: DirectoryFault.self) {
      for number in 0..<300 { try change(number..<(number + 1), long) }
    }
    #expect(throws: DirectoryFault.self) {
      try copy.receive(Array(#"{"reset":{"server_id":"\#(id)","count":100000}}"#.utf8))
    }
  }

  @Test("white space is not kept") func compact() throws {
    let spaces = String(repeating: " \n", count: 1000)
    let record = try DirectoryRecord(parsing: Array(#"{\#(spaces)"name":\#(spaces)"a","x":[\#(spaces)1]}"#.utf8)[...])
    #expect(record.bytes < 400)
  }

  @Test("sessions are found by name and by tag on all backends that may be looked at") func finding() throws {
    let map = ClusterMap(serverID: "own", hostname: "hub")
    func member(_ name: String, _ role: Role, _ record: String) throws -> Member {
      Member(
        serverID: id, hostname: name, address: "http://\(name)", role: role, report: HealthReport(.healthy),
        directory: try copy(reset, #"{"sessions":[\#(record)]}"#, #"{"ready":true}"#))
    }
    map.set([
      try member("web1", .observer, record("1", "build", tags: ["ci"])),
      try member("web2", .member, record("2", "build")),
      try member("secret", .none, record("3", "build", tags: ["ci"])),
    ])
    #expect(map.sessions(named: "build").map(\.member.member.name) == ["web1", "web2"])
    #expect(map.sessions(tagged: ["ci", "x"]).map(\.record.key) == ["1"])
    #expect(map.fleet().allSatisfy { $0.isFresh })
    #expect(map.fleet(now: .now + .seconds(60)).allSatisfy { !$0.isFresh })
  }
}
