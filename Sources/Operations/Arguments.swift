import Formats
import FoundationEssentials

/// What a caller sent with an operation, before it is checked: the pieces of a REST request, or the parameters of an RPC call.
package struct Arguments: Sendable {
  package enum Body: Sendable {
    case none
    /// A JSON object.
    case json([UInt8])
    /// Bytes for the operation's ``Operation/rawField``.
    case raw([UInt8])
  }

  /// Values taken from the path, decoded, by the names in the route's template.
  package var path: [(name: String, value: String)] = []
  /// Values of the query, decoded, in the order sent.
  package var query: [(name: String, value: String)] = []
  package var body: Body = .none

  package init(
    path: [(name: String, value: String)] = [], query: [(name: String, value: String)] = [], body: Body = .none
  ) {
    self.path = path
    self.query = query
    self.body = body
  }

  /// Decodes an operation's input. `known` names every field it has; anything else is refused by name, except `server`, which the
  /// catalogue has dealt with already.
  package func decode<Input: Decodable>(_ type: Input.Type, known: Set<String>, rawField: String?) throws -> Input {
    for (name, _) in query where !known.contains(name) && name != "server" {
      throw OperationError(
        .invalidRequest, "Invalid request: '\(name)' is not a parameter here; known are \(Arguments.list(known)).")
    }
    var overlay = Overlay(texts: path + query)
    let json: [UInt8]
    switch body {
    case .json(let bytes) where !bytes.allSatisfy { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }: json = bytes
    case .none, .json: return try Input(from: ArgumentDecoder(overlay: overlay))
    case .raw(let bytes):
      overlay.raw = bytes
      overlay.rawField = rawField
      return try Input(from: ArgumentDecoder(overlay: overlay))
    }
    // Stricter than the decoder, which lets trailing commas and the like pass, and bounded in depth.
    do {
      _ = try JSON(parsing: json)
    } catch {
      throw OperationError(
        .invalidRequest, "Invalid request: the body is not valid JSON: \(error.message) at byte \(error.offset).")
    }
    let decoder = JSONDecoder()
    decoder.userInfo[.arguments] = Context(overlay: overlay, known: known, fromPath: Set(path.map(\.name)))
    return try decoder.decode(Checked<Input>.self, from: Data(json)).input
  }

  /// A field of the query that says yes or no, for what is decided before the input is read.
  package func flag(_ name: String) throws(OperationError) -> Bool {
    guard let text = query.first(where: { $0.name == name })?.value else { return false }
    do {
      return try TextDecoder.decode(Bool.self, from: text, path: [AnyKey(name)])
    } catch {
      throw OperationError(wrapping: error)
    }
  }

  /// What the call is about, for its audit record: the value of the first parameter of the operation's path, wherever it was given.
  func target(of route: Route) -> String? {
    guard let name = route.parameters.first else { return nil }
    if let given = (path + query).first(where: { $0.name == name }) { return given.value }
    guard case .json(let bytes) = body, bytes.count <= Arguments.maximumSearched else { return nil }
    return (try? JSON(parsing: bytes))?[name].string
  }

  /// A larger body is not read only to name it: it is input, which the operation names.
  private static let maximumSearched = 16 << 10

  private static func list(_ names: Set<String>) -> String {
    names.isEmpty ? "none" : names.sorted().map { "'\($0)'" }.joined(separator: ", ")
  }

  fileprivate struct Context: Sendable {
    let overlay: Overlay
    let known: Set<String>
    let fromPath: Set<String>
  }

  /// Runs inside the JSON decoder so that the fields of the body and those of the path and query meet in one input.
  private struct Checked<Input: Decodable>: Decodable {
    let input: Input

    init(from decoder: any Decoder) throws {
      guard let context = decoder.userInfo[.arguments] as? Context else {
        throw OperationError(.internalError, "No arguments.")
      }
      guard let container = try? decoder.container(keyedBy: AnyKey.self) else {
        throw OperationError(.invalidRequest, "Invalid request: the body must be a JSON object.")
      }
      for key in container.allKeys {
        if context.fromPath.contains(key.stringValue) {
          throw OperationError(.invalidRequest, "Invalid request: '\(key.stringValue)' is given by the path already.")
        }
        if !context.known.contains(key.stringValue), key.stringValue != "server" {
          throw OperationError(
            .invalidRequest,
            "Invalid request: unknown field '\(key.stringValue)'; known are \(Arguments.list(context.known.subtracting(context.fromPath)))."
          )
        }
      }
      input = try Input(from: ArgumentDecoder(overlay: context.overlay, base: decoder, container: container))
    }
  }
}

extension CodingUserInfoKey {
  fileprivate static let arguments = CodingUserInfoKey(rawValue: "roost.arguments")!
}
