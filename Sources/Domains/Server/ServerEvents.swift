import Operations

/// What the server tells of itself.
enum ServerEvents {
  static let all = [started, stopping]

  static let started = EventType(
    "server.started", "The server has begun to answer", from: "server",
    [
      EventField("version", .string, "version of Roost"),
      EventField("pid", .integer, "process id"),
      EventField("hostname", .string, "name of the server in what it answers"),
      EventField("reason", .string, "`start`; `takeover` when sessions of an earlier server were taken over"),
    ])

  static let stopping = EventType(
    "server.stopping", "The server stops answering", from: "server",
    [
      EventField("version", .string, "version of Roost"),
      EventField("pid", .integer, "process id"),
      EventField(
        "reason", .string, "`operation` (`server.shutdown`), `signal`, or `no_sessions` (a server that ends with them)"),
    ])
}
