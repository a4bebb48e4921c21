package import Formats

/// How things are between this server and a backend.
package enum Health: String, Sendable, CaseIterable, Codable {
  /// The first attempt is under way.
  case connecting
  case healthy
  /// Connected, but answers come late, or the backend can do less than a Roost server (a plain wsh server whose events cannot be followed).
  case degraded
  /// Not reached, or silent. It is tried again by itself.
  case unavailable
  /// It does not accept the token.
  case authFailed = "auth_failed"
  /// It speaks no version of the link that this server speaks, or demands what this server does not know.
  case versionMismatch = "version_mismatch"
  /// It must not be used: it is this server itself, a circle of hubs, an address that `ip_access` forbids, or another server than was enrolled.
  /// Tried again only when something about it changes here.
  case rejected

  /// Whether operations can be sent.
  package var isUsable: Bool { self == .healthy || self == .degraded }

  /// Whether it stays so until somebody does something about it: to wait is of no use.
  package var isLasting: Bool { self == .authFailed || self == .versionMismatch || self == .rejected }
}

/// ``Health`` with what people want to know beside it.
package struct HealthReport: Sendable, Equatable {
  package var health: Health
  /// One sentence; `nil` when there is nothing to explain.
  package var reason: String?
  /// Since when it has been so.
  package var since: Timestamp
  /// Of the last ping.
  package var latency: Duration?

  package init(_ health: Health, reason: String? = nil, since: Timestamp = .now(), latency: Duration? = nil) {
    self.health = health
    self.reason = reason
    self.since = since
    self.latency = latency
  }
}
