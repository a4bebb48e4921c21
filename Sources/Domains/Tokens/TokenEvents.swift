import Operations

/// What is told of tokens.
enum TokenEvents {
  static let all = [created, revoked]

  static let created = EventType(
    "token.created", "A token was made", from: "token",
    [
      EventField("name", .string, "its name"),
      EventField("scopes", .strings, "what it lets its bearer do"),
      EventField("sessions", .strings, optional: true, "the sessions that it is limited to"),
      EventField("tags", .strings, optional: true, "the tags that it is limited to"),
      EventField("expires_at", .time, optional: true, "when it becomes worthless; absent: never"),
    ])

  static let revoked = EventType("token.revoked", "A token was made worthless", from: "token", [])
}
