import Formats
import Net
import Synchronization

/// Holds every answer that a test gets against what the server says of it: the output schema of the operation, as `GET /operations` has it.
///
/// The schemas are those of a server that is started for this once in a test process: asking the one under test would be in its log and metrics.
enum AnswerCheck {
  private struct Described: Sendable {
    let name: String
    let method: String
    let path: [Substring]
    /// `nil` where the answer is empty.
    let output: JSON?
  }

  /// Answers beyond this are not looked at: a test that asks for megabytes asks about something else.
  private static let largest = 256 << 10

  private static let operations = Task { () -> [Described] in
    try await withRoost { roost in
      let client = TestClient(.unix(path: roost.socketPath), isChecked: false)
      return try await client.get("/operations").array?.map { operation in
        Described(
          name: operation["name"].string ?? "", method: operation["method"].string ?? "",
          path: (operation["path"].string ?? "").split(separator: "/"),
          output: operation["output"].isNull ? nil : operation["output"])
      } ?? []
    }
  }

  /// Throws where an answer of success is not as it is described.
  static func check(_ method: String, _ target: String, _ answer: TestResponse) async throws {
    guard answer.status == 200 || answer.status == 201, answer.body.count <= largest else { return }
    let path = target.prefix { $0 != "?" }.split(separator: "/")
    let found = try await operations.value.filter { operation in
      operation.method == method && operation.path.count == path.count
        && zip(operation.path, path).allSatisfy { $0 == $1 || $0.hasPrefix("{") }
    }
    // `/sessions/{session}/…` and the like: the route with the fewest parameters is meant.
    let parameters = { (operation: Described) in operation.path.count { $0.hasPrefix("{") } }
    guard let operation = found.min(by: { parameters($0) < parameters($1) }) else { return }
    try check(operation, answer.json, "\(method) \(target)")
  }

  /// The same for a result over JSON-RPC.
  static func check(rpc method: String, _ result: JSON) async throws {
    guard let operation = try await operations.value.first(where: { $0.name == method }) else { return }
    try check(operation, result, method)
  }

  private static func check(_ operation: Described, _ answer: JSON, _ what: String) throws {
    guard let output = operation.output else { return }
    if let fault = fault(of: answer, in: output, at: "") {
      throw TestFailure(
        "\(what): the answer is not as \(operation.name) is described: \(fault)\n\(answer.text.prefix(2000))")
    }
  }

  /// Why a value is not of a schema (JSON Schema 2020-12, as far as servers write it); `nil` if it is.
  private static func fault(of value: JSON, in schema: JSON, at place: String) -> String? {
    let here = place.isEmpty ? "it" : place
    if let choices = schema["anyOf"].array {
      let faults = choices.compactMap { fault(of: value, in: $0, at: place) }
      return faults.count == choices.count ? faults.first : nil
    }
    if let words = schema["enum"].array, !words.contains(value) { return "\(here) is \(value.text)" }
    switch (schema["type"].string, value) {
    case (nil, _), ("null", .null), ("boolean", .bool): return nil
    case ("string", .string(let text)):
      return schema["maxLength"].integer.map { text.unicodeScalars.count > $0 } == true ? "\(here) is too long" : nil
    case ("integer", .integer(let number)):
      if let least = schema["minimum"].integer, number < least { return "\(here) is \(number)" }
      return schema["maximum"].integer.map { number > $0 } == true ? "\(here) is \(number)" : nil
    case ("number", .integer), ("number", .number): return nil
    case ("array", .array(let elements)):
      for (index, element) in elements.enumerated() {
        if let fault = fault(of: element, in: schema["items"], at: "\(place)[\(index)]") { return fault }
      }
      return nil
    case ("object", .object(let members)):
      for name in schema["required"].strings where !members.contains(where: { $0.name == name }) {
        return "\(here) lacks '\(name)'"
      }
      for member in members {
        let known = schema["properties"].members?.first { $0.name == member.name }?.value
        let rest = schema["additionalProperties"]
        if known == nil, rest == false { return "\(here) has '\(member.name)'" }
        let schema = known ?? rest
        if schema.members != nil, let fault = fault(of: member.value, in: schema, at: "\(place).\(member.name)") {
          return fault
        }
      }
      return nil
    default: return "\(here) is \(value.text.prefix(80)), and no \(schema["type"].text)"
    }
  }
}

extension JSON {
  fileprivate var strings: [String] { array?.compactMap(\.string) ?? [] }
}
