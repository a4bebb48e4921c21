package import Cluster
import Store

/// What a server's role permits, and what a call says of its caller when it goes on to a backend: the one place where roles are enforced.
package enum RemoteAccess {
  /// What the caller may do at a backend at most: what it may do here, and what the backend's role permits.
  package static func limits(for call: Call, member: Member) -> CallContext.Limits {
    let access = call.access
    // Who may do everything is said in one word.
    let scopes: Set<Scope> = access.scopes.contains(.admin) ? [.admin] : access.scopes
    return CallContext.Limits(
      scopes: scopes.map(\.rawValue).sorted(), sessions: access.sessions?.sorted(), tags: access.commonTags?.sorted(),
      role: member.role.narrowed(to: call.role))
  }

  /// What goes along with a call to a backend.
  /// - Parameters:
  ///   - causationID: the audit event that this hop leaves of the call, if it leaves one.
  ///   - serverID: of this server.
  package static func context(
    for call: Call, member: Member, causationID: String? = nil, serverID: String
  ) -> CallContext {
    CallContext(
      correlationID: call.correlationID, causationID: causationID ?? call.causationID, traceParent: call.traceParent,
      principal: call.principal.asker, via: call.via + [serverID], limits: limits(for: call, member: member))
  }

  /// Why an operation may not be sent to a backend; `nil` when it may. `operation` is its name, or that of an endpoint.
  package static func refusal(_ work: Work, _ operation: String, at member: Member) -> OperationError? {
    if member.role.permits(work) { return nil }
    let needed = Role.needed(for: work).rawValue
    return OperationError(
      .roleRefused,
      """
      \(member.name) may not be used for \(operation): its role is '\(member.role.rawValue)', and that needs '\(needed)'. \
      'roost servers promote \(member.name) --role \(needed)' or PATCH /servers/\(member.name) {"role":"\(needed)"} changes it.
      """)
  }

  /// Why a call that has come through a hub may not do something here; `nil` when it may. The hub has asked the same of its own records:
  /// this holds against one that has not.
  package static func refusal(_ work: Work, _ operation: String, for call: Call) -> OperationError? {
    if call.role.permits(work) { return nil }
    return OperationError(
      .roleRefused,
      """
      \(operation) is not done for this hub: it has this server in the role '\(call.role.rawValue)', and this needs \
      '\(Role.needed(for: work).rawValue)'. 'roost servers promote' at the hub changes it.
      """)
  }

  static func refusal(of operation: Operation, for call: Call) -> OperationError? {
    refusal(operation.work, operation.name, for: call)
  }
}
