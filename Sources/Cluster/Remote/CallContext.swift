/// What goes along with every call from hub to backend: who asks, why, by which way, and what at most may be done.
package struct CallContext: Sendable, Equatable {
  package var correlationID: String
  /// The audit event of the last hop, to which what the call causes points.
  package var causationID: String?
  package var traceParent: String?
  /// Who asked at the first hop, as audit records name principals.
  package var principal: String
  /// Ids of the servers that the call has passed, the first hop first.
  package var via: [String]
  /// What the caller may do there at most; the backend takes what is in here *and* in the hub's token.
  package var limits: Limits

  /// A narrowing of what a token may do.
  package struct Limits: Sendable, Equatable {
    /// Names of scopes.
    package var scopes: [String]
    /// Only these sessions; `nil` for all.
    package var sessions: [String]?
    /// Only sessions with one of these tags; `nil` for all.
    package var tags: [String]?
    /// The caller may do only what these kinds of work allow, because of the backend's role.
    package var role: Role

    package init(scopes: [String], sessions: [String]? = nil, tags: [String]? = nil, role: Role) {
      self.scopes = scopes
      self.sessions = sessions
      self.tags = tags
      self.role = role
    }
  }

  package init(
    correlationID: String, causationID: String? = nil, traceParent: String? = nil, principal: String, via: [String],
    limits: Limits
  ) {
    self.correlationID = correlationID
    self.causationID = causationID
    self.traceParent = traceParent
    self.principal = principal
    self.via = via
    self.limits = limits
  }
}
