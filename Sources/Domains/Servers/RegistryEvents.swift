import Operations

/// What is told of the servers behind this one.
enum RegistryEvents {
  static let all = [added, removed, roleChanged, healthChanged, identityChanged]

  private static func backend(_ name: String, _ summary: String, _ fields: [EventField]) -> EventType {
    EventType(
      "servers.\(name)", summary, from: "backend",
      [
        EventField("address", .string, "where it is reached"),
        EventField("server_id", .string, optional: true, "its id, once it has said it"),
        EventField("hostname", .string, optional: true, "what it calls itself, once it has said it"),
      ] + fields)
  }

  static let added = backend(
    "added", "A server was enrolled behind this one",
    [
      EventField("role", .string, "what it may be used for: `none`, `observer`, `member`, `drain` or `hub`"),
      EventField("tags", .strings, optional: true, "its tags, if it has any"),
      EventField("transitive", .boolean, "whether its own backends may be seen through it"),
      EventField("source", .string, "`config` or `api`"),
    ])

  static let removed = backend("removed", "A server is no longer enrolled", [])

  static let roleChanged = backend(
    "role_changed", "A server may be used for something else from now on",
    [
      EventField("role", .string, "its role now"),
      EventField("previous", .string, "its role before"),
    ])

  static let healthChanged = backend(
    "health_changed", "The way to a server has become another one",
    [
      EventField(
        "health", .string,
        "`connecting`, `healthy`, `degraded`, `unavailable`, `auth_failed`, `version_mismatch` or `rejected`"),
      EventField("previous", .string, "the health told of before"),
      EventField("reason", .string, optional: true, "why, in a sentence"),
      EventField("latency_ms", .integer, optional: true, "how long the last ping took, in milliseconds"),
    ])

  static let identityChanged = backend(
    "identity_changed", "Another server answers where one was enrolled; it is used once somebody has confirmed it",
    [
      EventField("expected", .string, "id of the server that was enrolled"),
      EventField("reported", .string, "id of the one that answers"),
      EventField("confirmed", .boolean, "whether somebody has confirmed the change, or it is known by its address"),
    ])
}
