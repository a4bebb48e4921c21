import Store

/// Every operation that this server knows, and the one door to them: scope, `server` and input are checked here for all surfaces.
package struct Catalogue: Sendable {
  package let operations: [Operation]
  private let byName: [String: Operation]
  /// The names under which this server answers to `server`.
  private let ownNames: Set<String>

  package init(_ operations: [Operation], ownNames: Set<String>) {
    self.operations = operations
    self.ownNames = ownNames
    byName = Dictionary(operations.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  package func operation(named name: String) -> Operation? { byName[name] }

  /// Performs an operation for a caller.
  package func perform(_ operation: Operation, _ arguments: Arguments, for call: Call) async throws(OperationError)
    -> Answer
  {
    do {
      if let scope = operation.scope, !call.access.allows(scope) {
        throw OperationError(
          .insufficientScope, "This token may not do \(operation.name): it needs the scope '\(scope.rawValue)'.")
      }
      if let server = try arguments.requestedServer(), !ownNames.contains(server) {
        throw OperationError(.serverNotFound, "Server not found: \(server).")
      }
      return try await operation.perform(call, arguments)
    } catch {
      throw OperationError(wrapping: error)
    }
  }

  package func perform(_ name: String, _ arguments: Arguments, for call: Call) async throws(OperationError) -> Answer {
    guard let operation = byName[name] else { throw OperationError(.unknownMethod, "Unknown method: \(name).") }
    return try await perform(operation, arguments, for: call)
  }
}
