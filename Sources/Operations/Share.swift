/// What all users of a server share, and how much of it there is: for everybody together, for the local user alone, and for each of the others.
///
/// What is shared out within one session (its clients, waits and queued runs) is bounded by the session (`SessionLimits`), links and what they hold by `LinkHost`.
package enum Share: String, Sendable, CaseIterable {
  /// Connections over TCP whose user is known.
  case connections
  /// Bytes of request bodies that are on their way.
  case bodyBytes = "body_bytes"
  /// WebSockets that follow the whole server, or ask for operations: each may be sent everything that there is.
  case serverSockets = "server_sockets"
  /// Clients that follow events. They cost a place in the log each, and share the bytes that they are sent.
  case eventFollowers = "event_followers"
  /// Tickets that wait to be used.
  case tickets
  /// Calls that wait for something.
  case waits
  /// Questions to the files of the event log that are under way.
  case searches
  /// Bytes of longer answers whose client has not read them.
  case answerBytes = "answer_bytes"
  /// Bytes of events that are on their way to clients that follow them. Who has no more is not refused, but given less, and then nothing until
  /// something has been read.
  case eventBytes = "event_bytes"
  /// Bytes of what painted viewers of sessions see, which is held to tell what changes.
  case pictureBytes = "picture_bytes"

  package struct Limits: Sendable, Equatable {
    /// For everybody together.
    package let total: Int
    /// Of these, what only the local user may take.
    package let reserve: Int
    /// What one token may take.
    package let each: Int
  }

  package var limits: Limits {
    switch self {
    case .connections: Limits(total: 3840, reserve: 0, each: 1024)
    case .bodyBytes: Limits(total: 64 << 20, reserve: 8 << 20, each: 16 << 20)
    case .serverSockets: Limits(total: 256, reserve: 32, each: 64)
    case .eventFollowers: Limits(total: 2048, reserve: 64, each: 1024)
    case .tickets: Limits(total: 1024, reserve: 64, each: 128)
    case .waits: Limits(total: 8192, reserve: 256, each: 1024)
    case .searches: Limits(total: 256, reserve: 32, each: 32)
    // The longest answer has 16 MiB and a little; the local user's are not counted.
    case .answerBytes: Limits(total: 256 << 20, reserve: 0, each: 17 << 20)
    // A thousand that do not read have an event each at most, and some tens that read late have their 256 KiB.
    case .eventBytes: Limits(total: 256 << 20, reserve: 0, each: 16 << 20)
    // Two viewers of the largest screen there is; the local user's are not counted.
    case .pictureBytes: Limits(total: 256 << 20, reserve: 0, each: 32 << 20)
    }
  }

  /// For people: what there is no more of.
  package var text: String {
    switch self {
    case .connections: "connections"
    case .bodyBytes: "bytes of request bodies, and of messages of WebSockets that are not whole"
    case .serverSockets: "sockets that follow this server"
    case .eventFollowers: "clients that follow events"
    case .tickets: "tickets that wait to be used"
    case .waits: "calls that wait"
    case .searches: "questions to the event log that are under way"
    case .answerBytes: "bytes of answers that were not read yet"
    case .eventBytes: "bytes of events that followers have not read yet"
    case .pictureBytes: "bytes of screens that are painted for clients of another size"
    }
  }
}
