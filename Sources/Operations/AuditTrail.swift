package import Causality
package import Net
import Store
import Synchronization

/// Leaves an audit event of every operation that changes something, and of every call that is refused.
///
/// What an account leaves beyond its ``RecordAllowance`` is gathered: one record for all of an operation and an outcome, twice a minute.
package final class AuditTrail: Sendable {
  /// Refusals of one caller that are recorded each by itself within a minute. A client that is set up wrongly tries again every second or so;
  /// what comes faster than that tells nothing new.
  static let refusalsPerMinute = 120
  /// The same for an address from which nobody was let in. Whoever mistypes a token stays below; a guesser is told of once a minute.
  static let doorRefusalsPerMinute = 10
  /// Repeated calls that are told apart at once: every client of a busy server.
  static let maximumRepeated = 1024
  /// Accounts and operations that are told apart of which more is done than may be recorded: some tens of tokens that do everything.
  static let maximumGathered = 1024
  /// All together of whom nobody is known. No token has this id.
  private static let strangers = Cause.Account(id: "strangers", principal: nil)
  /// What is too much to be told apart.
  private static let many = Cause.Account(id: "many", principal: nil)

  private let events: OwnEvents
  private let loop: EventLoop
  private let refusals = AuditQuota(perMinute: AuditTrail.refusalsPerMinute)
  private let doorRefusals = AuditQuota(perMinute: AuditTrail.doorRefusalsPerMinute)
  private let repeated = Mutex<[RepeatedKey: RepeatedAudit]>([:])
  /// How many events each account may leave in the log one by one.
  package let allowance: RecordAllowance
  private let strangersAllowance = RecordAllowance(
    burst: RecordAllowance.strangersBurst, perSecond: RecordAllowance.strangersPerSecond)
  private let gathered = Mutex<[GatheredKey: RepeatedAudit]>([:])

  private struct RepeatedKey: Hashable {
    let operation: String
    let target: String
    let server: String?
    let principal: String
    let correlationID: String
  }

  private struct GatheredKey: Hashable {
    let account: String
    let operation: String
  }

  /// `loop` is where the timers of what is recorded later run.
  package init(_ events: OwnEvents, loop: EventLoop, allowance: RecordAllowance = RecordAllowance()) {
    self.events = events
    self.loop = loop
    self.allowance = allowance
  }

  /// Records a call, or counts it where its account has left too much already. `id` is what ``Cause/causationID`` was while it was performed; the
  /// cause's own causation is what led to the call: the audit event of the hop before, where a hub has passed the call on.
  package func record(_ entry: AuditEntry, id: String = makeUUID(), of call: Cause) {
    record(entry, id: id, of: call, now: .now)
  }

  private func record(_ entry: AuditEntry, id: String = makeUUID(), of call: Cause, now: ContinuousClock.Instant) {
    if let account = call.account, !admits(account, now: now) {
      events.forget(id)
      return gathering(entry.operation, of: account).end(entry, now: now)
    }
    write(entry, id: id, of: call)
  }

  /// Leaves an event that is paid for.
  func write(_ entry: AuditEntry, id: String, of call: Cause) {
    events.emit(entry.type, id: id, because: call, entry.data(traceParent: call.traceParent))
  }

  // MARK: Accounts

  /// Takes one event out of an account's allowance.
  func admits(_ account: Cause.Account, now: ContinuousClock.Instant) -> Bool {
    (account == AuditTrail.strangers ? strangersAllowance : allowance).take(account, now: now)
  }

  /// Least time between two records of a stream of calls: longer where its account has not much left, so that it lasts.
  func interval(for account: Cause.Account?, now: ContinuousClock.Instant) -> Duration {
    guard let account, allowance.isLow(account, now: now) else { return RepeatedAudit.interval }
    return RepeatedAudit.lowInterval
  }

  /// Where what is beyond an account's allowance is counted.
  func gathering(_ operation: String, of account: Cause.Account) -> RepeatedAudit {
    let now = ContinuousClock.now
    // Whoever knocks at doors is told of once, whatever door it is.
    var (account, operation) = (account, account == AuditTrail.strangers ? "http" : operation)
    return gathered.withLock { gathered in
      if let known = gathered[GatheredKey(account: account.id, operation: operation)] { return known }
      if gathered.count >= AuditTrail.maximumGathered {
        gathered = gathered.filter { !$0.value.isForgettable(now: now) }
        if gathered.count >= AuditTrail.maximumGathered { (account, operation) = (AuditTrail.many, "http") }
      }
      let key = GatheredKey(account: account.id, operation: operation)
      if let known = gathered[key] { return known }
      let new = RepeatedAudit(gatheringFor: self, operation: operation, of: account, loop: loop)
      gathered[key] = new
      return new
    }
  }

  // MARK: What the catalogue performs

  /// An operation that is about to be performed.
  struct Opening: Sendable {
    /// The id of the event that it will leave; `nil` when it leaves one only if it is refused.
    let id: String?
    let began: ContinuousClock.Instant
    /// For an operation of which many calls make one record.
    let repeated: RepeatedAudit?
  }

  /// `server` is the backend that it is for.
  func open(_ operation: Operation, _ arguments: Arguments, _ call: Call, server: String? = nil) -> Opening {
    let now = ContinuousClock.now
    switch operation.effect {
    case .reads: return Opening(id: nil, began: now, repeated: nil)
    case .changes:
      if let account = call.principal.account, !admits(account, now: now) {
        let gathering = gathering(operation.name, of: account)
        return Opening(id: gathering.begin().causationID, began: now, repeated: gathering)
      }
      return Opening(id: events.promise(), began: now, repeated: nil)
    case .changesOften, .publishes:
      let repeated = repeatedAudit(
        operation.name, target: arguments.target(of: operation.route) ?? "", server: server, call,
        isCorrelated: operation.effect == .changesOften)
      return Opening(id: repeated.begin().causationID, began: now, repeated: repeated)
    }
  }

  func close(
    _ opening: Opening, _ operation: Operation, _ arguments: Arguments, _ call: Call, note: AuditNote,
    server: String? = nil, error: OperationError?
  ) {
    // What a caller may look at is nobody's business; what it tries to look at is.
    if operation.effect == .reads, error?.isRefusal != true { return }
    let now = ContinuousClock.now
    let entry = AuditEntry(
      operation: operation.name, target: note.target ?? arguments.target(of: operation.route), server: server,
      error: error, address: call.peer, duration: opening.began.duration(to: now), bytes: note.bytes, via: call.via)
    if let repeated = opening.repeated {
      return repeated.end(entry, now: now, by: operation.effect == .publishes ? call.cause() : nil)
    }
    let id = opening.id ?? makeUUID()
    var cause = call.cause()
    // What was promised is paid for.
    if opening.id != nil { cause.account = nil }
    if error?.isRefusal == true {
      return take(entry, id, cause, from: refusals, call.principal.description, now: now)
    }
    record(entry, id: id, of: cause, now: now)
  }

  /// Records that a caller was refused, each by itself as long as there are not too many.
  package func refuse(_ entry: AuditEntry, _ call: Call) { refuse(entry, call, now: .now) }

  func refuse(_ entry: AuditEntry, _ call: Call, now: ContinuousClock.Instant) {
    take(entry, makeUUID(), call.cause(), from: refusals, call.principal.description, now: now)
  }

  /// Records a request that was refused before it was known who asks: by authentication, origin or host. Anybody who reaches the port can
  /// cause these. `source` is what counts as one address.
  package func refuseAtDoor(_ entry: AuditEntry, source: String, of request: Cause) {
    refuseAtDoor(entry, source: source, of: request, now: .now)
  }

  func refuseAtDoor(_ entry: AuditEntry, source: String, of request: Cause, now: ContinuousClock.Instant) {
    var request = request
    request.account = AuditTrail.strangers
    take(entry, makeUUID(), request, from: doorRefusals, source, now: now)
  }

  private func take(
    _ entry: AuditEntry, _ id: String, _ cause: Cause, from quota: AuditQuota, _ key: String,
    now: ContinuousClock.Instant
  ) {
    let (key, verdict) = quota.take(key, entry, of: cause.account, now: now)
    switch verdict {
    case .record: record(entry, id: id, of: cause, now: now)
    case .count: events.forget(id)
    case .leaveOut(let delay):
      events.forget(id)
      loop.fire(after: delay) { [self] in summarize(quota, key, cause.principal) }
    }
  }

  /// One record of all that were left out. It stands for many calls, so it belongs to the correlation of none.
  private func summarize(_ quota: AuditQuota, _ key: String, _ principal: String?) {
    let account = quota.account(of: key)
    guard let entry = quota.leftOut(key) else { return }
    record(
      entry,
      of: Cause(
        correlationID: makeUUID(), principal: key == AuditQuota.overflow ? nil : principal, account: account))
  }

  // MARK: Calls that come in streams

  /// The id of a record that calls will share.
  func promise() -> String { events.promise() }

  /// A record that was announced has nothing to tell.
  func forget(_ id: String) { events.forget(id) }

  /// The audit of one client's stream of calls, such as keystrokes over a socket. Its timers run on that loop.
  package func stream(_ operation: String, target: String, _ call: Call, loop: EventLoop) -> RepeatedAudit {
    RepeatedAudit(self, operation: operation, target: target, call, loop: loop)
  }

  private func repeatedAudit(
    _ operation: String, target: String, server: String?, _ call: Call, isCorrelated: Bool
  ) -> RepeatedAudit {
    let key = RepeatedKey(
      operation: operation, target: target, server: server, principal: call.principal.description,
      correlationID: isCorrelated ? call.correlationID : "")
    let now = ContinuousClock.now
    return repeated.withLock { repeated in
      if let known = repeated[key] { return known }
      if let account = call.principal.account, allowance.isUsedUp(account, now: now) {
        return gathering(operation, of: account)
      }
      if repeated.count >= AuditTrail.maximumRepeated {
        repeated = repeated.filter { !$0.value.isForgettable(now: now) }
        // Those that are dropped still write what they have counted, when their second is over.
        if repeated.count >= AuditTrail.maximumRepeated { repeated = [:] }
      }
      let new = RepeatedAudit(self, operation: operation, target: target, call, loop: loop)
      repeated[key] = new
      return new
    }
  }

  /// Writes what has been counted so far: at the end of the server.
  package func flush() {
    let counting = repeated.withLock { Array($0.values) }
    for each in counting { each.flush() }
    for principal in refusals.pending { summarize(refusals, principal, principal) }
    for source in doorRefusals.pending { summarize(doorRefusals, source, nil) }
    // Last: what was counted above may have gone there.
    let gathering = gathered.withLock { Array($0.values) }
    for each in gathering { each.flush() }
  }
}

extension Call {
  /// The call as the cause of what it brings about. `id` is that of its audit event; without one of its own, what led to the call counts.
  package func cause(id: String? = nil) -> Cause {
    Cause(
      correlationID: correlationID, causationID: id ?? causationID, principal: principal.description,
      holder: principal.holder, account: principal.account, traceParent: traceParent)
  }
}
