import Operations
import Sessions

/// Finds sessions for callers: what they may not see is not there.
struct SessionLookup: Sendable {
  let catalogue: Catalogue
  let store: SessionStore

  /// The session of that name. Whether the caller may see it, and whether it is here at all (`server`), is what `session.get` says.
  func find(_ name: String, query: [(name: String, value: String)] = [], for call: Call) async throws(OperationError)
    -> Session
  {
    _ = try await catalogue.perform("session.get", Arguments(path: [("session", name)], query: query), for: call)
    do {
      return try store.find(try SessionName(name)).session
    } catch {
      throw OperationError(wrapping: error)
    }
  }
}
