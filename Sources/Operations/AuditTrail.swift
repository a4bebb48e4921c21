package import Causality
package import Net
import Store
import Synchronization

/// Leaves an audit event of every operation that changes something, and of every call that is refused.
package final class AuditTrail: Sendable {
  /// Refusals of one caller that are recorded each by itself within a minute. A client that is set up wrongly tries again every second or so;
  /// what comes faster than that tells nothing new.
  static let refusalsPerMinute = 120
  /// The same for an address from which nobody was let in. Whoever mistypes a token stays below; a guesser is told of once a minute.
  static let doorRefusalsPerMinute = 10
  /// Repeated calls that are told apart at once: every client of a busy server.
  static let maximumRepeated = 1024

  private let events: OwnEvents
  private let loop: EventLoop
  private let refusals = AuditQuota(perMinute: AuditTrail.refusalsPerMinute)
  private let doorRefusals = AuditQuota(perMinute: AuditTrail.doorRefusalsPerMinute)
  private let repeated = Mutex<[RepeatedKey: RepeatedAudit]>([:])

  private struct RepeatedKey: Hashable {
    let operation: String
    let target: String
    let server: String?
    let principal: String
    let correlationID: String
  }

  /// `loop` is where the timers of what is recorded later run.
  package init(_ events: OwnEvents, loop: EventLoop) {
    self.events = events
    self.loop = loop
  }

  /// Records a call. `id` is what ``Cause/causationID`` was while it was performed; the cause's own causation is what led to the call: the
  /// audit event of the hop before, where a hub has passed the call on.
  package func record(_ entry: AuditEntry, id: String = makeUUID(), of call: Cause) {
    events.emit(entry.type, id: id, because: call, entry.data(traceParent: call.traceParent))
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
    case .changes: return Opening(id: events.promise(), began: now, repeated: nil)
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
    if error?.isRefusal == true { return refuse(entry, id: id, call, now: now) }
    record(entry, id: id, of: call.cause())
  }

  /// Records that a caller was refused, each by itself as long as there are not too many.
  package func refuse(_ entry: AuditEntry, _ call: Call) { refuse(entry, id: makeUUID(), call, now: .now) }

  private func refuse(_ entry: AuditEntry, id: String, _ call: Call, now: ContinuousClock.Instant) {
    take(entry, id, call.cause(), from: refusals, call.principal.description, now: now)
  }

  /// Records a request that was refused before it was known who asks: by authentication, origin or host. Anybody who reaches the port can
  /// cause these. `source` is what counts as one address.
  package func refuseAtDoor(_ entry: AuditEntry, source: String, of request: Cause) {
    take(entry, makeUUID(), request, from: doorRefusals, source, now: .now)
  }

  private func take(
    _ entry: AuditEntry, _ id: String, _ cause: Cause, from quota: AuditQuota, _ key: String,
    now: ContinuousClock.Instant
  ) {
    let (key, verdict) = quota.take(key, entry, now: now)
    switch verdict {
    case .record: record(entry, id: id, of: cause)
    case .count: events.forget(id)
    case .leaveOut(let delay):
      events.forget(id)
      loop.fire(after: delay) { [self] in summarize(quota, key, cause.principal) }
    }
  }

  /// One record of all that were left out. It stands for many calls, so it belongs to the correlation of none.
  private func summarize(_ quota: AuditQuota, _ key: String, _ principal: String?) {
    guard let entry = quota.leftOut(key) else { return }
    record(entry, of: Cause(correlationID: makeUUID(), principal: key == AuditQuota.overflow ? nil : principal))
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
  }
}

extension Call {
  /// The call as the cause of what it brings about. `id` is that of its audit event; without one of its own, what led to the call counts.
  package func cause(id: String? = nil) -> Cause {
    Cause(
      correlationID: correlationID, causationID: id ?? causationID, principal: principal.description,
      holder: principal.holder, traceParent: traceParent)
  }
}
