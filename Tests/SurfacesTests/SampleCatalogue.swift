import Net
import Operations
import Sessions
import Store

/// A catalogue of a few operations without anything behind them, in every form that a surface has to serve.
enum Sample {
  struct Record: Codable, Sendable {
    var name: String
    var startedAt: String?
  }
  struct NameInput: Decodable, Sendable { var session: SessionName }
  struct ListInput: Decodable, Sendable { var tag: [Sessions.Tag]? }
  struct CreateInput: Decodable, Sendable {
    var name: SessionName?
    var rows: Int?
  }
  struct TypeInput: Decodable, Sendable {
    var session: SessionName
    var data: InputBytes
  }
  struct Length: Codable, Sendable { var length: Int }
  struct Health: Codable, Sendable { var status: String }

  static let operations: [Operation] = [
    Operation("session.list", "List the sessions", .sessionsRead, "GET", "/sessions", .reads) {
      (_: Call, input: ListInput) -> [Record] in
      (input.tag ?? []).map { Record(name: $0.text) }
    },
    Operation("session.create", "Start a session", .sessionsManage, "POST", "/sessions", .changes, status: 201) {
      (_: Call, input: CreateInput) -> Record in Record(name: input.name?.text ?? "\(input.rows ?? 0)")
    },
    Operation("session.get", "Tell of a session", .sessionsRead, "GET", "/sessions/{session}", .reads) {
      (_: Call, input: NameInput) -> Record in
      guard input.session.text != "none" else { throw SessionError.notFound("none") }
      return Record(name: input.session.text)
    },
    Operation(silent: "session.remove", "End a session", .sessionsManage, "DELETE", "/sessions/{session}", .changes) {
      (_: Call, _: NameInput) in
    },
    Operation(
      "session.input", "Type bytes", .sessionsInput, "POST", "/sessions/{session}/input", .changesOften,
      rawField: "data"
    ) {
      (_: Call, input: TypeInput) -> Length in Length(length: input.data.bytes.count)
    },
    Operation("server.health", "Say that the server is up", nil, "GET", "/health", .reads) {
      (_: Call, _: NoInput) -> Health in
      Health(status: "ok")
    },
  ]

  static let streams: [Operations.Stream] = [
    Stream(
      [.init(.webSocket, "ws.session_raw", "/sessions/{session}/ws/raw", "WebSocket: the terminal's bytes")],
      scopes: [.sessionsRead], takes: NameInput.self
    ) { _, _ in
      StreamOpening { webSocket, closed in
        webSocket.close(code: 1000, reason: "")
        closed()
      }
    }
  ]

  static let catalogue = Catalogue(operations, ownNames: ["here"])
  static let call = Call(principal: .anonymous, access: .everything, peer: "test")
}
