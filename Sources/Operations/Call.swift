package import Formats
package import Sessions
package import Store

extension Scope: SchemaDescribing {
  package static let schema = Schema.string(format: .oneOf(allCases.map(\.rawValue)))
  package static let sample = Scope.sessionsRead
}

/// Who asked.
package enum Principal: Sendable, Equatable, CustomStringConvertible {
  /// A process of this machine, known by the peer credentials of the Unix socket.
  case localUser(uid: UInt32)
  /// A bearer of a token.
  case token(id: String, name: String)
  /// Anybody, on a server started with `--no-auth`.
  case anonymous

  package var description: String {
    switch self {
    case .localUser(let uid): "user:\(uid)"
    case .token(let id, let name): "token:\(name.isEmpty ? id : name)"
    case .anonymous: "anonymous"
    }
  }
}

/// What a principal may do, and to which sessions.
package struct Access: Sendable, Equatable {
  package var scopes: Set<Scope>
  /// Only these sessions, by name; `nil` for all.
  package var sessions: Set<String>?
  /// Only sessions with one of these tags; `nil` for all.
  package var tags: Set<String>?
  /// When all of this ends; `nil` for never.
  package var expiresAt: Timestamp?

  package init(scopes: Set<Scope>, sessions: Set<String>? = nil, tags: Set<String>? = nil) {
    self.scopes = scopes
    self.sessions = sessions
    self.tags = tags
  }

  package static let everything = Access(scopes: Set(Scope.allCases))

  package func allows(_ scope: Scope) -> Bool { scopes.contains(scope) || scopes.contains(.admin) }

  /// Whether a session with this name and these tags is within reach: every limit that is set must let it through.
  package func covers(name: String, tags sessionTags: some Collection<Tag>) -> Bool {
    covers(name: name, tagTexts: sessionTags.lazy.map(\.text))
  }

  /// The same with tags as texts: of a session of another server.
  package func covers(name: String, tagTexts sessionTags: some Collection<String>) -> Bool {
    if let sessions, !sessions.contains(name) { return false }
    if let tags, !sessionTags.contains(where: { tags.contains($0) }) { return false }
    return true
  }
}

/// One call of an operation: who asked, from where.
package struct Call: Sendable {
  package let principal: Principal
  package let access: Access
  /// The address of the peer, for people: `unix`, `127.0.0.1:51234`.
  package let peer: String

  /// Names everything that the call causes: a UUID in lower case.
  package var correlationID: String
  /// The W3C trace context that came with the call.
  package let traceParent: String?
  /// Ids of the servers that the call has come through, the first hop first; empty for one that was made here.
  package let via: [String]

  /// Where the operation says what only it knows for the audit record; there while it is performed.
  package internal(set) var note: AuditNote?
  /// Where the operation says what goes with the answer and is no part of it; `nil` where the surface has no place for it.
  package var remarks: AnswerRemarks?

  /// Without a correlation id the call gets a new one.
  package init(
    principal: Principal, access: Access, peer: String, correlationID: String? = nil, traceParent: String? = nil,
    via: [String] = []
  ) {
    self.principal = principal
    self.access = access
    self.peer = peer
    self.correlationID = correlationID ?? makeUUID()
    self.traceParent = traceParent
    self.via = via
  }

  /// The same call under an id that came with it, if one did.
  package func correlated(by id: String?) -> Call {
    guard let id else { return self }
    var call = self
    call.correlationID = id
    return call
  }
}
