import Causality
import Store

/// Every operation that this server knows, and the one door to them: scope, `server` and input are checked here for all surfaces, what is
/// done is done because of the call, and what changes something or is refused leaves an audit event.
package struct Catalogue: Sendable {
  package let operations: [Operation]
  /// `nil` where nobody keeps a log.
  package let audit: AuditTrail?
  private let byName: [String: Operation]
  /// The names under which this server answers to `server`.
  private let ownNames: Set<String>
  /// Told, within the call's cause, of what failed for no reason of the caller's.
  private let complain: @Sendable (String) -> Void

  package init(
    _ operations: [Operation], ownNames: Set<String>, audit: AuditTrail? = nil,
    complain: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.operations = operations
    self.ownNames = ownNames
    self.audit = audit
    self.complain = complain
    byName = Dictionary(operations.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  package func operation(named name: String) -> Operation? { byName[name] }

  /// Performs an operation for a caller. ``Cause/current`` is the call meanwhile, and its causation the audit event that the call will leave.
  package func perform(_ operation: Operation, _ arguments: Arguments, for call: Call) async throws(OperationError)
    -> Answer
  {
    guard let audit else { return try await attempt(operation, arguments, call, because: call.cause()).get() }
    let note = AuditNote()
    var noted = call
    noted.note = note
    let opening = audit.open(operation, arguments, call)
    let cause = call.cause(id: opening.id)
    let outcome = await attempt(operation, arguments, noted, because: cause)
    var error: OperationError?
    if case .failure(let failure) = outcome { error = failure }
    audit.close(opening, operation, arguments, call, note: note, error: error)
    return try outcome.get()
  }

  private func attempt(
    _ operation: Operation, _ arguments: Arguments, _ call: Call, because cause: Cause,
    isolation: isolated (any Actor)? = #isolation
  ) async -> Result<Answer, OperationError> {
    // The closure captures its actor: one that does not would run on the global pool, two threads' wake-ups away from the loop.
    await Cause.$current.withValue(cause) {
      _ = isolation
      return await attempt(operation, arguments, call)
    }
  }

  private func attempt(_ operation: Operation, _ arguments: Arguments, _ call: Call) async
    -> Result<Answer, OperationError>
  {
    do {
      if let scope = operation.scope, !call.access.allows(scope) {
        throw OperationError(
          .insufficientScope, "This token may not do \(operation.name): it needs the scope '\(scope.rawValue)'.")
      }
      // Before anything that tells what is there.
      if let refusal = RemoteAccess.refusal(of: operation, for: call) { throw refusal }
      if let server = try arguments.requestedServer(), !ownNames.contains(server) {
        throw OperationError(.serverNotFound, "Server not found: \(server).")
      }
      return .success(try await operation.perform(call, arguments))
    } catch {
      let error = OperationError(wrapping: error)
      if error.code == .internalError { complain("\(operation.name): \(error.message)") }
      return .failure(error)
    }
  }

  package func perform(_ name: String, _ arguments: Arguments, for call: Call) async throws(OperationError) -> Answer {
    guard let operation = byName[name] else { throw OperationError(.unknownMethod, "Unknown method: \(name).") }
    return try await perform(operation, arguments, for: call)
  }
}
