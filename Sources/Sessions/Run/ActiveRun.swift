import Causality
import Sys
import TerminalEngine

/// A run whose command was given to a shell and is not over. There is one at a time in a session.
struct ActiveRun {
  /// How the shell was told.
  enum Way: Equatable {
    /// By the line editor of a shell with our scripts.
    case integrated
    /// By a file that a plain shell reads.
    case file
    /// By a line that a plain shell somewhere else reads.
    case line
  }

  enum Stage: Equatable {
    /// The shell has been told, and has not said so.
    case told
    /// Its line editor has the command.
    case taken
    /// It runs, as the record of this number.
    case running(Int)
    case over
  }

  /// Comes back in the marks of its own command, and in no other's.
  let id: UInt64
  let command: String
  let cause: Cause?
  let way: Way
  /// The shell that it was given to; nil where the kernel does not tell.
  let shell: ProcessImage?
  /// The number of the latest command before it.
  let lastCommand: Int
  /// The shell is at the other end of a program, and what the kernel tells is not of it.
  var isElsewhere = false
  /// How many prompts had come to stand when it was told.
  var lastPrompt: UInt64
  var stage = Stage.told
  /// Where the command was typed.
  var typedAt: LinePosition
  /// When the shell was asked how the command ended, and after which input.
  var reportAsked: (at: ContinuousClock.Instant, input: UInt64)?
  /// The shell's answer was that the command itself edits a line (`read -e`, `vared`), which holds until something is typed.
  var editsLine = false
  /// What had been half typed is to be asked for again once the prompt stands.
  var putsBack = false
  /// What a plain shell's user had half typed, to be typed again.
  var typedBefore: [UInt8] = []
  /// How it ended, once it is over.
  var result: RunEnd?

  /// A number that nobody can guess, and that shells can do arithmetic with.
  static func makeID() -> UInt64 {
    var generator = SystemRandomNumberGenerator()
    return UInt64.random(in: (1 << 40)..<(1 << 62), using: &generator)
  }
}

/// How a run ended.
enum RunEnd: Equatable {
  /// The shell told so. Without a record it found nothing to run.
  case ended(status: Int?, record: CommandRecord?)
  /// The shell wants more lines.
  case incomplete
  /// The line editor is in the middle of something else; nothing was run.
  case refused
  /// The line editor has run another line, in which its own was.
  case changed
  /// The shell has given up the line that was to begin it; nothing was run.
  case unbegun
  /// The same as `refused`, but it can take the command after its next prompt.
  case postponed
  /// The program of the session ended, or the shell in it that was given the run.
  case exit(record: CommandRecord?)
  /// The kernel says that the shell is back at its prompt; no mark has told of it.
  case unseen(record: CommandRecord?)
  /// It was cancelled, and did not end in time.
  case cancelled
  /// A shell is at its prompt, and the command has not begun: what it was typed to has not taken it for one, or is gone.
  case neverBegun
}

/// A run that waits until the shell is free.
package struct QueuedRun: Sendable, Equatable {
  /// Counts within the session, as ``CommandRecord/id`` does.
  package let number: Int
  package let command: String
  package let principal: String?
  /// As ``Cause/holder``.
  let holder: String?
  package let queuedAt: ContinuousClock.Instant
}

/// A run as a list shows it.
package struct RunInProgress: Sendable {
  /// Of one that waits; `nil` for the one in progress.
  package let number: Int?
  package let command: String
  package let principal: String?
  /// The record of its command, once that has begun.
  package let record: Int?
  /// How long it has waited.
  package let waited: Duration?
}

/// What `run` may be told beside the command.
package struct RunOptions: Sendable {
  package var timeout: Duration
  /// Whether it waits for its turn where the shell is busy.
  package var queues: Bool
  /// The caller knows that a POSIX shell or fish reads the terminal, though it cannot be seen from here (ssh, a container).
  package var inShell: Bool
  /// Whether it answers as soon as the command asks for something.
  package var answersQuestions: Bool
  /// How many of the first and of the last bytes of its output are answered.
  package var head: Int
  package var tail: Int

  package init(
    timeout: Duration, queues: Bool = false, inShell: Bool = false, answersQuestions: Bool = true, head: Int = 0,
    tail: Int = SessionLimits.runOutputBytes
  ) {
    self.head = head
    self.tail = tail
    self.timeout = timeout
    self.queues = queues
    self.inShell = inShell
    self.answersQuestions = answersQuestions
  }
}
