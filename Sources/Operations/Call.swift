package import Causality
package import Cluster
package import Formats
package import Store

extension Scope: SchemaDescribing {
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
  /// A hub that asks for somebody of its own: `by` is whom this server knows, `onBehalfOf` whom the hub says it is.
  indirect case relayed(by: Principal, onBehalfOf: String)

  /// Longest name of another server's caller, in bytes. Ours are as long as a token's name and shorter.
  private static let maximumName = 256

  /// A hub's caller. The hub's word for it is somebody else's text: it is cut and freed of what would break a line of a log.
  package static func relayed(by hub: Principal, for name: String) -> Principal {
    if (1...maximumName).contains(name.utf8.count), name.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) {
      return .relayed(by: hub, onBehalfOf: name)
    }
    var clean = ""
    for scalar in name.unicodeScalars {
      // Controls, format characters such as those that turn text around, and the separators of lines and paragraphs.
      let isPlain =
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: true
        }
      if clean.utf8.count + UTF8.width(scalar) > maximumName { break }
      clean.unicodeScalars.append(isPlain ? scalar : "?")
    }
    return .relayed(by: hub, onBehalfOf: clean.isEmpty ? "unknown" : clean)
  }

  /// Who asked in the first place, as audit records name principals.
  package var asker: String { if case .relayed(_, let name) = self { name } else { description } }

  /// The id of the token that let this principal in, its own or the hub's.
  package var tokenID: String? {
    switch self {
    case .token(let id, _): id
    case .relayed(let hub, _): hub.tokenID
    case .localUser, .anonymous: nil
    }
  }

  /// Who has an account for what he takes (``Accounts``); `nil` for the local user, who has none. Names do not tell tokens apart, ids do.
  package var holder: String? {
    switch self {
    case .localUser: nil
    case .token(let id, _): id
    case .anonymous: "anonymous"
    case .relayed(let hub, let name): "\(hub.holder ?? "hub") for \(name)"
    }
  }

  /// On whose account the events go that this principal's calls leave in the log: a hub answers for all whom it names.
  package var account: Cause.Account? {
    switch self {
    case .localUser: nil
    case .token(let id, _): Cause.Account(id: id, principal: description)
    case .anonymous: Cause.Account(id: "anonymous", principal: description)
    case .relayed(let hub, _): hub.account ?? Cause.Account(id: "hub", principal: hub.description)
    }
  }

  package var description: String {
    switch self {
    case .relayed(let hub, let name): "\(hub) for \(name)"
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
  /// The tags of one more limit, which must let a session through beside ``tags``: that of the hub's caller beside that of the hub.
  package var furtherTags: Set<String>?
  /// ``tags`` and ``furtherTags`` for a limit that knows one list: a session with a tag of both is within both.
  package var commonTags: Set<String>? { furtherTags.map { tags?.intersection($0) ?? $0 } ?? tags }
  /// When all of this ends; `nil` for never.
  package var expiresAt: Timestamp?

  package init(scopes: Set<Scope>, sessions: Set<String>? = nil, tags: Set<String>? = nil) {
    self.scopes = scopes
    self.sessions = sessions
    self.tags = tags
  }

  package static let everything = Access(scopes: Set(Scope.allCases))

  /// Whether it is to some sessions only.
  package var isLimited: Bool { sessions != nil || tags != nil || furtherTags != nil }

  package func allows(_ scope: Scope) -> Bool { scopes.contains(scope) || scopes.contains(.admin) }

  /// Whether a session with this name and these tags is within reach: every limit that is set must let it through.
  package func covers(name: String, tagTexts sessionTags: some Collection<String>) -> Bool {
    if let sessions, !sessions.contains(name) { return false }
    if let tags, !sessionTags.contains(where: { tags.contains($0) }) { return false }
    if let furtherTags, !sessionTags.contains(where: { furtherTags.contains($0) }) { return false }
    return true
  }

  /// What this and the limits of a hub's caller both allow.
  package func narrowed(to limits: CallContext.Limits) -> Access {
    let wanted = Access(scopes: Set(limits.scopes.compactMap(Scope.init)))
    var access = self
    access.scopes = Set(Scope.allCases.filter { allows($0) && wanted.allows($0) })
    if let names = limits.sessions { access.sessions = sessions?.intersection(names) ?? Set(names) }
    if let names = limits.tags {
      if tags == nil { access.tags = Set(names) } else { access.furtherTags = Set(names) }
    }
    return access
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
  /// The audit event, of another server, that led to the call.
  package let causationID: String?
  /// Ids of the servers that the call has come through, the first hop first; empty for one that was made here.
  package let via: [String]
  /// What kinds of work the call may do: that of the role in which the hub that it came through has this server.
  package let role: Role

  /// Where the operation says what only it knows for the audit record; there while it is performed.
  package internal(set) var note: AuditNote?
  /// Tells whether the call's token has come to an end; there while an operation is performed, where tokens end.
  package var tenures: TokenTenures?
  /// Where the operation says what goes with the answer and is no part of it; `nil` where the surface has no place for it.
  package var remarks: AnswerRemarks?

  /// Without a correlation id the call gets a new one.
  package init(
    principal: Principal, access: Access, peer: String, correlationID: String? = nil, traceParent: String? = nil,
    causationID: String? = nil, via: [String] = [], role: Role = .member
  ) {
    self.principal = principal
    self.access = access
    self.peer = peer
    self.correlationID = correlationID ?? makeUUID()
    self.traceParent = traceParent
    self.causationID = causationID
    self.via = via
    self.role = role
  }

  /// The same call under an id that came with it, if one did.
  package func correlated(by id: String?) -> Call {
    guard let id else { return self }
    var call = self
    call.correlationID = id
    return call
  }
}
