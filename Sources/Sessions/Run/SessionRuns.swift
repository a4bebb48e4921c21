import Net
import Sys

/// What a session knows of the runs that it was given: the one in progress, those that wait, and what the last ones have left.
struct SessionRuns {
  /// The one whose command was given to a shell and is not over.
  var active: ActiveRun?
  /// Those that wait for their turn, the first first.
  var queued: [QueuedRun] = []
  /// The number that the next one gets that waits.
  var nextNumber = 1
  /// Those that are over, for those who still wait for them; the latest last.
  var finished: [FinishedRun] = []
  /// Keys are sent for a run, and are not somebody's typing.
  var isTyping = false
  /// What others type waits until the shell has what it is being told; at most until this.
  var holding: LoopTimer?
  /// What brings back the line that somebody had half typed when one came, once the prompt stands.
  var putBack: [UInt8]?
  var putBackTimer: LoopTimer?
  /// Whether the session's shell has been seen to wait for a command.
  var hasBeenReady = false
  /// When the last one in a plain shell ended, what had been typed and sent by then, and in which shell: if nothing came since, its prompt
  /// stands, or is about to. No shell where that has ended with it.
  var plainEnd: (at: ContinuousClock.Instant, input: UInt64, sent: UInt64, shell: ProcessImage?)?
  /// A prompt that ctrl+c is to bring: more than so many, for how long it is waited for, and what had been typed by then.
  var promptAwaited: (count: UInt64, until: ContinuousClock.Instant, input: UInt64)?
  var promptTimer: LoopTimer?
  /// The same of a ctrl+c that somebody typed at a prompt.
  var interruptTyped: (count: UInt64, until: ContinuousClock.Instant, input: UInt64)?
  var interruptTimer: LoopTimer?
  /// A plain shell whose marks have not come: its `command` or `printf` may be functions of somebody's, or its prompt read-only.
  var warilyTold: ProcessImage?
  /// What a plain shell's prompt looks like, taken where it can have been nothing else: its prompts for more lines are another text.
  var plainPrompt: (shell: ProcessImage, text: String)?
}
