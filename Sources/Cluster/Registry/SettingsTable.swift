package import Formats

/// A table of a configuration file while it is read: knows which keys nobody asked for.
package struct SettingsTable {
  /// `nil` for the whole file.
  private let name: String?
  package let line: Int
  private let members: [TOML.Member]
  private var asked: [String] = []

  package init(_ value: TOML, name: String?) throws(TOML.Failure) {
    guard case .table(let members) = value.kind else { throw .at(value.line, "'\(name ?? "")' must be a table") }
    self.name = name
    self.members = members
    line = value.line
  }

  private mutating func value(_ key: String) -> TOML.Member? {
    asked.append(key)
    return members.first { $0.key == key }
  }

  package mutating func any(_ key: String) throws(TOML.Failure) -> (value: TOML, line: Int)? {
    value(key).map { ($0.value, $0.line) }
  }

  package mutating func string(_ key: String) throws(TOML.Failure) -> (value: String, line: Int)? {
    guard let member = value(key) else { return nil }
    guard case .string(let text) = member.value.kind else { throw .at(member.line, "'\(key)' must be a string") }
    return (text, member.line)
  }

  package mutating func integer(_ key: String, _ range: ClosedRange<Int>) throws(TOML.Failure) -> (
    value: Int, line: Int
  )? {
    guard let member = value(key) else { return nil }
    guard case .integer(let number) = member.value.kind, range.contains(number) else {
      throw .at(member.line, "'\(key)' must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return (number, member.line)
  }

  package mutating func boolean(_ key: String) throws(TOML.Failure) -> (value: Bool, line: Int)? {
    guard let member = value(key) else { return nil }
    guard case .boolean(let value) = member.value.kind else { throw .at(member.line, "'\(key)' must be true or false") }
    return (value, member.line)
  }

  package mutating func strings(_ key: String) throws(TOML.Failure) -> [(value: String, line: Int)] {
    guard let member = value(key) else { return [] }
    var texts: [(value: String, line: Int)] = []
    guard case .array(let elements) = member.value.kind else {
      throw .at(member.line, "'\(key)' must be a list of strings")
    }
    for element in elements {
      guard case .string(let text) = element.kind else { throw .at(element.line, "'\(key)' must be a list of strings") }
      texts.append((text, element.line))
    }
    return texts
  }

  package mutating func table(_ key: String) throws(TOML.Failure) -> SettingsTable? {
    guard let member = value(key) else { return nil }
    guard case .table = member.value.kind else { throw .at(member.line, "'\(key)' must be a table: [\(key)]") }
    return try SettingsTable(member.value, name: key)
  }

  package mutating func tables(_ key: String) throws(TOML.Failure) -> [SettingsTable] {
    guard let member = value(key) else { return [] }
    guard case .array(let elements) = member.value.kind else {
      throw .at(member.line, "'\(key)' must be a list of tables: [[\(key)]]")
    }
    var tables: [SettingsTable] = []
    for element in elements { tables.append(try SettingsTable(element, name: key)) }
    return tables
  }

  /// Refuses what nobody asked for: a misspelt setting must not be taken for one that is set.
  package func finish() throws(TOML.Failure) {
    guard let unknown = members.first(where: { !asked.contains($0.key) }) else { return }
    let place = name.map { " in [\($0)]" } ?? ""
    let shown = unknown.key.unicodeScalars.prefix(64).map {
      $0.properties.generalCategory == .control ? "?" : String($0)
    }
    throw .at(
      unknown.line, "unknown key '\(shown.joined())'\(place); known are \(asked.sorted().joined(separator: ", "))")
  }
}

extension TOML.Failure {
  package static func at(_ line: Int, _ reason: String) -> TOML.Failure {
    TOML.Failure(line: line, column: 0, reason: reason)
  }
}
