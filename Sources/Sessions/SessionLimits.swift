/// The bounds of a session, each with its reason.
package enum SessionLimits {
  /// Bytes that one turn of the loop takes from a PTY: enough to make one visit of the engine out of many reads of 4 KiB, little
  /// enough (under 0.2 ms) that a keystroke for another session of the loop does not feel it.
  static let turnBytes = 64 << 10
  /// Longest that one turn reads: where other processes want the processor, each refill of the line discipline may take long, and
  /// a keystroke for another session of the loop waits for the whole turn. Shorter turns cost a flood nothing that can be measured.
  static let turnTime = Duration.microseconds(100)
  /// What the terminal does of a program's output before it is looked how long that has taken, in cells (`Terminal.feed`): some 0.1 ms. A few
  /// bytes may cost as much as a screen of a million cells takes to fill, or to read.
  static let work = 1 << 17
  /// Longest that a turn goes on with output that costs so much more than its bytes; what has been read and is not shown yet waits.
  static let workTime = Duration.milliseconds(1)
  /// From there on the rest of the loop has as long before more of such output is shown.
  static let longWork = Duration.microseconds(500)
  /// A round that has shown pictures for longer is gone on with later.
  static let pictureTurn = Duration.milliseconds(2)
  /// A read shorter than this has emptied the line discipline's buffer (it hands out up to 4095 bytes).
  static let shortRead = 2048
  /// Sizes that a program may ask for, and be given at once, in one piece of output: a program that means it asks for one or two.
  static let sizeRequests = 2
  /// What a program that has ended may have left unread in the kernel: some 70 KiB (a PTY's buffers of 64 KiB, and the line discipline's).
  static let restOfOutput = 256 << 10
  /// Input that waits for a program that does not read. More is refused, so that a stuck program costs a bounded amount.
  static let inputBytes = 1 << 20
  /// Above this, those who feed input from a stream should pause.
  package static let inputHighWater = 64 << 10
  /// Answers to a program's own queries are dropped when it leaves this much input unread: it is not waiting for them.
  static let replyBacklog = 64 << 10
  /// Streaming clients of one session.
  package static let clients = SessionShare(total: 64, reserve: 8, each: 32)
  /// Least time between two words to viewers that the same one types.
  static let typingInterval = Duration.seconds(1)
  /// Waits in progress on one session.
  static let waiters = SessionShare(total: 256, reserve: 32, each: 128)
  /// How long a reader of the screen waits for a synchronized update (DEC 2026) to end before it takes what is there.
  static let updatePatience = Duration.milliseconds(200)
  /// Silence after which full pages of history are compressed: nobody is then waiting for the loop.
  static let sealAfter = Duration.seconds(1)
  /// Pages of history compressed in one go: about a millisecond.
  static let pagesSealed = 4
  /// Least time between two looks for a matching text while output streams in.
  static let matchInterval = Duration.milliseconds(10)
  /// Longest text that one look for a match takes in; what is longer is looked through in several.
  static let matchBytes = 128 << 10
  /// How long the text of a screen is kept when nobody waits for one any more.
  static let matchRowsKept = Duration.seconds(1)
  /// What may have left the history and wait to be looked at before the program's output waits, in bytes of its encoding: some turns of a
  /// flood.
  static let matchBacklog = 512 << 10
  /// The part of the time that output may wait for that, and how much of it can be saved up: some 50 MB can be looked through in it.
  static let pauseShare = 2
  static let pauseSavings = Duration.seconds(2)
  /// Steps of a look that are made on the session's own loop, and the time that they may take: enough for all but
  /// expressions that backtrack, and no key waits noticeably for it.
  static let matchSteps = 4_000
  static let matchTime = Duration.microseconds(200)
  /// What one look may keep to come back to, there.
  static let matchMemoryKiB: UInt32 = 512
  /// The part of a loop's time that looks for texts may take together, and how much of it can be saved up.
  static let matchShare = 8
  static let matchSavings = Duration.milliseconds(2)
  /// Pause before a look is tried again that found no place in the queue of costly ones.
  static let matchPause = Duration.milliseconds(50)
  /// How long a line editor may take to say that it has a run: it waits at its prompt, so only a busy machine makes it slow.
  static let takenPatience = Duration.seconds(3)
  /// How long what others type waits for a shell that is being told a command.
  static let longestHold = Duration.milliseconds(300)
  /// How long a run that is cancelled may take to end after ctrl+c, before it is given up.
  static let cancelPatience = Duration.seconds(2)
  /// Silence after which a shell that reads at its prompt, or is gone, is not waited for any more to tell how its run ended.
  static let unseenPatience = Duration.milliseconds(250)
  /// How often a run is typed to a plain shell that makes something else of the line, before it is refused.
  static let runAttempts = 3
  /// How long a run whose command has ended waits for the prompt, to give back what had been half typed there.
  static let putBackPatience = Duration.milliseconds(500)
  /// How long the prompt that ctrl+c brings may take before the next run is given all the same.
  static let promptPatience = Duration.seconds(3)
  /// How long the integration is not typed because something goes on at the terminal.
  static let integrationPatience = Duration.seconds(2)
  /// How long the first prompt with marks may take to come once the integration is typed: its script goes by whatever line leads to the shell.
  package static let integrationTime = Duration.seconds(10)
  /// How long a shell may read its own files before what it runs there counts as somebody's program.
  static let shellStart = Duration.seconds(10)
  /// How long a program that has not answered an input must have been silent before it is said to ask for another.
  static let inputPatience = Duration.milliseconds(250)
  /// Runs that may wait for their turn in one session.
  static let queuedRuns = SessionShare(total: 64, reserve: 8, each: 32)
  /// Runs that are over and may still be asked for by those who wait for them.
  static let finishedRuns = 16
  /// After an input, how long the terminal must have been still before a program is believed to wait for the next one.
  static let settle = Duration.milliseconds(20)
  /// Silence after which a screen is called quiet.
  static let quietAfter = Duration.milliseconds(1000)
  /// Longest wait that a caller may ask for.
  package static let longestWait = Duration.seconds(24 * 3600)
  /// Output that `run` answers when the caller names no limit, and the most it may name.
  package static let runOutputBytes = 256 << 10
  package static let runOutputLimit = 8 << 20
}
