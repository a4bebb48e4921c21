/// What led to what happens now: the call that somebody made, and the event that came before.
///
/// It goes along with a task (``current``), through every actor that the task visits, so that whoever announces something can say why
/// without every function in between being told. What outlives the task (a session, a command that runs) keeps the cause that it began with.
package struct Cause: Sendable, Equatable {
  /// Who answers for what his calls leave in the log: a token, also for all whom a hub says to ask through it.
  package struct Account: Sendable, Hashable {
    /// Names do not tell tokens apart, ids do.
    package let id: String
    /// As audit records name it; `nil` for those of whom nobody is known.
    package let principal: String?

    package init(id: String, principal: String?) { (self.id, self.principal) = (id, principal) }
  }

  /// Names everything that one call from outside caused: a UUID in lower case.
  package var correlationID: String
  /// The id of the event that caused what happens now, if an event did.
  package var causationID: String?
  /// Who asked, as audit records name principals: `user:1000`, `token:ci`.
  package var principal: String?
  /// Who has a share of what everybody shares for it; `nil` for the local user and the server itself, whose use nobody bounds.
  package var holder: String?
  /// On whose account the events go that it leaves in the log; `nil` for the local user and the server itself.
  package var account: Account?
  /// The W3C trace context that came with the call, carried along as it is (`00-<trace>-<span>-<flags>`).
  package var traceParent: String?

  package init(
    correlationID: String, causationID: String? = nil, principal: String? = nil, holder: String? = nil,
    account: Account? = nil, traceParent: String? = nil
  ) {
    self.correlationID = correlationID
    self.causationID = causationID
    self.principal = principal
    self.holder = holder
    self.account = account
    self.traceParent = traceParent
  }

  /// The cause of what the current task does; `nil` for what the server does of its own accord.
  @TaskLocal package static var current: Cause?
}
