import Operations

/// What the event log tells of itself: it writes these without the catalogue.
enum LogEvents {
  static let all = [repaired, recovered]

  static let repaired = EventType(
    "events.repaired", "The newest file of the event log was damaged when the server started", from: "server",
    [
      EventField("file", .string, "the file, below the log's folder"),
      EventField("torn_bytes", .integer, "bytes of a last line that was never finished; they were cut off"),
      EventField("corrupt_lines", .integer, "events at the end that cannot be read; their numbers are not given again"),
      EventField("missing", .integer, "events that were there when the file was closed and are gone"),
    ])

  static let recovered = EventType(
    "events.recovered", "Events are stored again after a time in which they could not be", from: "server",
    [EventField("dropped", .integer, "events of the server's own that were lost meanwhile")])
}
