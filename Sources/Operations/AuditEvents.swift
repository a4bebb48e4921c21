/// The types of events that the catalogue leaves of calls and streams.
package enum AuditEvents {
  package static let all = [allowed, refused, failed]

  package static let allowed = audit("allowed", "An operation that changes something was performed")
  package static let refused = audit(
    "refused", "A call was refused: scope, access to a session, authentication, origin or host")
  package static let failed = audit("failed", "An operation that changes something was let in and failed")

  private static func audit(_ outcome: String, _ summary: String) -> EventType {
    EventType(
      "audit.\(outcome)", summary, from: "server",
      [
        EventField("operation", .string, "name of the operation; `http` when the path is nobody's"),
        EventField("target", .string, optional: true, "what it was about: name of the session, id of the token"),
        EventField("outcome", .string, "`\(outcome)`"),
        EventField("code", .string, optional: true, "code of the error"),
        EventField("address", .string, "where the call came from: `unix`, `127.0.0.1:51234`"),
        EventField("server", .string, optional: true, "the backend that the call was for, when it was not this server"),
        EventField("duration_ms", .integer, "how long it took, in milliseconds; of several calls the longest"),
        EventField("calls", .integer, optional: true, "how many calls the record stands for, when more than one"),
        EventField("bytes", .integer, optional: true, "how many bytes were typed; never which"),
        EventField(
          "via", .strings, optional: true, "ids of the servers that the call has come through, the first hop first"),
        EventField("traceparent", .string, optional: true, "the W3C trace context that came with the call"),
      ])
  }
}
