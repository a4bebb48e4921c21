package import Causality
import Net
import Store
import Synchronization

/// The audit of calls that come in streams, such as keystrokes one by one: the first is recorded at once, those after it once a second, all
/// in one record with their number.
///
/// Each stream is one operation of one caller on one target under one correlation id. A call costs about a hundred nanoseconds here: two
/// locks that nobody contends for.
package final class RepeatedAudit: Sendable {
  /// Least time between two records.
  static let interval = Duration.seconds(1)

  private struct Window {
    /// When the next record may be written.
    var until: ContinuousClock.Instant?
    var pending: AuditEntry?
    /// Of the first call that is in `pending`, where the calls have causes of their own.
    var cause: Cause?
    var isTimed = false

    mutating func add(_ entry: AuditEntry, _ cause: Cause?) {
      guard var sum = pending else {
        pending = entry
        self.cause = cause
        return
      }
      sum.calls += entry.calls
      sum.duration = max(sum.duration, entry.duration)
      if let bytes = entry.bytes { sum.bytes = (sum.bytes ?? 0) + bytes }
      sum.target = entry.target
      pending = sum
    }
  }

  private struct State {
    /// The cause of calls that go into the next record of what was performed; made when the first of them begins.
    var cause: Cause?
    var performed = Window()
    /// Those that failed or were refused, by their code.
    var failed: [ErrorCode: Window] = [:]
  }

  private let trail: AuditTrail
  private let operation: String
  private let target: String
  private let address: String
  private let via: [String]
  private let caller: Cause
  private let loop: EventLoop
  private let state = Mutex(State())

  init(_ trail: AuditTrail, operation: String, target: String, _ call: Call, loop: EventLoop) {
    self.trail = trail
    self.operation = operation
    self.target = target
    address = call.peer
    via = call.via
    caller = call.cause()
    self.loop = loop
  }

  deinit {
    if let id = state.withLock({ $0.cause?.causationID }) { trail.forget(id) }
  }

  /// A call begins. Its causation is the record that it will be part of.
  package func begin() -> Cause {
    state.withLock { state in
      if let cause = state.cause { return cause }
      var cause = caller
      cause.causationID = trail.promise()
      state.cause = cause
      return cause
    }
  }

  /// A call that ``begin()`` has announced was performed.
  package func performed(on target: String? = nil, bytes: Int? = nil) {
    // Nearly always the record that this goes into is being counted already, and its timer runs.
    let isCounted = state.withLock { state in
      guard state.performed.isTimed, state.performed.pending != nil else { return false }
      state.performed.pending?.count(on: target, bytes: bytes)
      return true
    }
    if isCounted { return }
    end(
      AuditEntry(operation: operation, target: target ?? self.target, address: address, bytes: bytes, via: via),
      now: .now)
  }

  /// A call has failed or was refused.
  package func failed(_ error: OperationError) {
    end(AuditEntry(operation: operation, target: target, error: error, address: address, via: via), now: .now)
  }

  /// `cause` is the call's own, where it is not the stream's.
  func end(_ entry: AuditEntry, now: ContinuousClock.Instant, by cause: Cause? = nil) {
    let code = entry.error?.code
    let step: (record: String?, delay: Duration?) = state.withLock { state in
      var window = code.map { state.failed[$0] ?? Window() } ?? state.performed
      defer { if let code { state.failed[code] = window } else { state.performed = window } }
      if window.pending == nil, window.until.map({ $0 <= now }) ?? true {
        window.until = now + RepeatedAudit.interval
        return (RepeatedAudit.takeID(code, &state), nil)
      }
      window.add(entry, cause)
      if window.isTimed { return (nil, nil) }
      window.isTimed = true
      return (nil, window.until.map { $0 - now } ?? .zero)
    }
    if let id = step.record { trail.record(entry, id: id, of: cause ?? caller) }
    if let delay = step.delay { loop.fire(after: delay) { [self] in flush(code) } }
  }

  private static func takeID(_ code: ErrorCode?, _ state: inout State) -> String {
    // What failed has caused nothing that would name its record.
    guard code == nil, let id = state.cause?.causationID else { return makeUUID() }
    state.cause = nil
    return id
  }

  private func flush(_ code: ErrorCode?) {
    let now = ContinuousClock.now
    let due: (entry: AuditEntry, cause: Cause?, id: String)? = state.withLock { state in
      var window = code.map { state.failed[$0] ?? Window() } ?? state.performed
      let (pending, cause) = (window.pending, window.cause)
      window = Window(until: pending == nil ? window.until : now + RepeatedAudit.interval)
      if let code { state.failed[code] = window } else { state.performed = window }
      return pending.map { ($0, cause, RepeatedAudit.takeID(code, &state)) }
    }
    if let due { trail.record(due.entry, id: due.id, of: due.cause ?? caller) }
  }

  /// Writes what has been counted and not been recorded yet: when the stream ends.
  package func flush() {
    flush(nil)
    for code in state.withLock({ Array($0.failed.keys) }) { flush(code) }
  }

  /// Whether nothing would be lost with it.
  func isForgettable(now: ContinuousClock.Instant) -> Bool {
    state.withLock { state in
      ([state.performed] + state.failed.values).allSatisfy { window in
        window.pending == nil && window.until.map { $0 <= now } ?? true
      }
    }
  }
}
