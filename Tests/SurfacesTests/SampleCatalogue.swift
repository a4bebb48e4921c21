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

  static let operations = bindings.map(\.operation)
  static let bindings: [OperationBinding] = [
    TypedOperation(
      "session.list", "List the sessions", .sessionsRead, .get("/sessions"), .reads, takes: ListInput.self,
      gives: [Record].self
    ).on { _, input in
      (input.tag ?? []).map { Record(name: $0.text) }
    },
    TypedOperation(
      "session.create", "Start a session", .sessionsManage, .post("/sessions"), .changes, status: 201,
      takes: CreateInput.self, gives: Record.self
    ).on { _, input in Record(name: input.name?.text ?? "\(input.rows ?? 0)")
    },
    TypedOperation(
      "session.get", "Tell of a session", .sessionsRead, .get("/sessions/{session}"), .reads, takes: NameInput.self,
      gives: Record.self
    ).on { _, input in
      guard input.session.text != "none" else { throw SessionError.notFound("none") }
      return Record(name: input.session.text)
    },
    TypedOperation(
      "session.remove", "End a session", .sessionsManage, .delete("/sessions/{session}"), .changes,
      takes: NameInput.self
    ).on { _, _ in
    },
    TypedOperation(
      "session.input", "Type bytes", .sessionsInput, .post("/sessions/{session}/input"), .changesOften,
      rawField: "data", takes: TypeInput.self, gives: Length.self
    ).on { _, input in Length(length: input.data.bytes.count)
    },
    TypedOperation(
      "server.health", "Say that the server is up", nil, .get("/health"), .reads, takes: NoInput.self,
      gives: Health.self
    ).on { _, _ in
      Health(status: "ok")
    },
  ]

  static let streams = [
    TypedStream(
      .init(.webSocket, "ws.session_raw", "/sessions/{session}/ws/raw", "WebSocket: the terminal's bytes"),
      scopes: [.sessionsRead], takes: NameInput.self
    ).on { _, _ in
      StreamOpening { webSocket, closed in
        webSocket.close(code: 1000, reason: "")
        closed()
      }
    }
  ]

  static let catalogue = Catalogue(bindings, ownNames: ["here"])
  static let call = Call(principal: .anonymous, access: .everything, peer: "test")
}
