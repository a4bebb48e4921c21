import Sys

/// For how long a process that polls its terminal with a short time limit, again and again, has done nothing else.
///
/// A single look cannot tell an interpreter that asks for a line from a program that works and glances at its keyboard on the way: both are
/// found in the same call. The one uses no processor to speak of from one look to the next, is never found in another call, and nothing comes
/// of it.
struct TerminalRest {
  private struct Look {
    var process: ProcessID
    var generation: UInt64
    var since: ContinuousClock.Instant
    /// The look that the next one is compared with.
    var at: ContinuousClock.Instant
    var used: Duration
  }

  private var look: Look?

  /// A process was found so, and another look will tell.
  var isBegun: Bool { look != nil }

  /// The part of the time that coming round may cost: Python 3.13 takes a thousandth at its prompt.
  private static let share = 32
  /// What any step may cost, however soon after another it is looked at.
  private static let slack = Duration.milliseconds(2)
  /// Looks closer together than this are compared with the same earlier one, so that the slack stays small.
  private static let stride = Duration.milliseconds(200)

  /// - Parameters:
  ///   - used: The CPU time that it has used so far.
  ///   - generation: Of the session: what was printed or typed begins the time anew.
  mutating func time(
    of process: ProcessID, used: Duration, generation: UInt64, now: ContinuousClock.Instant = .now
  ) -> Duration {
    guard var look, look.process == process, look.generation == generation,
      used - look.used <= look.at.duration(to: now) / TerminalRest.share + TerminalRest.slack
    else {
      look = Look(process: process, generation: generation, since: now, at: now, used: used)
      return .zero
    }
    if look.at.duration(to: now) >= TerminalRest.stride {
      look.at = now
      look.used = used
    }
    self.look = look
    return look.since.duration(to: now)
  }

  /// It was found in something else.
  mutating func end() { look = nil }
}
