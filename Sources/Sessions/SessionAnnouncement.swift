package import Causality
package import Sys

/// Something that happened to a session, told as it happens to whoever keeps a log.
package struct SessionAnnouncement: Sendable {
  package enum News: Sendable {
    case created(command: String, pid: Int32, rows: Int, columns: Int)
    /// Taken over from an earlier server.
    case adopted(command: String, pid: Int32, rows: Int, columns: Int)
    case renamed(from: String)
    case tagged(added: [String], removed: [String])
    /// A client began to stream it; `number` is its id among ``Session/clients``.
    case attached(number: Int, ClientInfo)
    case detached(number: Int, ClientInfo, DetachReason)
    case commandStarted(CommandRecord)
    case commandFinished(CommandRecord)
    /// Commands of which neither beginning nor end was told: there were too many.
    case commandsLeftOut(CommandAllowance.LeftOut)
    case stateChanged(SessionState, Evidence, from: SessionState?)
    /// Its program has rung the bell, so often since that was told before.
    case rang(count: Int)
    /// Its program wants attention; `count` with those that were not told of since.
    case notified(ProgramNotification, count: Int)
    /// Its program says how far it is; nil when it says so no more.
    case progressed(ProgramProgress?)
    case retitled(String)
    /// Its program has given a text to the clipboard.
    case offered(ClipboardOffer, count: Int)
    case ended(ExitStatus?, after: Duration)
    /// It is no longer listed.
    case removed
  }

  package enum DetachReason: String, Sendable {
    /// It closed its connection, or lost it.
    case left
    /// It was sent away.
    case detached
    case sessionEnded = "session_ended"
    case sessionRemoved = "session_removed"
  }

  /// A UUID that names what happened: what it causes points at it.
  package let id: String
  package let sessionID: String
  /// The session's name and tags at that time.
  package let name: String
  package let tags: [String]
  package let cause: Cause
  package let news: News
}

/// Hears of everything that happens to the sessions of a server. Called on the session's loop; must not wait. Returns whether that is told of by
/// itself; `false` where it is only counted, and nothing can point at it.
package typealias SessionAnnouncer = @Sendable (SessionAnnouncement) -> Bool
