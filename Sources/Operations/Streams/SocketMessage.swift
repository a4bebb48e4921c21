import Causality
import Formats

/// One request over a JSON WebSocket: `{"id"?, "method", "session"?, "params"?, "correlation_id"?}`.
package struct SocketMessage: Sendable {
  /// As sent, whatever its type; `nil` when the caller gave none.
  package var id: ArraySlice<UInt8>?
  package var method: String
  /// The session that the request is about, on the socket of the whole server.
  package var session: String?
  /// The server that the request is about, as written beside the method; it may stand among the parameters too.
  private var namedServer: String?
  /// A JSON object as sent; `nil` when absent.
  package var params: ArraySlice<UInt8>?
  /// The call's own correlation id in place of the socket's; a text that is no UUID is passed over.
  package var correlationID: String?

  /// `nil` when the text is not such an object.
  package init?(_ text: [UInt8]) {
    guard let members = JSONText.members(of: text[...]) else { return nil }
    var method: String?
    for (name, value) in members {
      switch name {
      case "id": id = value
      case "method": method = JSONText.string(value)
      case "session" where !JSONText.isNull(value):
        guard let name = JSONText.string(value) else { return nil }
        session = name
      case "server" where !JSONText.isNull(value):
        guard let name = JSONText.string(value) else { return nil }
        namedServer = name
      case "params" where !JSONText.isNull(value):
        guard JSONText.firstByte(value) == 0x7B else { return nil }
        params = value
      case "correlation_id": correlationID = JSONText.string(value).flatMap(Cause.correlationID)
      default: break
      }
    }
    guard let method else { return nil }
    self.method = method
  }

  /// The parameter of that name, as JSON.
  package func parameter(_ name: String) -> ArraySlice<UInt8>? {
    params.flatMap(JSONText.members)?.last { $0.name == name && !JSONText.isNull($0.value) }?.value
  }

  /// A parameter that must be text, if it is there.
  package func text(_ name: String) throws(OperationError) -> String? {
    guard let value = parameter(name) else { return nil }
    guard let text = JSONText.string(value) else {
      throw OperationError(.invalidRequest, "Invalid request: '\(name)' must be a string.")
    }
    return text
  }

  /// A parameter that must be a whole number of at least 0, if it is there.
  package func milliseconds(_ name: String) throws(OperationError) -> Int? {
    guard let value = parameter(name) else { return nil }
    guard let number = JSONText.integer(value), number >= 0 else {
      throw OperationError(.invalidRequest, "Invalid request: '\(name)' must be a whole number of milliseconds.")
    }
    return number
  }

  /// `server`, wherever it was given, as the query of an operation: for arguments that are made without the parameters.
  package func serverQuery() throws(OperationError) -> [(name: String, value: String)] {
    // Keystrokes come without one, and without escapes in which one could be written.
    if namedServer == nil, params?.contains(where: { $0 == 0x5C || $0 == 0x76 }) != true { return [] }
    let given = try Arguments(query: ownServer, body: params.map { .json(Array($0)) } ?? .none).requestedServer()
    return given.map { [("server", $0)] } ?? []
  }

  /// The parameters as they were sent, with what was said of the server beside them.
  package var arguments: Arguments { Arguments(query: ownServer, body: params.map { .json(Array($0)) } ?? .none) }

  private var ownServer: [(name: String, value: String)] { namedServer.map { [("server", $0)] } ?? [] }

  // MARK: Answers

  package static let emptyResult: [UInt8] = Array("{}".utf8)

  /// The answer to text that is no request.
  package static let malformed = OperationError(
    .invalidRequest, "Invalid request: send {\"id\", \"method\", \"params\"} as one JSON object."
  ).document

  package func answer(_ result: [UInt8]) -> [UInt8] {
    var json = JSONWriter(reserving: result.count + 64)
    begin(&json)
    json.key("result")
    json.raw(result)
    json.endObject()
    return json.finish()
  }

  package func answer(_ answer: Answer) -> [UInt8] {
    switch answer {
    case .json(let document): self.answer(document)
    case .empty: self.answer(SocketMessage.emptyResult)
    }
  }

  package func answer(_ error: OperationError) -> [UInt8] {
    var json = JSONWriter()
    begin(&json)
    json.key("error")
    error.write(to: &json)
    json.endObject()
    return json.finish()
  }

  private func begin(_ json: inout JSONWriter) {
    json.beginObject()
    if let id {
      json.key("id")
      json.raw(id)
    }
    json.key("method")
    json.string(method)
  }
}
