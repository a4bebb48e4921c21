import CTOML
import Glibc

/// A TOML 1.0 document as a value that knows where it stood, so that whoever reads it can say which line is wrong.
package struct TOML: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    case table([Member])
    case array([TOML])
    case string(String)
    case integer(Int)
    case boolean(Bool)
    /// A float, date or time as it is printed: no setting of ours is one.
    case other(String)
  }

  package struct Member: Sendable, Equatable {
    package let key: String
    /// Of the key, counted from 1.
    package let line: Int
    package let value: TOML
  }

  /// What was refused and where; line and column count from 1 and are 0 when unknown.
  package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    package let line: Int
    package let column: Int
    package let reason: String

    package init(line: Int, column: Int, reason: String) {
      self.line = line
      self.column = column
      self.reason = reason
    }

    package var description: String {
      if line == 0 { return reason }
      return column == 0 ? "line \(line): \(reason)" : "line \(line), column \(column): \(reason)"
    }
  }

  /// The largest document that is read: a configuration of ten thousand servers is smaller.
  package static let longest = 1 << 20

  package let kind: Kind
  /// Counted from 1; 0 when unknown.
  package let line: Int

  package init(parsing bytes: [UInt8]) throws(Failure) {
    guard bytes.count <= TOML.longest else {
      throw Failure(line: 0, column: 0, reason: "it is larger than \(TOML.longest) bytes")
    }
    var error = ctoml_error()
    let text = bytes.withUnsafeBytes { buffer in
      // An empty array may have no address.
      ctoml_json(
        buffer.baseAddress?.assumingMemoryBound(to: CChar.self) ?? UnsafePointer(bitPattern: 1), buffer.count, &error)
    }
    guard let text else {
      let reason = withUnsafeBytes(of: error.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      throw Failure(line: Int(error.line), column: Int(error.column), reason: reason)
    }
    defer { free(text) }
    let json = UnsafeRawBufferPointer(start: text, count: strlen(text))
    guard let document = try? JSON(parsing: [UInt8](json)), let value = TOML(document) else {
      throw Failure(line: 0, column: 0, reason: "it could not be read")
    }
    self = value
  }

  private init?(_ json: JSON) {
    line = json["line"].integer ?? 0
    switch json.members?.last {
    case .some(let member) where member.name == "table":
      guard let members = member.value.array else { return nil }
      var found: [Member] = []
      for member in members {
        guard let key = member["key"].string, let value = TOML(member["value"]) else { return nil }
        found.append(Member(key: key, line: member["line"].integer ?? 0, value: value))
      }
      // The parser sorts by name; people read from the top.
      kind = .table(found.sorted { $0.line < $1.line })
    case .some(let member) where member.name == "array":
      guard let elements = member.value.array else { return nil }
      var found: [TOML] = []
      for element in elements {
        guard let value = TOML(element) else { return nil }
        found.append(value)
      }
      kind = .array(found)
    case .some(let member):
      switch (member.name, member.value) {
      case ("string", .string(let text)): kind = .string(text)
      case ("integer", .integer(let number)): kind = .integer(number)
      case ("boolean", .bool(let value)): kind = .boolean(value)
      case ("float", .string(let text)), ("date", .string(let text)): kind = .other(text)
      default: return nil
      }
    case nil: return nil
    }
  }
}
