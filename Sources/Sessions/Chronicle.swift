import Causality
import Net

/// What a session remembers of why things happened to it, so that what comes of them later can say so.
struct Chronicle {
  struct Attachment {
    let client: ClientInfo
    /// Points at the announcement of the attaching.
    let cause: Cause
  }

  let announcer: SessionAnnouncer?
  /// Points at the announcement of the session's beginning.
  var origin: Cause?
  /// Points at the announcement of the latest command's beginning or end.
  var command: Cause?
  /// Who asked for the session's end.
  var ending: Cause?
  /// Clients that have been told of and have not left, by their numbers.
  var attachments: [Int: Attachment] = [:]
  /// The state that was told of last, and when.
  var state: SessionState?
  var stateTold: ContinuousClock.Instant?
  var stateTimer: LoopTimer?
  var isOver = false
  /// How much of its commands is told.
  var allowance = CommandAllowance()
  var allowanceTimer: LoopTimer?
  /// What its program says of itself.
  var notices = ProgramNotices()
  var noticeTimer: LoopTimer?
  /// Whether what is given to the clipboard is told as it is.
  let tellsClipboard: Bool

  init(_ announcer: SessionAnnouncer?, tellsClipboard: Bool) {
    self.announcer = announcer
    self.tellsClipboard = tellsClipboard
  }
}
