import Formats
import TestKit

/// Holds documents against a JSON Schema (draft 2020-12), as far as the schemas of this package go. A keyword that it does not know is an
/// error, so that no schema is believed that was only half read.
struct JSONSchemaCheck {
  private let root: JSON
  private static let silent: Set<String> = ["$schema", "$id", "$defs", "title", "description", "examples", "format"]

  init(_ text: String) throws { root = try JSON(parsing: text) }

  /// What is wrong with the document, or nil.
  func fault(in document: JSON) throws -> String? { try fault(document, root, "") }

  private func fault(_ value: JSON, _ schema: JSON, _ path: String) throws -> String? {
    for member in schema.members ?? [] where !JSONSchemaCheck.silent.contains(member.name) {
      if let fault = try check(value, member.name, member.value, schema, path) { return fault }
    }
    return nil
  }

  private func check(_ value: JSON, _ keyword: String, _ wanted: JSON, _ schema: JSON, _ path: String) throws -> String?
  {
    func says(_ holds: Bool) -> String? {
      holds ? nil : "\(path): \(keyword) \(wanted.text) does not hold for \(value.text)"
    }
    switch keyword {
    case "$ref":
      let name = wanted.string?.split(separator: "/").last.map(String.init) ?? ""
      return try fault(value, root["$defs"][name], path)
    case "type":
      switch wanted.string {
      case "object": return says(value.members != nil)
      case "string": return says(value.string != nil)
      case "integer": return says(value.integer != nil)
      default: throw TestFailure("the type \(wanted.text) is not known")
      }
    case "const": return says(value == wanted)
    case "minimum": return value.double.flatMap { says($0 >= wanted.double ?? 0) }
    case "minLength": return value.string.flatMap { says($0.unicodeScalars.count >= wanted.integer ?? 0) }
    case "maxLength": return value.string.flatMap { says($0.unicodeScalars.count <= wanted.integer ?? 0) }
    case "pattern":
      guard let text = value.string else { return nil }
      let pattern = try Pattern(wanted.string ?? "")
      let allowance = Pattern.Allowance(steps: 1_000_000, memoryKiB: 1024)
      if case .found = pattern.search(Array(text.utf8), within: allowance) { return nil }
      return says(false)
    case "required":
      let names = Set(value.members?.map(\.name) ?? [])
      return value.members == nil ? nil : says((wanted.array ?? []).allSatisfy { names.contains($0.string ?? "") })
    case "properties":
      for property in wanted.members ?? [] where !(value.members ?? []).filter({ $0.name == property.name }).isEmpty {
        if let fault = try fault(value[property.name], property.value, "\(path)/\(property.name)") { return fault }
      }
      return nil
    case "additionalProperties":
      guard wanted == false else { throw TestFailure("additionalProperties \(wanted.text) is not known") }
      let known = Set(schema["properties"].members?.map(\.name) ?? [])
      return says((value.members ?? []).allSatisfy { known.contains($0.name) })
    case "propertyNames":
      for member in value.members ?? [] {
        if let fault = try fault(.string(member.name), wanted, "\(path)/\(member.name)") { return fault }
      }
      return nil
    default: throw TestFailure("the keyword \(keyword) is not known")
    }
  }
}
