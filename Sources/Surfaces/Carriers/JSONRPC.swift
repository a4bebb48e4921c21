import Causality
import Formats
import Operations

/// JSON-RPC 2.0 over the catalogue: a method is the name of an operation, its `params` the operation's input as an object.
///
/// The calls of a batch are made one after the other, in the order written: a batch that creates a session and types into it means it
/// that way. Calls that should run side by side go in messages of their own.
struct JSONRPC: Sendable {
  let catalogue: Catalogue

  /// Most calls in one batch: enough to ask about every session of a busy server, few enough that a batch is no queue.
  static let maximumBatch = 64
  /// When the answers of a batch are longer together, in bytes, the rest of its calls are not made. What was made is told, so a batch may
  /// answer this and the longest answer of one call.
  static let maximumBatchAnswer = 4 << 20

  /// The answer to one message, as it goes over the wire; `nil` when it held notifications only.
  func answer(_ message: [UInt8], for call: Call) async -> [UInt8]? {
    let text = message[...]
    guard JSONText.isValid(text) else {
      return JSONRPC.failure(
        -32700, .invalidRequest, "The message is not valid JSON, or is nested too deeply.", id: nil)
    }
    guard JSONText.firstByte(text) == 0x5B else { return await answer(one: text, for: call) }
    guard let calls = JSONText.elements(of: text), !calls.isEmpty, calls.count <= JSONRPC.maximumBatch else {
      return JSONRPC.failure(-32600, .invalidRequest, "A batch holds 1 to \(JSONRPC.maximumBatch) calls.", id: nil)
    }
    var json = JSONWriter()
    json.beginArray()
    let empty = json.count
    for one in calls {
      if Task.isCancelled { break }
      if json.count > JSONRPC.maximumBatchAnswer {
        if let refusal = JSONRPC.refusal(of: one) { json.raw(refusal) }
        continue
      }
      guard let answer = await answer(one: one, for: call) else { continue }
      json.raw(answer)
    }
    if json.count == empty { return nil }
    json.endArray()
    return json.finish()
  }

  /// What is said of a call for whose answer a batch has no room; `nil` for a notification.
  private static func refusal(of text: ArraySlice<UInt8>) -> [UInt8]? {
    guard case .request(let request) = Request.parse(text), let id = request.id else { return nil }
    return failure(
      OperationError(
        .answerTooLarge,
        "This call was not made: the answers of the batch before it are larger than \(maximumBatchAnswer >> 20) MiB. Make it in another, or ask for less."
      ), id: id)
  }

  private func answer(one text: ArraySlice<UInt8>, for call: Call) async -> [UInt8]? {
    let request: Request
    switch Request.parse(text) {
    case .request(let parsed): request = parsed
    case .malformed(let why, let id): return JSONRPC.failure(-32600, .invalidRequest, why, id: id)
    }
    let outcome: Result<Answer, OperationError>
    do throws(OperationError) {
      outcome = .success(
        try await catalogue.perform(
          request.method, Arguments(body: request.body), for: call.correlated(by: request.correlationID)))
    } catch {
      outcome = .failure(error)
    }
    guard let id = request.id else { return nil }
    switch outcome {
    case .success(.json(let document)): return JSONRPC.success(document[...], id: id)
    case .success(.empty): return JSONRPC.success(Array("{}".utf8)[...], id: id)
    case .failure(let error): return JSONRPC.failure(error, id: id)
    }
  }

  /// One call as JSON-RPC 2.0 §4 describes it.
  struct Request {
    var method: String
    /// As sent; `nil` for a notification.
    var id: ArraySlice<UInt8>?
    var body: Arguments.Body
    /// A member of ours beside those of the standard: the call's own correlation id.
    var correlationID: String?

    enum Parsed {
      case request(Request)
      /// Not a call. The id is the message's where it can be made out.
      case malformed(String, id: ArraySlice<UInt8>?)
    }

    static func parse(_ text: ArraySlice<UInt8>) -> Parsed {
      guard let members = JSONText.members(of: text) else {
        return .malformed("A call is a JSON object, each member given once.", id: nil)
      }
      var version: String?
      var method: String?
      var id: ArraySlice<UInt8>?
      var body = Arguments.Body.none
      var correlationID: String?
      for (name, value) in members {
        switch name {
        case "jsonrpc": version = JSONText.string(value)
        case "method": method = JSONText.string(value)
        case "id":
          switch JSONText.firstByte(value) {
          case 0x7B, 0x5B, 0x74, 0x66: return .malformed("An 'id' is a string, a number or null.", id: nil)
          default: id = value
          }
        case "params":
          switch JSONText.firstByte(value) {
          case 0x7B: body = .json(Array(value))
          case 0x6E: body = .none
          default: return .malformed("'params' is an object with the fields of the operation's input.", id: id)
          }
        case "correlation_id": correlationID = JSONText.string(value).flatMap(Cause.correlationID)
        default: break
        }
      }
      guard version == "2.0" else { return .malformed("'jsonrpc' must be \"2.0\".", id: id) }
      guard let method else { return .malformed("'method' must be the name of an operation.", id: id) }
      return .request(Request(method: method, id: id, body: body, correlationID: correlationID))
    }
  }

  static func success(_ result: ArraySlice<UInt8>, id: ArraySlice<UInt8>) -> [UInt8] {
    var json = JSONWriter(reserving: result.count + 48)
    begin(&json)
    json.key("result")
    json.raw(result)
    end(&json, id: id)
    return json.finish()
  }

  static func failure(_ number: Int, _ code: ErrorCode, _ message: String, id: ArraySlice<UInt8>?) -> [UInt8] {
    failure(number, OperationError(code, message), id: id)
  }

  static func failure(_ error: OperationError, id: ArraySlice<UInt8>?) -> [UInt8] {
    failure(error.rpcCode, error, id: id)
  }

  private static func failure(_ number: Int, _ error: OperationError, id: ArraySlice<UInt8>?) -> [UInt8] {
    var json = JSONWriter()
    begin(&json)
    json.key("error")
    json.beginObject()
    json.key("code")
    json.integer(number)
    json.key("message")
    json.string(error.message)
    json.key("data")
    json.beginObject()
    json.key("code")
    json.string(error.codeText)
    if let foreign = error.foreign {
      // Whoever does not know the code either can go by this.
      json.key("status")
      json.integer(foreign.status)
    }
    error.writePath(to: &json)
    json.endObject()
    json.endObject()
    end(&json, id: id)
    return json.finish()
  }

  private static func begin(_ json: inout JSONWriter) {
    json.beginObject()
    json.key("jsonrpc")
    json.string("2.0")
  }

  private static func end(_ json: inout JSONWriter, id: ArraySlice<UInt8>?) {
    json.key("id")
    if let id { json.raw(id) } else { json.null() }
    json.endObject()
  }
}
