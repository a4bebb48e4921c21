package import Formats
package import TerminalEngine

/// One command that a shell ran, as its own marks told it (OSC 133 and 633).
package struct CommandRecord: Sendable, Equatable {
  /// Counts within the session, from 1; an adopted one's go on behind all that may have been given (``SessionNumbers``).
  package let id: Int
  /// The command line, when the shell reported it, or when it was given to ``Session/run(_:options:)``.
  package internal(set) var command: String?
  package internal(set) var directory: String?
  package let startedAt: Timestamp
  package internal(set) var endedAt: Timestamp?
  /// Absent while it runs, and for shells that do not report it.
  package internal(set) var exitStatus: Int?
  /// Where its output begins and ends: absolute line and column, the end behind the last character.
  package internal(set) var outputStart: LinePosition
  package internal(set) var outputEnd: LinePosition?
  /// Which dialect reported it; ``Evidence/marker`` where ``CommandMarker`` had to.
  package internal(set) var evidence: Evidence
  /// Who typed the line last, when that is known.
  package internal(set) var principal: String?
  /// The correlation id of the call that typed it.
  package internal(set) var correlationID: String?
  /// The run that it is the answer to; `nil` for a line that was typed.
  package internal(set) var run: UInt64?
}
