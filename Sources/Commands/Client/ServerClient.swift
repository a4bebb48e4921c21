import Formats
import Net

/// A server's API as the commands use it: JSON in, JSON out, failures with an exit code.
struct ServerClient: Sendable {
  let address: ServerAddress
  let loop: EventLoop
  /// Goes with every request, so that the server logs all that the command causes under one id.
  let correlationID: String
  /// The server that operations are for; `nil` for the one that is asked.
  private(set) var server: String?
  private let http: HTTPClient
  private let patience: ServerPatience

  /// - Parameter note: Tells the user of a server that does not answer.
  init(
    address: ServerAddress, loop: EventLoop, correlationID: String, server: String? = nil,
    note: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.address = address
    self.loop = loop
    self.correlationID = correlationID
    self.server = server
    let http = HTTPClient(endpoint: address.endpoint, loop: loop, tls: address.tls)
    self.http = http
    patience = ServerPatience(address: address, loop: loop, note: note) { Task { await http.close() } }
  }

  /// The same for operations on another server; `nil` for the one that is asked.
  func on(_ server: String?) -> ServerClient {
    var client = self
    client.server = server
    return client
  }

  /// How a session of that server is called here: `web1:build`.
  func name(of session: String) -> String { server.map { "\($0):\(session)" } ?? session }

  /// Calls one operation by its route. `path` is encoded already; see ``sessionPath(_:_:)``.
  func call(
    _ method: String, _ path: String, query: [(String, String?)] = [], body: JSON? = nil
  ) async throws(CommandFailure) -> JSON {
    try await send(method, path, query: query, body: body?.bytes ?? [], contentType: "application/json")
  }

  /// The same with a body of any bytes.
  func send(
    _ method: String, _ path: String, query: [(String, String?)] = [], body: [UInt8], contentType: String
  ) async throws(CommandFailure) -> JSON {
    let answer = try await fetch(method, path, query: query, body: body, contentType: contentType)
    guard !answer.isEmpty else { return .null }
    do {
      return try JSON(parsing: answer, ambiguity: .tolerated)
    } catch {
      throw CommandFailure(.failed, "the server's answer is no JSON: \(error.message) at byte \(error.offset)")
    }
  }

  /// The answer as it came.
  func fetch(
    _ method: String, _ path: String, query: [(String, String?)] = [], body: [UInt8] = [],
    contentType: String = "application/json"
  ) async throws(CommandFailure) -> [UInt8] {
    var headers = self.headers
    if !body.isEmpty { headers.append("content-type", contentType) }
    let request = HTTPClientRequest(
      method, path + ServerClient.queryText(query + [("server", server)]), headers: headers, body: body)
    let response: HTTPResponse
    await patience.asked()
    do {
      response = try await http.send(request)
    } catch {
      await patience.answered()
      if await patience.isOver { throw await patience.failure }
      throw failure(error)
    }
    await patience.answered()
    guard (200..<300).contains(response.status) else {
      throw ServerClient.failure(status: response.status, body: response.body)
    }
    return response.body
  }

  /// Opens a WebSocket on the client's loop.
  func webSocket(
    _ path: String, query: [(String, String?)] = [], subprotocols: [String] = [], pingInterval: Duration = .zero,
    handler: any WebSocketHandler
  ) async throws(CommandFailure) -> WebSocket {
    let target = path + ServerClient.queryText(query + [("server", server)])
    let opening = Task { () -> Result<WebSocket, NetError> in
      do throws(NetError) {
        return .success(
          try await http.webSocket(
            target: target, headers: headers, subprotocols: subprotocols, pingInterval: pingInterval, handler: handler))
      } catch {
        return .failure(error)
      }
    }
    await patience.asked { opening.cancel() }
    let opened = await opening.value
    await patience.answered()
    do {
      return try opened.get()
    } catch {
      if await patience.isOver { throw await patience.failure }
      throw failure(error)
    }
  }

  private var headers: HTTPHeaders {
    var headers = HTTPHeaders()
    headers.append("x-correlation-id", correlationID)
    if let token = address.token { headers.append("authorization", "Bearer \(token)") }
    return headers
  }

  /// `/sessions/NAME/input`
  static func sessionPath(_ session: String, _ rest: String = "") -> String {
    "/sessions/" + PercentEncoding.encode(session) + (rest.isEmpty ? "" : "/" + rest)
  }

  static func queryText(_ query: [(String, String?)]) -> String {
    let pairs = query.compactMap { name, value in
      value.map { "\(PercentEncoding.encode(name))=\(PercentEncoding.encode($0))" }
    }
    return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
  }

  private func failure(_ error: NetError) -> CommandFailure {
    switch error.code {
    case .upgradeRefused(let status, let body):
      return ServerClient.failure(status: status, body: body)
    case .connectionRefused, .notFound, .unreachable:
      let name = address.paths == nil ? "" : " named '\(address.serverName)'"
      return CommandFailure(
        .noServer, "no server\(name) is running at \(address.description)",
        hint: "Start one with 'roost serve', or just run 'roost'.", serverCode: "no_server")
    case .permissionDenied:
      return CommandFailure(
        .refused, "\(address.description): \(error.message)", serverCode: "permission_denied")
    case .timedOut:
      return CommandFailure(.timedOut, "the server at \(address.description) does not answer")
    case .tlsUntrusted, .tlsExpired, .tlsWrongHost, .tlsWrongPin:
      return CommandFailure(
        .refused, "\(address.description): \(error.message)",
        hint: "'--tls-ca FILE' names an authority, '--tls-fingerprint SHA256:…' one certificate.",
        serverCode: error.code.name)
    case .tlsFailed, .tlsConfiguration:
      return CommandFailure(.failed, "\(address.description): \(error.message)", serverCode: error.code.name)
    case .closed:
      return CommandFailure(.noServer, "the server closed the connection before it answered")
    default:
      return CommandFailure(.failed, "\(address.description): \(error.message)")
    }
  }

  /// The failure that an answer describes: `{"error":{"code","message"}}`, with the servers that the call took.
  static func failure(status: Int, body: [UInt8]) -> CommandFailure {
    let error = ((try? JSON(parsing: body, ambiguity: .tolerated)) ?? .null)["error"]
    let message = error["message"].string ?? error.string ?? "the server answered with status \(status)"
    var failure = CommandFailure(ExitCode(httpStatus: status), message, serverCode: error["code"].string)
    failure.take(path: error["server_path"], failedHop: error["failed_hop"])
    if failure.serverCode == "server_not_found", !message.contains("roost servers ls") {
      failure.hint = "'roost servers ls' lists those that are known."
    }
    if status == 401 { failure.hint = "Give a token in the variable ROOST_TOKEN." }
    return failure
  }
}
