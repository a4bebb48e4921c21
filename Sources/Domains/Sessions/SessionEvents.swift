import Operations

/// What is told of sessions.
enum SessionEvents {
  static let all = [
    created, adopted, renamed, tagged, attached, detached, commandStarted, commandFinished, commandsLeftOut,
    newsLeftOut, stateChanged, bell, notification, progress, titleChanged, clipboard, ended, removed,
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

  static let created = session(
    "created", "A session was started",
    [
      EventField("command", .string, "what it runs, for people, at most 4 KiB"),
      EventField("pid", .integer, "process id of its program"),
      EventField("rows", .integer, "height of its screen"),
      EventField("cols", .integer, "width of its screen"),
    ])

  static let adopted = session(
    "adopted", "A session of an earlier server was taken over", created.fields.filter { !identity.contains($0) })

  static let renamed = session(
    "renamed", "A session was given another name", [EventField("old_name", .string, "its name before")])

  static let tagged = session(
    "tagged", "Tags were put on a session or taken off",
    [
      EventField("added", .strings, "tags that it did not have before"),
      EventField("removed", .strings, "tags that it has no longer"),
    ])

  static let attached = session(
    "attached", "A client began to stream a session",
    [
      EventField("client", .integer, "number of the client within the session"),
      EventField("kind", .string, "`attach`, `raw` or `json`"),
      EventField("address", .string, "where it comes from: `unix`, `127.0.0.1:51234`"),
      EventField("read_only", .boolean, "whether it may only watch"),
    ])

  static let detached = session(
    "detached", "A client streams a session no longer",
    [
      EventField("client", .integer, "number of the client within the session"),
      EventField("kind", .string, "`attach`, `raw` or `json`"),
      EventField("reason", .string, "`left`, `detached` (sent away), `session_ended` or `session_removed`"),
    ])

  static let commandStarted = session(
    "command_started", "A shell began to run a command line",
    [
      EventField("number", .integer, "number of the command within the session, as in its command records"),
      EventField("command", .string, optional: true, "the command line where the shell reports it, at most 4 KiB"),
      EventField("truncated", .boolean, optional: true, "true when the command line was longer"),
      EventField("cwd", .string, optional: true, "folder that it began in"),
    ])

  static let commandFinished = session(
    "command_finished", "A command line has ended",
    [
      EventField("number", .integer, "number of the command within the session"),
      EventField("command", .string, optional: true, "the command line where the shell reports it, at most 4 KiB"),
      EventField("truncated", .boolean, optional: true, "true when the command line was longer"),
      EventField("exit_status", .integer, optional: true, "its exit status where the shell reports it"),
      EventField("duration_ms", .integer, "how long it ran, in milliseconds"),
      EventField("evidence", .string, "what told of its end: `osc133`, `osc633`, `marker` or `exit`"),
    ])

  static let commandsLeftOut = session(
    "commands_left_out",
    "More commands began than are told of one by one: 60 at once, then three a second, beside those that calls typed",
    [
      EventField("count", .integer, "how many commands neither of whose events is in the log"),
      EventField("first", .integer, "number of the first of them"),
      EventField("last", .integer, "number of the last"),
    ])

  static let newsLeftOut = session(
    "news_left_out",
    "More was done to a session by one token than is told of one by one (1,000 events at once, then 40 a second, its calls among them): how much was not, within half a minute",
    [
      EventField(
        "clients", .integer, "how many clients neither of whose events, `attached` and `detached`, is in the log"),
      EventField("renamed", .integer, "how many times it was given another name"),
      EventField("tagged", .integer, "how many times its tags were changed"),
    ])

  static let stateChanged = session(
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

  static let bell = session("bell", "A session's program has rung the bell", [countField])

  static let notification = session(
    "notification", "A session's program asks for attention (OSC 9, 99, 777)",
    [
      EventField("title", .string, optional: true, "its title, at most 4 KiB"),
      EventField("body", .string, "its text, at most 4 KiB; of several the last"), countField,
    ])

  static let progress = session(
    "progress", "A session's program says how far it is (OSC 9;4); ten times at once, then every ten seconds",
    [
      EventField("state", .string, "`normal`, `error`, `indeterminate`, `paused`, or `none`: it says so no more"),
      EventField("percent", .integer, optional: true, "0 to 100"),
    ])

  static let titleChanged = session(
    "title_changed", "A session's program has given it another title; ten times at once, then every ten seconds",
    [EventField("title", .string, "the title, at most 4 KiB")])

  static let clipboard = session(
    "clipboard", "A session's program has given a text to the clipboard (OSC 52)",
    [
      EventField("selection", .string, "which: `c` is the clipboard, `p` the selection"),
      EventField("bytes", .integer, "length of the text"),
      EventField(
        "text", .string, optional: true, "the text itself, at most 4 KiB, where the server runs with `--clipboard-text`"
      ),
      countField,
    ])

  static let ended = session(
    "ended", "A session's program has ended; the session stays listed",
    [
      EventField("exit_status", .integer, optional: true, "exit status, unless a signal ended it"),
      EventField("exit_signal", .string, optional: true, "name of the signal that ended it, such as `SIGKILL`"),
      EventField("duration_ms", .integer, "how long it ran, in milliseconds"),
    ])

  static let removed = session("removed", "A session was taken off the list", [])
}
