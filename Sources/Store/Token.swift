import Formats
import Sys

/// What a token lets its bearer do. The names are those of the API.
package enum Scope: String, Sendable, Hashable, CaseIterable, Codable {
  case sessionsRead = "sessions:read"
  case sessionsInput = "sessions:input"
  case sessionsManage = "sessions:manage"
  case filesRead = "files:read"
  case filesWrite = "files:write"
  /// Query and follow the event log, and read the metrics.
  case eventsRead = "events:read"
  /// Put events of one's own into the log.
  case eventsPublish = "events:publish"
  case topology
  /// Look through this server as a hub: open a link. What may be done over it the other scopes say.
  case link
  case cluster
  /// Everything, tokens included.
  case admin
}

/// What is known of a token. The secret itself is nowhere: only its hash is kept.
package struct Token: Sendable, Equatable {
  /// Public name of the token in lists, logs and for revoking.
  package var id: String
  package var name: String
  package var scopes: Set<Scope>
  /// Names of sessions that it is good for; empty: all.
  package var sessions: [String]
  /// Tags of which a session must have one; empty: all sessions.
  package var tags: [String]
  /// Milliseconds since 1970 UTC; nil: never.
  package var expiresAt: Int64?
  /// Milliseconds since 1970 UTC.
  package var createdAt: Int64

  /// Whether its time is over now.
  package var isExpired: Bool { expiresAt.map { $0 <= Int64(clamping: Clock.realtime / 1_000_000) } ?? false }
}
