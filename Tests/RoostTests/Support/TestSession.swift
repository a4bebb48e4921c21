import Formats
import Net
import TestKit

/// A session of a test, driven over HTTP as an agent would drive it. Its requests follow each other on one connection.
struct TestSession: Sendable {
  let roost: Roost
  let name: String
  /// The record that its creation answered.
  let created: JSON
  let client: TestClient

  init(on roost: Roost, _ fields: JSON) async throws {
    self.roost = roost
    client = roost.http.another()
    var fields = fields
    if fields["argv"].isNull, fields["command"].isNull, fields["shell"].isNull {
      fields = fields.adding(["argv": ["/bin/cat"]])
    }
    created = try await client.post("/sessions", fields)
    guard let name = created["name"].string else { throw TestFailure("no name: \(created.text)") }
    self.name = name
  }

  var path: String { "/sessions/\(PercentEncoding.encode(name))" }
  var pid: Int { created["pid"].integer ?? 0 }

  /// The same session over another connection, for what goes on at the same time.
  var elsewhere: TestSession { TestSession(self) }

  private init(_ other: TestSession) {
    roost = other.roost
    name = other.name
    created = other.created
    client = other.client.another()
  }

  // MARK: Looking

  var record: JSON {
    get async throws { try await client.get(path) }
  }

  func screen(format: String = "plain") async throws -> JSON {
    try await client.get("\(path)/screen?format=\(format)")
  }

  func lines() async throws -> [String] {
    try await screen()["lines"].array?.map { $0.string ?? "" } ?? []
  }

  /// What the screen shows, without the empty lines at its end.
  func text() async throws -> String {
    var lines = try await lines()
    while lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n")
  }

  /// All lines of history and screen, without the empty ones at the end.
  func history() async throws -> [String] {
    var lines: [String] = []
    while true {
      let page = try await client.get("\(path)/scrollback?format=plain&offset=\(lines.count)&limit=10000")
      let more = page["lines"].array?.map { $0.string ?? "" } ?? []
      lines += more
      if more.isEmpty || lines.count >= page["total_lines"].integer ?? 0 { break }
    }
    while lines.last == "" { lines.removeLast() }
    return lines
  }

  // MARK: Driving

  /// Types text as it is; "\r" is the Enter key. Answers the generation before it.
  @discardableResult
  func type(_ text: String) async throws -> Int {
    try await type(bytes: Array(text.utf8))
  }

  @discardableResult
  func type(bytes: [UInt8]) async throws -> Int {
    let response = try await client.request("POST", "\(path)/input", body: bytes)
    guard response.status == 200, let generation = response.json["generation"].integer else {
      throw TestFailure("input: \(response)")
    }
    return generation
  }

  @discardableResult
  func press(_ keys: String...) async throws -> Int {
    try await post("keys", ["keys": .array(keys.map { .string($0) })])["generation"].integer ?? -1
  }

  @discardableResult
  func post(_ action: String, _ fields: JSON = [:]) async throws -> JSON {
    try await client.post("\(path)/\(action)", fields)
  }

  /// A request whose refusal is as welcome as its success.
  func answer(_ action: String, _ fields: JSON = [:]) async throws -> TestResponse {
    try await client.request("POST", "\(path)/\(action)", json: fields)
  }

  @discardableResult
  func wait(_ fields: JSON) async throws -> JSON {
    try await post("wait", fields.withDeadline)
  }

  /// Waits until the screen shows a text that fits the regular expression.
  @discardableResult
  func wait(match pattern: String) async throws -> JSON {
    try await wait(["for": "match", "pattern": .string(pattern), "format": "plain"])
  }

  /// Waits for the program's end; the record afterwards.
  @discardableResult
  func waitForExit() async throws -> JSON {
    try await wait(["for": "exit"])
    // The list hears of it a moment after those who wait for it.
    return try await record
  }

  @discardableResult
  func interact(_ fields: JSON) async throws -> JSON {
    try await post("interact", fields.withDeadline)
  }

  @discardableResult
  func run(_ command: String, _ fields: JSON = [:]) async throws -> JSON {
    try await post("run", fields.adding(["command": .string(command)]))
  }

  func remove() async {
    _ = try? await client.request("DELETE", path)
  }
}

extension JSON {
  /// The object with more members, or others instead.
  func adding(_ other: JSON) -> JSON {
    var members = members ?? []
    for member in other.members ?? [] {
      members.removeAll { $0.name == member.name }
      members.append(member)
    }
    return .object(members)
  }

  var withDeadline: JSON { self["timeout_ms"].isNull ? adding(["timeout_ms": 30_000]) : self }

  var strings: [String] { array?.compactMap(\.string) ?? [] }

  /// The lines of a plain screen as one text, without the empty ones at its end.
  var screenText: String {
    var lines = self["lines"].strings
    while lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n")
  }
}
