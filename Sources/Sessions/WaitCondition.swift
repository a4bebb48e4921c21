package import Formats

/// One thing that a wait can end with.
package enum WaitCondition: Sendable {
  /// Nothing happened for `time`. `beyond`: there must have been activity after that generation first. `fresh`: the silence is counted
  /// from the beginning of the wait.
  case idle(for: Duration, beyond: UInt64?, fresh: Bool)
  /// A shell's prompt stands that was not there before `since` (any prompt, when `nil`).
  case prompt(since: UInt64?)
  /// The program waits for input: a prompt, a password, a blocked read.
  case input(since: UInt64?)
  /// The cursor stands behind what looks like a prompt, and nothing has happened for `time`. `since`: the prompt, or what brought the cursor
  /// behind it, must be newer. Weaker than ``input``, which it never stands for: only the screen says so.
  case looksLikePrompt(for: Duration, since: UInt64?)
  /// A text is on the screen, or was in what went by; `since` looks only at what came after.
  case match(Pattern, since: UInt64?)
  /// Something visible changed after that generation.
  case change(since: UInt64)
  /// A command with at least this number in the log has ended, or a prompt stands below the line that `run` typed it in without one having
  /// begun.
  case command(first: Int, since: UInt64)
  /// The program ended. Always part of a wait: whoever waits for anything else is told so too.
  case exit
}

/// What ended a wait.
package struct WaitOutcome: Sendable, Equatable {
  /// Which condition.
  package enum Reason: String, Sendable, CaseIterable, Codable {
    case idle, prompt, input, match, change, command, exit
    case looksLikePrompt = "looks_like_prompt"
    /// The shell wants more lines before it will run anything.
    case incomplete
  }

  package var reason: Reason
  package var evidence: Evidence
  /// The text that matched.
  package var match: String?
  package var generation: UInt64
}
