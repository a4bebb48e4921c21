package import Causality
import Net
import Store
import Synchronization

/// The audit of calls that come in streams, such as keystrokes one by one: the first is recorded at once, those after it once a second, all
/// in one record with their number.
///
/// What an account does beyond its ``RecordAllowance`` is such a stream, too: of one operation, whatever its targets and users, all in one record with
/// their number twice a minute.
///
/// Each other stream is one operation of one caller on one target under one correlation id. A call costs about a hundred nanoseconds here: two
/// locks that nobody contends for.
package final class RepeatedAudit: Sendable {
  /// Least time between two records.
  static let interval = Duration.seconds(1)
  /// The same where the caller's account has not much left: a hundred who type at the same time leave ten events a second.
  static let lowInterval = Duration.seconds(10)
  /// The same for what is beyond an account's allowance.
  static let gatheringInterval = Duration.seconds(30)

  private struct Window {
    /// When the next record may be written.
    var until: ContinuousClock.Instant?
    var pending: AuditEntry?
    /// Of the first call that is in `pending`, where the calls have causes of their own.
    var cause: Cause?
    var isTimed = false

    /// - Parameter isSame: whether all are of one target, and the latest name of that counts.
    mutating func add(_ entry: AuditEntry, _ cause: Cause?, isSame: Bool) {
      guard var sum = pending else {
        pending = entry
        self.cause = cause
        return
      }
      sum.calls += entry.calls
      sum.duration = max(sum.duration, entry.duration)
      if let bytes = entry.bytes { sum.bytes = (sum.bytes ?? 0) + bytes }
      if isSame {
        sum.target = entry.target
      } else {
        // What is not said of all is said of none.
        if sum.target != entry.target { sum.target = nil }
        if sum.server != entry.server { sum.server = nil }
        if sum.via != entry.via { sum.via = [] }
        if sum.address != entry.address { sum.address = "many" }
      }
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
  /// Whether it is what is beyond an account's allowance, and pays for itself.
  private let isGathering: Bool
  private let loop: EventLoop
  private let state = Mutex(State())

  init(_ trail: AuditTrail, operation: String, target: String, _ call: Call, loop: EventLoop) {
    self.trail = trail
    self.operation = operation
    self.target = target
    address = call.peer
    via = call.via
    caller = call.cause()
    isGathering = false
    self.loop = loop
  }

  init(gatheringFor trail: AuditTrail, operation: String, of account: Cause.Account, loop: EventLoop) {
    self.trail = trail
    self.operation = operation
    target = ""
    address = "many"
    via = []
    // A record stands for many calls: it belongs to the correlation of none.
    caller = Cause(correlationID: "", principal: account.principal)
    isGathering = true
    self.loop = loop
  }

  deinit {
    if let id = state.withLock({ $0.cause?.causationID }) { trail.forget(id) }
  }

  /// A call begins. Its causation is the record that it will be part of.
  package func begin() -> Cause {
    var cause = caller
    cause.causationID = state.withLock { state in
      if let known = state.cause { return known.causationID }
      if let account = caller.account, !trail.admits(account, now: .now) { return nil }
      var cause = caller
      cause.causationID = trail.promise()
      state.cause = cause
      return cause.causationID
    }
    if cause.causationID == nil, let account = caller.account {
      cause.causationID = trail.gathering(operation, of: account).begin().causationID
    }
    return cause
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

  private enum Step {
    case record(id: String)
    case flush(after: Duration)
    case gather(Cause.Account)
    case wait
  }

  /// `cause` is the call's own, where it is not the stream's.
  func end(_ entry: AuditEntry, now: ContinuousClock.Instant, by cause: Cause? = nil) {
    let code = entry.error?.code
    let step: Step = state.withLock { state in
      var window = code.map { state.failed[$0] ?? Window() } ?? state.performed
      defer { if let code { state.failed[code] = window } else { state.performed = window } }
      if window.pending == nil {
        // A record of what was performed was paid for when the first call of it began.
        if let account = caller.account, code != nil || state.cause == nil, !trail.admits(account, now: now) {
          return .gather(account)
        }
        if isGathering {
          window.until = now + RepeatedAudit.gatheringInterval
        } else if window.until.map({ $0 <= now }) ?? true {
          window.until = now + trail.interval(for: caller.account, now: now)
          return .record(id: RepeatedAudit.takeID(code, &state))
        }
      }
      window.add(entry, cause, isSame: !isGathering)
      if window.isTimed { return .wait }
      window.isTimed = true
      return .flush(after: window.until.map { $0 - now } ?? .zero)
    }
    switch step {
    case .record(let id): trail.write(entry, id: id, of: cause ?? caller)
    case .flush(let delay): loop.fire(after: delay) { [self] in flush(code) }
    case .gather(let account): trail.gathering(operation, of: account).end(entry, now: now)
    case .wait: break
    }
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
      window = Window(until: pending == nil ? window.until : now + trail.interval(for: caller.account, now: now))
      if let code { state.failed[code] = window } else { state.performed = window }
      return pending.map { ($0, cause, RepeatedAudit.takeID(code, &state)) }
    }
    guard var due else { return }
    if isGathering { due.entry.operation = operation }
    trail.write(due.entry, id: due.id, of: due.cause ?? (isGathering ? fresh : caller))
  }

  /// The caller, in a correlation of its own.
  private var fresh: Cause { Cause(correlationID: makeUUID(), principal: caller.principal) }

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
