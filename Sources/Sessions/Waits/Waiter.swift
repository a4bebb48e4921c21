import Causality
import Net

/// One wait in progress.
final class Waiter {
  let conditions: [WaitCondition]
  let began: ContinuousClock.Instant
  /// Who waits, as ``Cause/holder``.
  let holder = Cause.current?.holder
  /// Where it stands in the look for a text.
  var look: TextLook
  let looksForText: Bool
  /// Looks again when nothing has come in the meantime.
  var recheck: LoopTimer?
  var recheckAt: ContinuousClock.Instant
  var deadline: LoopTimer?
  /// The time is over, and this is the answer unless the look that goes on finds something.
  var late: SessionError?
  /// Next pause before the kernel is asked again whether the program reads.
  var probePause = Duration.milliseconds(20)
  let resume: (Result<WaitOutcome, SessionError>) -> Void

  init(
    _ conditions: [WaitCondition], began: ContinuousClock.Instant, look: TextLook,
    resume: @escaping (Result<WaitOutcome, SessionError>) -> Void
  ) {
    self.conditions = conditions
    self.began = began
    recheckAt = began
    self.look = look
    looksForText = conditions.contains { if case .match = $0 { true } else { false } }
    self.resume = resume
  }

  func finish(_ result: Result<WaitOutcome, SessionError>) {
    recheck?.cancel()
    deadline?.cancel()
    look.search?.cancel()
    resume(result)
  }
}
