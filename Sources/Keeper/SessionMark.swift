package import Sys

/// By what a process is known to belong to a session, whatever parents and sessions of the kernel's it has made for itself: children inherit
/// their environment.
package enum SessionMark {
  package static let variable = "ROOST_SESSION_ID"

  /// The machine's processes as they are now.
  package static func survey() -> ProcessSurvey { ProcessSurvey(variable: variable) }
}
