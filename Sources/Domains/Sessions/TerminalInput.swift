import Formats
import Operations

/// The bytes of `send_input`: `{"data": text, "encoding": "utf8" | "base64"}`.
enum TerminalInput {
  static func bytes(of message: SocketMessage) throws(OperationError) -> [UInt8] {
    var data: [UInt8]?
    var isBase64 = false
    for (name, value) in message.params.flatMap(JSONText.members) ?? [] {
      switch name {
      case "data": data = JSONText.utf8(value)
      case "encoding":
        switch JSONText.string(value) {
        case "utf8": isBase64 = false
        case "base64": isBase64 = true
        default: throw OperationError(.invalidRequest, "Invalid request: 'encoding' is \"utf8\" or \"base64\".")
        }
      case "session": break
      default:
        throw OperationError(.invalidRequest, "Invalid request: unknown field '\(name)'; known are 'data', 'encoding'.")
      }
    }
    guard let data else { throw OperationError(.invalidRequest, "Invalid request: 'data' must be a string.") }
    if !isBase64 { return data }
    guard let decoded = Base64.decode(data) else {
      throw OperationError(.invalidRequest, "Invalid request: 'data' is not Base64.")
    }
    return decoded
  }

  /// The answer: the generation before the write, from which the effect can be waited for.
  static func result(generation: UInt64) -> [UInt8] { Array("{\"generation\":\(generation)}".utf8) }
}
