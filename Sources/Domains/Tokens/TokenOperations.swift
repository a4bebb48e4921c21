import Causality
import Formats
package import Operations
import Sessions
package import Store

struct CreateTokenInput: Decodable, Sendable, MeaningTelling {
  static let standardName = "token"
  static let meanings = [
    FieldMeaning("name", "What it is called in lists and in the log", standard: .string(standardName)),
    FieldMeaning("scopes", "What it permits"),
    FieldMeaning("sessions", "Only the sessions with these names", standard: []),
    FieldMeaning("tags", "Only the sessions with one of these tags", standard: []),
    FieldMeaning("expires_in_ms", "After how many milliseconds it is worthless; without it never"),
  ]

  var name: String?
  var scopes: [Scope]
  var sessions: [SessionName]?
  var tags: [Tag]?
  var expiresInMs: Int?
}

struct TokenOutput: Codable, Sendable {
  var id: String
  var name: String
  var scopes: [Scope]
  var sessions: [String]?
  var tags: [String]?
  var createdAt: Timestamp
  var expiresAt: Timestamp?
  /// The secret; only in the answer to its making.
  var token: String?

  init(_ token: Token, secret: String? = nil) {
    id = token.id
    name = token.name
    scopes = token.scopes.sorted { $0.rawValue < $1.rawValue }
    sessions = token.sessions.isEmpty ? nil : token.sessions
    tags = token.tags.isEmpty ? nil : token.tags
    createdAt = Timestamp(milliseconds: token.createdAt)
    expiresAt = token.expiresAt.map(Timestamp.init(milliseconds:))
    self.token = secret
  }
}

struct TokenInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [FieldMeaning("id", "The token's id, from token.list")]

  var id: String
}

/// The operations of the `token` domain. `revoked` is told of every token that is no longer good.
package func tokenOperations(
  _ tokens: TokenStore, events: OwnEvents, revoked: @escaping @Sendable (_ id: String) -> Void
) -> [OperationBinding] {
  [
    TokenContract.create.on { call, input in
      if let time = input.expiresInMs, time <= 0 {
        throw OperationError(.invalidRequest, "Invalid request: 'expires_in_ms' must be greater than 0.")
      }
      let now = Timestamp.now().milliseconds
      let (expiry, overflow) = now.addingReportingOverflow(Int64(input.expiresInMs ?? 0))
      let (secret, token) = try stored {
        try tokens.create(
          name: input.name ?? CreateTokenInput.standardName, scopes: Set(input.scopes),
          sessions: (input.sessions ?? []).map(\.text),
          tags: (input.tags ?? []).map(\.text), expiresAt: input.expiresInMs == nil || overflow ? nil : expiry)
      }
      call.note?.target = token.id
      events.tokenCreated(token)
      return TokenOutput(token, secret: secret)
    },
    TokenContract.list.on { _, _ in
      try stored { try tokens.list() }.map { TokenOutput($0) }
    },
    TokenContract.revoke.on { _, input in
      try stored { try tokens.revoke(id: input.id) }
      events.tokenRevoked(id: input.id)
      revoked(input.id)
    },
  ]
}

extension OwnEvents {
  fileprivate func tokenCreated(_ token: Token) {
    func list(_ texts: [String]) -> JSON? { texts.isEmpty ? nil : .array(texts.map { .string($0) }) }
    let type = TokenEvents.created
    emit(
      type, origin: token.id, because: Cause.current,
      type.data([
        "name": .string(token.name), "scopes": .array(token.scopes.map(\.rawValue).sorted().map { .string($0) }),
        "sessions": list(token.sessions), "tags": list(token.tags),
        "expires_at": token.expiresAt.map { .string(Timestamp(milliseconds: $0).text) },
      ]))
  }

  fileprivate func tokenRevoked(id: String) {
    let type = TokenEvents.revoked
    emit(type, origin: id, because: Cause.current, type.data([:]))
  }
}

private func stored<Result>(_ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as StoreError {
    switch error.code {
    case .notFound: throw OperationError(.tokenNotFound, "Token not found.")
    case .invalidName: throw OperationError(.invalidRequest, "Invalid request: \(error.message).")
    case .full:
      throw OperationError(.storageFull, "The disk is full; make room and try again: \(error.message).")
    default: throw OperationError(.internalError, "The tokens could not be read or written: \(error.message).")
    }
  }
}
