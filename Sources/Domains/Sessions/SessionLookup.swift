import Operations
import Sessions

/// Finds sessions for callers: what they may not see is not there.
struct SessionLookup: Sendable {
  let catalogue: Catalogue
  let store: SessionStore

  /// The session of that name on this server. Whether the caller may see it is what `session.get` says; a `server` in the query must mean
  /// this one, so that a session of the same name is never taken for another server's.
  func find(_ name: String, query: [(name: String, value: String)] = [], for call: Call) async throws(OperationError)
    -> Session
  {
    let server = try Arguments(query: query).requestedServer()
    try catalogue.requireHere(
      server, "A stream of a session", hint: "open /sessions/{session}/ws/json?server=… instead.")
    _ = try await catalogue.perform("session.get", Arguments(path: [("session", name)], query: query), for: call)
    do {
      return try store.find(try SessionName(name)).session
    } catch {
      throw OperationError(wrapping: error)
    }
  }
}
