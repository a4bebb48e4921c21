/// Why the event log refused or failed.
package struct EventError: Error, Sendable, Equatable {
  package enum Code: String, Sendable, CaseIterable {
    case invalidSubject = "invalid_subject"
    case invalidEvent = "invalid_event"
    case invalidTime = "invalid_time"
    /// Above ``EventLog/maximumEventBytes``.
    case eventTooLarge = "event_too_large"
    /// The disk is full; publishing works again when there is room.
    case storageFull = "storage_full"
    /// The log cannot be written or read for another reason, such as a read-only folder.
    case logUnavailable = "event_log_unavailable"
    /// More events wait for the disk than the log holds in memory.
    case overloaded = "event_log_overloaded"
    /// The id that a publisher chose is that of another event.
    case idConflict = "event_id_conflict"
    case eventNotFound = "event_not_found"
    case cursorNotFound = "cursor_not_found"
  }

  package let code: Code
  /// A sentence for the user that says what to do.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}
