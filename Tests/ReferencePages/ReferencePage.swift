import Formats
package import Operations
import Store

/// The reference tables of the documentation, made from contracts.
package struct ReferencePage {
  private let operations: [Operation]
  private let streams: [Stream]

  package init(_ contracts: [any Contract.Type]) {
    let all = contracts.flatMap { $0.operations }
    // Those of one domain together, in the order in which the domains come.
    var domains: [Substring] = []
    for domain in all.map(ReferencePage.domain) where !domains.contains(domain) { domains.append(domain) }
    operations = domains.flatMap { domain in all.filter { ReferencePage.domain($0) == domain } }
    streams = contracts.flatMap { $0.streams }
  }

  private static func domain(_ operation: Operation) -> Substring { operation.name.prefix { $0 != "." } }

  /// One line for each call.
  package var callTable: String {
    var lines = ["| operation | REST | scope | fields (? optional) | |", "|---|---|---|---|---|"]
    for operation in operations {
      let fields = fields(operation.input, at: operation.route)
      lines.append(
        "| [`\(operation.name)`](operations.md#\(anchor(operation.name))) | \(text(operation.route)) | "
          + "\(operation.scope?.rawValue ?? "none") | \(fields) | \(operation.summary) |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// One line for each way into a stream.
  package var streamTable: String {
    var lines = ["| stream | path | scopes | parameters (? optional) | |", "|---|---|---|---|---|"]
    for stream in streams {
      for entrance in stream.entrances {
        let scopes = stream.scopes.map(\.rawValue).joined(separator: ", ")
        lines.append(
          "| `\(entrance.name)` | `\(entrance.route.path)` | \(scopes.isEmpty ? "none" : scopes) | "
            + "\(fields(stream.input, at: entrance.route)) | \(entrance.summary) |")
      }
      if let rpc = stream.rpc {
        lines.append(
          "| `\(rpc.subscribe)` | `/rpc` | \(stream.scopes.map(\.rawValue).joined(separator: ", ")) | the same | "
            + "JSON-RPC: notifications `\(rpc.notification)`, until `\(rpc.unsubscribe)` |")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What each call takes, and what stands for what is left out.
  package var calls: String {
    var lines: [String] = []
    for operation in operations {
      lines += ["", "### `\(operation.name)`", ""]
      lines.append("\(operation.summary). \(text(operation.route)), scope \(operation.scope?.rawValue ?? "none").")
      let fields = operation.input.fields
      guard !fields.isEmpty else { continue }
      lines += ["", "| field | type | default | |", "|---|---|---|---|"]
      for field in fields {
        let standard = field.meaning?.standard.map { "`\(String(decoding: $0.bytes, as: UTF8.self))`" } ?? "–"
        lines.append(
          "| `\(field.name)` | \(type(field.schema)) | \(field.required ? "required" : standard) | "
            + "\(field.meaning?.sentence ?? "") |")
      }
    }
    return lines.joined(separator: "\n") + "\n\n"
  }

  private func text(_ route: Route) -> String { "`\(route.method) \(route.path)`" }

  /// The fields that are not in the path.
  private func fields(_ input: Schema, at route: Route) -> String {
    let fields = input.fields.filter { !route.parameters.contains($0.name) }
      .map { "`\($0.name)`\($0.required ? "" : "?")" }
    return fields.isEmpty ? "–" : fields.joined(separator: ", ")
  }

  /// As GitHub makes it of a heading.
  private func anchor(_ name: String) -> String { name.filter { $0 != "." } }

  private func type(_ schema: Schema) -> String {
    switch schema {
    case .string(.oneOf(let words)): words.map { "`\($0)`" }.joined(separator: " ")
    case .string: "string"
    case .integer: "integer"
    case .number: "number"
    case .boolean: "boolean"
    case .array(.string(.oneOf)): "list of these"
    case .array(let element): "list of \(type(element))s"
    case .map, .object, .open: "object"
    case .optional(let schema): type(schema)
    case .either(let choices): choices.map(type).joined(separator: " or ")
    case .any: "any"
    }
  }
}
