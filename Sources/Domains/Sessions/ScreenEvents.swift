import Formats
import Operations
import Sessions
import TerminalEngine

/// What a client asked to be told about a session (`subscribe`).
struct ScreenSubscription: Sendable {
  /// The names that `subscribe` takes. `chars`, `diffs`, `input` and `overlay` are accepted for clients that always list them; nothing
  /// of theirs is sent.
  enum Kind: String, CaseIterable {
    case lines, chars, cursor, mode, diffs, input, overlay, activity

    var isSent: Bool {
      switch self {
      case .lines, .cursor, .mode, .activity: true
      case .chars, .diffs, .input, .overlay: false
      }
    }
  }

  var kinds: Set<Kind> = []
  /// Least time between two reports of changes.
  var interval = Duration.milliseconds(100)
  var format = ScreenFormat.styled
  /// Silence after which the session counts as idle; `nil` when the client does not want to know.
  var idleAfter: Duration?

  /// Longer values are held to these: a minute between frames is no longer a screen, and five minutes is the longest wait anywhere.
  static let maximumInterval = 60_000
  static let maximumIdle = 300_000

  init(_ message: SocketMessage) throws(OperationError) {
    for (name, value) in message.params.flatMap(JSONText.members) ?? [] {
      switch name {
      case "events":
        guard let elements = JSONText.elements(of: value) else {
          throw OperationError(.invalidRequest, "Invalid request: 'events' must be a list.")
        }
        for element in elements {
          guard let kind = JSONText.string(element).flatMap(Kind.init) else {
            throw OperationError(
              .invalidRequest,
              "Invalid request: unknown event; known are \(Kind.allCases.map(\.rawValue).joined(separator: ", ")).")
          }
          kinds.insert(kind)
        }
      case "interval_ms", "idle_timeout_ms", "quiesce_ms", "format", "session": break
      default: throw OperationError(.invalidRequest, "Invalid request: unknown field '\(name)'.")
      }
    }
    if let milliseconds = try message.milliseconds("interval_ms") {
      interval = .milliseconds(min(milliseconds, ScreenSubscription.maximumInterval))
    }
    format = try ScreenSubscription.format(of: message)
    // Two ifs and no `??`: the autoclosure would lose the error's type.
    var idle = try message.milliseconds("idle_timeout_ms")
    if idle == nil { idle = try message.milliseconds("quiesce_ms") }
    if let idle, idle > 0, kinds.contains(.activity) {
      idleAfter = .milliseconds(min(idle, ScreenSubscription.maximumIdle))
    }
  }

  static func format(of message: SocketMessage) throws(OperationError) -> ScreenFormat {
    guard let text = try message.text("format") else { return .styled }
    guard let format = ScreenFormat(rawValue: text) else {
      throw OperationError(.invalidRequest, "Invalid request: 'format' is \"styled\" or \"plain\".")
    }
    return format
  }

  /// The answer: the events that will come.
  var result: [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.key("events")
    json.beginArray()
    for kind in Kind.allCases where kinds.contains(kind) && kind.isSent { json.string(kind.rawValue) }
    json.endArray()
    json.endObject()
    return json.finish()
  }
}

/// Turns what a session's screen has become into events, relative to what the client was told last.
///
/// Every event is one flat object: `event`, on the server's socket `session`, `seq`, and the event's own fields.
struct ScreenEvents: Sendable {
  let subscription: ScreenSubscription
  /// On the server's socket, where events of many sessions come together.
  let namesSession: Bool

  private var shown: UInt64 = 0
  private var cursor: Cursor?
  private var isAlternate = false
  private var size: TerminalSize?
  private var isIdle: Bool?
  private var sequence: UInt64 = 0

  init(_ subscription: ScreenSubscription, namesSession: Bool) {
    self.subscription = subscription
    self.namesSession = namesSession
  }

  /// The whole screen, from which events go on.
  mutating func sync(_ session: isolated Session) -> [UInt8] {
    note(session)
    return event("sync", session, sequence: 0, room: 8192) { (json, session) in
      json.key("screen")
      session.appendScreen(to: &json, format: subscription.format)
      json.key("scrollback_lines")
      json.integer(session.totalLines)
    }
  }

  /// What has changed since the last call; empty when nothing that the client wants to know of has.
  mutating func changes(_ session: isolated Session) -> [[UInt8]] {
    if session.isAlternateScreen != isAlternate || session.size != size { return reset(session) }
    var events: [[UInt8]] = []
    if subscription.kinds.contains(.lines) {
      for row in session.rowsChanged(since: shown) {
        events.append(
          event("line", session, sequence: next(), room: 256) { (json, session) in
            json.key("index")
            json.integer(row)
            json.key("total_lines")
            json.integer(session.totalLines)
            json.key("line")
            session.appendLine(row: row, to: &json, format: subscription.format)
          })
      }
    }
    if subscription.kinds.contains(.cursor), session.cursor != cursor {
      events.append(
        event("cursor", session, sequence: next(), room: 96) { (json, session) in
          json.key("row")
          json.integer(session.cursor.row)
          json.key("col")
          json.integer(session.cursor.column)
          json.key("visible")
          json.bool(session.cursor.isVisible)
        })
    }
    note(session)
    return events
  }

  /// The picture as a whole became another: says why, then shows it.
  private mutating func reset(_ session: isolated Session) -> [[UInt8]] {
    var events: [[UInt8]] = []
    let reason: StaticString =
      session.isAlternateScreen == isAlternate
      ? "resize" : session.isAlternateScreen ? "alternate_screen_enter" : "alternate_screen_exit"
    events.append(
      event("reset", session, sequence: next(), room: 96) { (json, _) in
        json.key("reason")
        json.string("\(reason)")
      })
    if session.isAlternateScreen != isAlternate, subscription.kinds.contains(.mode) {
      events.append(
        event("mode", session, sequence: next(), room: 96) { (json, session) in
          json.key("alternate_active")
          json.bool(session.isAlternateScreen)
        })
    }
    events.append(sync(session))
    return events
  }

  /// The session fell silent, or came back to life; `nil` when the client knows, or does not want to.
  mutating func activity(_ session: isolated Session, isIdle: Bool) -> [UInt8]? {
    guard subscription.idleAfter != nil, isIdle != self.isIdle else { return nil }
    self.isIdle = isIdle
    return event(isIdle ? "idle" : "running", session, sequence: 0, room: isIdle ? 8192 : 96) { (json, session) in
      json.key("generation")
      json.integer(session.generation)
      guard isIdle else { return }
      json.key("screen")
      session.appendScreen(to: &json, format: subscription.format)
      json.key("scrollback_lines")
      json.integer(session.totalLines)
    }
  }

  /// Forgets what the client knows of activity, after events were left out.
  mutating func forgetActivity() { isIdle = nil }

  private mutating func note(_ session: isolated Session) {
    shown = session.generation
    cursor = session.cursor
    isAlternate = session.isAlternateScreen
    size = session.size
  }

  private mutating func next() -> UInt64 {
    sequence += 1
    return sequence
  }

  private func event(
    _ name: StaticString, _ session: isolated Session, sequence: UInt64, room: Int,
    _ body: (inout JSONWriter, isolated Session) -> Void
  ) -> [UInt8] {
    var json = JSONWriter(reserving: room)
    json.beginObject()
    json.key("event")
    json.string("\(name)")
    if namesSession {
      json.key("session")
      json.string(session.name.text)
    }
    json.key("seq")
    json.integer(sequence)
    body(&json, session)
    json.endObject()
    return json.finish()
  }
}
