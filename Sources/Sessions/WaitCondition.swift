package import Formats

/// One thing that a wait can end with.
package enum WaitCondition: Sendable {
  /// Nothing happened for `time`. `beyond`: there must have been activity after that generation first. `fresh`: the silence is counted
  /// from the beginning of the wait.
  case idle(for: Duration, beyond: UInt64?, fresh: Bool)
  /// A shell's prompt stands that was not there before `since` (any prompt, when `nil`), and everything that was typed before it has been
  /// answered. `count`: it is the prompt of that number or a later one, whatever others typed since.
  case prompt(since: UInt64?, count: UInt64? = nil)
  /// The program waits for input: a prompt, a password, a blocked read.
  case input(since: UInt64?, count: UInt64? = nil)
  /// The cursor stands behind what looks like a prompt, and nothing has happened for `time`. `since`: the prompt, or what brought the cursor
  /// behind it, must be newer. Weaker than ``input``, which it never stands for: only the screen says so.
  case looksLikePrompt(for: Duration, since: UInt64?)
  /// A text is on the screen, or was in what went by; `since` looks only at what came after.
  case match(Pattern, since: UInt64?)
  /// Something visible changed after that generation.
  case change(since: UInt64)
  /// The program has rung the bell after that generation.
  case bell(since: UInt64)
  /// The program has asked for attention after that generation.
  case notification(since: UInt64)
  /// The run has come that far.
  case run(UInt64, RunStage)
  /// The plain shell that was given that run has read it and waits for more, and has not begun its command.
  case ignored(UInt64)
  /// The command of that run waits for input.
  case question(UInt64)
  /// The shell that was given that run is back at its prompt, or gone, and has not said so.
  case unseenEnd(UInt64)
  /// The command with that number in the log has ended.
  case ended(Int)
  /// Something happened after that generation, or the time is over: whatever it is, look again.
  case activity(since: UInt64, orAfter: Duration)
  /// The program ended. Always part of a wait: whoever waits for anything else is told so too.
  case exit

  /// The generation after which a text is looked for.
  var textSince: UInt64? { if case .match(_, let since) = self { since } else { nil } }
}

/// How far a run has come.
package enum RunStage: Sendable {
  /// The shell's line editor has it, or its command has begun.
  case taken
  /// Its command has begun.
  case begun
  case over
}

/// What ended a wait.
package struct WaitOutcome: Sendable, Equatable {
  /// Which condition.
  package enum Reason: String, Sendable, CaseIterable, Codable {
    case idle, prompt, input, match, change, bell, notification, command, exit
    case looksLikePrompt = "looks_like_prompt"
  }

  package var reason: Reason
  package var evidence: Evidence
  /// The text that matched, or that the program asked for attention with.
  package var match: String?
  package var generation: UInt64
  /// Some of the text in which a match was looked for had left the history before it could be looked at.
  package var hasSkippedText = false
}
