import Formats
import TestKit
import Testing

@Suite("The pages that tell of all operations and metrics", .bounded)
struct ReferencePageTests {
  private func operations() async throws -> [JSON] {
    let all = try await SharedServer.roost.http.another().get("/operations").array ?? []
    // Groups in the order of the catalogue, those of one domain together.
    var domains: [String] = []
    for domain in all.map(domain) where !domains.contains(domain) { domains.append(domain) }
    return domains.flatMap { domain in all.filter { self.domain($0) == domain } }
  }

  private func domain(_ operation: JSON) -> String {
    String(operation["name"].string?.prefix { $0 != "." } ?? "")
  }

  private func route(_ operation: JSON) -> String {
    "`\(operation["method"].string ?? "") \(operation["path"].string ?? "")`"
  }

  private func fields(_ operation: JSON) -> [(name: String, isRequired: Bool, schema: JSON)] {
    let required = operation["input"]["required"].strings
    return (operation["input"]["properties"].members ?? []).map { ($0.name, required.contains($0.name), $0.value) }
  }

  private func text(_ value: JSON) -> String { String(decoding: value.bytes, as: UTF8.self) }

  @Test("docs/api.md has the operations of the code (ROOST_WRITE_DOCS=1 writes them)")
  func table() async throws {
    var lines = ["| operation | REST | scope | fields (? optional) | |", "|---|---|---|---|---|"]
    for operation in try await operations() {
      let (name, path) = (operation["name"].string ?? "", operation["path"].string ?? "")
      let fields = fields(operation).filter { !path.contains("{\($0.name)}") }.map {
        "`\($0.name)`\($0.isRequired ? "" : "?")"
      }
      lines.append(
        "| [`\(name)`](operations.md#\(anchor(name))) | \(route(operation)) | \(operation["scope"].string ?? "none") | "
          + "\(fields.isEmpty ? "–" : fields.joined(separator: ", ")) | \(operation["summary"].string ?? "") |")
    }
    let part = DocumentedPart("docs/api.md", "operations", madeBy: "ReferencePageTests")
    #expect(try part.says(lines.joined(separator: "\n") + "\n"))
  }

  /// As GitHub makes it of a heading.
  private func anchor(_ name: String) -> String { name.filter { $0 != "." } }

  @Test("docs/operations.md has what each takes, and what stands for what is left out (ROOST_WRITE_DOCS=1 writes it)")
  func page() async throws {
    var lines: [String] = []
    for operation in try await operations() {
      lines += ["", "### `\(operation["name"].string ?? "")`", ""]
      lines += [
        "\(operation["summary"].string ?? ""). \(route(operation)), scope \(operation["scope"].string ?? "none")."
      ]
      let fields = fields(operation)
      guard !fields.isEmpty else { continue }
      lines += ["", "| field | type | default | |", "|---|---|---|---|"]
      for field in fields {
        let standard = field.schema["default"]
        let value = field.isRequired ? "required" : standard.isNull ? "–" : "`\(text(standard))`"
        let meaning = field.schema["description"].string ?? ""
        lines.append("| `\(field.name)` | \(type(field.schema)) | \(value) | \(meaning) |")
      }
    }
    let part = DocumentedPart("docs/operations.md", "operations", madeBy: "ReferencePageTests")
    #expect(try part.says(lines.joined(separator: "\n") + "\n\n"))
  }

  private func type(_ schema: JSON) -> String {
    if let choices = schema["anyOf"].array { return choices.map(type).joined(separator: " or ") }
    if let words = schema["enum"].array { return words.map { "`\($0.string ?? "")`" }.joined(separator: " ") }
    switch schema["type"].string {
    case "array": return schema["items"]["enum"].isNull ? "list of \(type(schema["items"]))s" : "list of these"
    case "object": return "object"
    case let name?: return name
    case nil: return "any"
    }
  }

  @Test("every metric that the server tells is in docs/metrics.md or docs/events.md")
  func metrics() async throws {
    let root = DocumentedPart.root(of: #filePath)
    let pages = try DocumentedPart.read(root + "docs/metrics.md") + DocumentedPart.read(root + "docs/events.md")
    let told = try await SharedServer.roost.http.another().request("GET", "/metrics").text
    let families = told.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map {
      String($0.split(separator: " ")[2])
    }
    #expect(families.count > 20)
    for family in families { #expect(pages.contains("`\(family)`"), "\(family)") }
  }
}
