/// Why something asked of a session was not done.
package struct SessionError: Error, Sendable, Equatable {
  /// Stable names, the same as in every answer. ``message`` may be reworded; these may not.
  package enum Code: String, Sendable, CaseIterable {
    case sessionNotFound = "session_not_found"
    case noSessions = "no_sessions"
    case sessionNameConflict = "session_name_conflict"
    case invalidSessionName = "invalid_session_name"
    case invalidTag = "invalid_tag"
    case invalidRequest = "invalid_request"
    case invalidKey = "invalid_key"
    case invalidSignal = "invalid_signal"
    case invalidPattern = "invalid_pattern"
    case patternTooCostly = "pattern_too_costly"
    case maxSessionsReached = "max_sessions_reached"
    case resourceLimitReached = "resource_limit_reached"
    case sessionCreateFailed = "session_create_failed"
    case sessionEnded = "session_ended"
    /// Something that the session started could not be ended.
    case programsRemain = "programs_remain"
    case inputSendFailed = "input_send_failed"
    case lineTooLong = "line_too_long"
    case answerTooLarge = "answer_too_large"
    case idleTimeout = "idle_timeout"
    case waitTimeout = "wait_timeout"
    case runTimeout = "run_timeout"
    case commandRunning = "command_running"
    case commandNotFound = "command_not_found"
    case lineInUse = "line_in_use"
    case runCancelled = "run_cancelled"
    case serverStopping = "server_stopping"
    case keeperUnavailable = "keeper_unavailable"
  }

  package let code: Code
  /// A sentence for the user that says what to do.
  package let message: String
  /// Some of the text in which a match was looked for had left the history before it could be looked at.
  package private(set) var hasSkippedText = false

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  var withTextSkipped: SessionError {
    var error = self
    error.hasSkippedText = true
    return error
  }

  package static func notFound(_ name: String) -> SessionError {
    SessionError(.sessionNotFound, "Session not found: \(name).")
  }
}
