/// Where a process of this machine stands to the sessions of a server.
package enum ProcessOrigin: Sendable, Equatable {
  /// It is in no session.
  case outside
  /// It is in a session.
  /// - Parameter maker: on whose behalf that was made; `nil` for the local user's.
  case session(maker: String?)
  /// It has come out of some session, and which cannot be said.
  case someSession
}
