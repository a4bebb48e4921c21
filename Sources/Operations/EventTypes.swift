/// Every type of event that a server emits of its own accord. The table of `docs/events.md` is this one.
package enum EventTypes {
  package static let all: [EventType] =
    [serverStarted, serverStopping, eventsRepaired, eventsRecovered] + sessions + servers + [
      tokenCreated, tokenRevoked, auditAllowed, auditRefused, auditFailed,
    ]

  package static func named(_ name: String) -> EventType? { all.first { $0.name == name } }

  /// Whether a type is for the server's own events and for replays: those of the table, and all of their kind that later versions may add to
  /// audit. What is published under another's word would be taken for it.
  package static func isReserved(_ type: String) -> Bool {
    let first = type.utf8.prefix { $0 != UInt8(ascii: ".") }
    return first.elementsEqual("audit".utf8) || first.elementsEqual("replay".utf8) || named(type) != nil
  }

  // MARK: The server

  static let serverStarted = EventType(
    "server.started", "The server has begun to answer", from: "server",
    [
      EventField("version", .string, "version of Roost"),
      EventField("pid", .integer, "process id"),
      EventField("hostname", .string, "name of the server in what it answers"),
      EventField("reason", .string, "`start`; `takeover` when sessions of an earlier server were taken over"),
    ])

  static let serverStopping = EventType(
    "server.stopping", "The server stops answering", from: "server",
    [
      EventField("version", .string, "version of Roost"),
      EventField("pid", .integer, "process id"),
      EventField(
        "reason", .string, "`operation` (`server.shutdown`), `signal`, or `no_sessions` (a server that ends with them)"),
    ])

  // MARK: The event log, which tells these itself

  static let eventsRepaired = EventType(
    "events.repaired", "The newest file of the event log was damaged when the server started", from: "server",
    [
      EventField("file", .string, "the file, below the log's folder"),
      EventField("torn_bytes", .integer, "bytes of a last line that was never finished; they were cut off"),
      EventField("corrupt_lines", .integer, "events at the end that cannot be read; their numbers are not given again"),
      EventField("missing", .integer, "events that were there when the file was closed and are gone"),
    ])

  static let eventsRecovered = EventType(
    "events.recovered", "Events are stored again after a time in which they could not be", from: "server",
    [EventField("dropped", .integer, "events of the server's own that were lost meanwhile")])

  // MARK: Sessions

  private static let sessions = [
    sessionCreated, sessionAdopted, sessionRenamed, sessionTagged, sessionAttached, sessionDetached,
    sessionCommandStarted, sessionCommandFinished, sessionCommandsLeftOut, sessionStateChanged, sessionBell,
    sessionNotification, sessionProgress, sessionTitleChanged, sessionClipboard, sessionEnded, sessionRemoved,
  ]

  /// What every event of a session says of it. With name and tags at that time a reader's access to the session can be told from the
  /// event alone.
  private static let identity = [
    EventField("session", .string, "the session's name at that time"),
    EventField("tags", .strings, optional: true, "its tags at that time, if it had any"),
  ]

  private static func session(_ name: String, _ summary: String, _ fields: [EventField]) -> EventType {
    EventType("session.\(name)", summary, from: "session", identity + fields)
  }

  static let sessionCreated = session(
    "created", "A session was started",
    [
      EventField("command", .string, "what it runs, for people, at most 4 KiB"),
      EventField("pid", .integer, "process id of its program"),
      EventField("rows", .integer, "height of its screen"),
      EventField("cols", .integer, "width of its screen"),
    ])

  static let sessionAdopted = session(
    "adopted", "A session of an earlier server was taken over", sessionCreated.fields.filter { !identity.contains($0) })

  static let sessionRenamed = session(
    "renamed", "A session was given another name", [EventField("old_name", .string, "its name before")])

  static let sessionTagged = session(
    "tagged", "Tags were put on a session or taken off",
    [
      EventField("added", .strings, "tags that it did not have before"),
      EventField("removed", .strings, "tags that it has no longer"),
    ])

  static let sessionAttached = session(
    "attached", "A client began to stream a session",
    [
      EventField("client", .integer, "number of the client within the session"),
      EventField("kind", .string, "`attach`, `raw` or `json`"),
      EventField("address", .string, "where it comes from: `unix`, `127.0.0.1:51234`"),
      EventField("read_only", .boolean, "whether it may only watch"),
    ])

  static let sessionDetached = session(
    "detached", "A client streams a session no longer",
    [
      EventField("client", .integer, "number of the client within the session"),
      EventField("kind", .string, "`attach`, `raw` or `json`"),
      EventField("reason", .string, "`left`, `detached` (sent away), `session_ended` or `session_removed`"),
    ])

  static let sessionCommandStarted = session(
    "command_started", "A shell began to run a command line",
    [
      EventField("number", .integer, "number of the command within the session, as in its command records"),
      EventField("command", .string, optional: true, "the command line where the shell reports it, at most 4 KiB"),
      EventField("truncated", .boolean, optional: true, "true when the command line was longer"),
      EventField("cwd", .string, optional: true, "folder that it began in"),
    ])

  static let sessionCommandFinished = session(
    "command_finished", "A command line has ended",
    [
      EventField("number", .integer, "number of the command within the session"),
      EventField("command", .string, optional: true, "the command line where the shell reports it, at most 4 KiB"),
      EventField("truncated", .boolean, optional: true, "true when the command line was longer"),
      EventField("exit_status", .integer, optional: true, "its exit status where the shell reports it"),
      EventField("duration_ms", .integer, "how long it ran, in milliseconds"),
      EventField("evidence", .string, "what told of its end: `osc133`, `osc633`, `marker` or `exit`"),
    ])

  static let sessionCommandsLeftOut = session(
    "commands_left_out",
    "More commands began than are told of one by one: 60 at once, then three a second, beside those that calls typed",
    [
      EventField("count", .integer, "how many commands neither of whose events is in the log"),
      EventField("first", .integer, "number of the first of them"),
      EventField("last", .integer, "number of the last"),
    ])

  static let sessionStateChanged = session(
    "state_changed",
    "What a session's program is doing has changed and settled. At most one a second: a command that is over sooner leaves none",
    [
      EventField("state", .string, "`busy`, `prompt`, `password`, `reading` or `quiet`, as in the session's record"),
      EventField("evidence", .string, "what it was concluded from"),
      EventField("previous", .string, optional: true, "the state told of before"),
    ])

  /// What is said too often is told once for several.
  private static let countField = EventField(
    "count", .integer,
    "how many there were since the event before it: of each kind ten are told at once, then one in ten seconds")

  static let sessionBell = session("bell", "A session's program has rung the bell", [countField])

  static let sessionNotification = session(
    "notification", "A session's program asks for attention (OSC 9, 99, 777)",
    [
      EventField("title", .string, optional: true, "its title, at most 4 KiB"),
      EventField("body", .string, "its text, at most 4 KiB; of several the last"), countField,
    ])

  static let sessionProgress = session(
    "progress", "A session's program says how far it is (OSC 9;4); ten times at once, then every ten seconds",
    [
      EventField("state", .string, "`normal`, `error`, `indeterminate`, `paused`, or `none`: it says so no more"),
      EventField("percent", .integer, optional: true, "0 to 100"),
    ])

  static let sessionTitleChanged = session(
    "title_changed", "A session's program has given it another title; ten times at once, then every ten seconds",
    [EventField("title", .string, "the title, at most 4 KiB")])

  static let sessionClipboard = session(
    "clipboard", "A session's program has given a text to the clipboard (OSC 52)",
    [
      EventField("selection", .string, "which: `c` is the clipboard, `p` the selection"),
      EventField("bytes", .integer, "length of the text"),
      EventField(
        "text", .string, optional: true, "the text itself, at most 4 KiB, where the server runs with `--clipboard-text`"
      ),
      countField,
    ])

  static let sessionEnded = session(
    "ended", "A session's program has ended; the session stays listed",
    [
      EventField("exit_status", .integer, optional: true, "exit status, unless a signal ended it"),
      EventField("exit_signal", .string, optional: true, "name of the signal that ended it, such as `SIGKILL`"),
      EventField("duration_ms", .integer, "how long it ran, in milliseconds"),
    ])

  static let sessionRemoved = session("removed", "A session was taken off the list", [])

  // MARK: The servers behind this one

  private static let servers = [
    serversAdded, serversRemoved, serversRoleChanged, serversHealthChanged, serversIdentityChanged,
  ]

  private static func backend(_ name: String, _ summary: String, _ fields: [EventField]) -> EventType {
    EventType(
      "servers.\(name)", summary, from: "backend",
      [
        EventField("address", .string, "where it is reached"),
        EventField("server_id", .string, optional: true, "its id, once it has said it"),
        EventField("hostname", .string, optional: true, "what it calls itself, once it has said it"),
      ] + fields)
  }

  static let serversAdded = backend(
    "added", "A server was enrolled behind this one",
    [
      EventField("role", .string, "what it may be used for: `none`, `observer`, `member`, `drain` or `hub`"),
      EventField("tags", .strings, optional: true, "its tags, if it has any"),
      EventField("transitive", .boolean, "whether its own backends may be seen through it"),
      EventField("source", .string, "`config` or `api`"),
    ])

  static let serversRemoved = backend("removed", "A server is no longer enrolled", [])

  static let serversRoleChanged = backend(
    "role_changed", "A server may be used for something else from now on",
    [
      EventField("role", .string, "its role now"),
      EventField("previous", .string, "its role before"),
    ])

  static let serversHealthChanged = backend(
    "health_changed", "The way to a server has become another one",
    [
      EventField(
        "health", .string,
        "`connecting`, `healthy`, `degraded`, `unavailable`, `auth_failed`, `version_mismatch` or `rejected`"),
      EventField("previous", .string, "the health told of before"),
      EventField("reason", .string, optional: true, "why, in a sentence"),
      EventField("latency_ms", .integer, optional: true, "how long the last ping took, in milliseconds"),
    ])

  static let serversIdentityChanged = backend(
    "identity_changed", "Another server answers where one was enrolled; it is used once somebody has confirmed it",
    [
      EventField("expected", .string, "id of the server that was enrolled"),
      EventField("reported", .string, "id of the one that answers"),
      EventField("confirmed", .boolean, "whether somebody has confirmed the change, or it is known by its address"),
    ])

  // MARK: Tokens

  static let tokenCreated = EventType(
    "token.created", "A token was made", from: "token",
    [
      EventField("name", .string, "its name"),
      EventField("scopes", .strings, "what it lets its bearer do"),
      EventField("sessions", .strings, optional: true, "the sessions that it is limited to"),
      EventField("tags", .strings, optional: true, "the tags that it is limited to"),
      EventField("expires_at", .time, optional: true, "when it becomes worthless; absent: never"),
    ])

  static let tokenRevoked = EventType("token.revoked", "A token was made worthless", from: "token", [])

  // MARK: Audit

  static let auditAllowed = audit("allowed", "An operation that changes something was performed")
  static let auditRefused = audit(
    "refused", "A call was refused: scope, access to a session, authentication, origin or host")
  static let auditFailed = audit("failed", "An operation that changes something was let in and failed")

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
