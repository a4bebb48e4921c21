import Formats
import Net
import TestKit
import Testing

@Suite("Words that are none of those that can be given", .bounded)
struct WordSentencesTests {
  /// The words of a parameter or field that takes one of several, or a list of them.
  private func words(_ schema: JSON) -> [String] {
    if let words = schema["enum"].array { return words.compactMap(\.string) }
    if !schema["items"].isNull { return words(schema["items"]) }
    return (schema["anyOf"].array ?? []).flatMap(words)
  }

  /// Something that the schema takes.
  private func sample(_ schema: JSON) -> JSON {
    if let word = words(schema).first { return schema["items"].isNull ? .string(word) : [.string(word)] }
    return schema["type"] == "integer" ? 1 : "x"
  }

  @Test("are answered by the words that can be, wherever the description of the API lists some")
  func named() async throws {
    try await withSession { session in
      let description = try await session.client.get("/openapi.json")
      var seen = 0
      for (path, methods) in (description["paths"].members ?? []).map({ ($0.name, $0.value) }) {
        let place = path.replacing("{session}", with: session.name).replacing("{id}", with: "1")
          .replacing("{backend}", with: "b")
        // A WebSocket is refused for what it is before what is asked of it is looked at.
        for (method, operation) in (methods.members ?? []).map({ ($0.name.uppercased(), $0.value) })
        where operation["responses"]["101"].isNull {
          let parameters = (operation["parameters"].array ?? []).filter { $0["in"] == "query" }
          let others = parameters.filter { $0["required"] == true }
            .map { "&\($0["name"].plain)=\(sample($0["schema"]).plain)" }.joined()
          for parameter in parameters {
            let words = words(parameter["schema"])
            guard !words.isEmpty, let name = parameter["name"].string else { continue }
            let answer = try await session.client.request(method, "\(place)?\(name)=nonsense\(others)")
            check(answer, words, "\(method) \(path) \(name)")
            seen += 1
          }
          let schema = operation["requestBody"]["content"]["application/json"]["schema"]
          for (name, field) in (schema["properties"].members ?? []).map({ ($0.name, $0.value) }) {
            let words = words(field)
            guard !words.isEmpty else { continue }
            var body: JSON = [:]
            for required in schema["required"].array ?? [] {
              let name = required.string ?? ""
              body = body.adding(.object([JSON.Member(name, sample(schema["properties"][name]))]))
            }
            let isList = field["type"] == "array" || field["anyOf"].array?.contains { $0["type"] == "array" } == true
            let value: JSON = isList ? ["nonsense"] : "nonsense"
            let answer = try await session.client.request(
              method, place, json: body.adding(.object([JSON.Member(name, value)])))
            check(answer, words, "\(method) \(path) \(name)")
            seen += 1
          }
        }
      }
      #expect(seen >= 15)
    }
  }

  private func check(_ answer: TestResponse, _ words: [String], _ place: String) {
    #expect(answer.status == 400, "\(place): \(answer)")
    for word in words { #expect(answer.text.contains(word), "\(place): \(answer)") }
    #expect(!answer.text.contains("Cannot initialize"), "\(place): \(answer)")
  }
}

extension JSON {
  /// A string or a number, as it stands in a query.
  fileprivate var plain: String { string ?? text }
}
