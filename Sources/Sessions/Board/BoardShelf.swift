import Net

/// The sessions of one loop, as far as ``SessionBoard`` must hear of them. While the board has no follower, nothing is kept here.
final class BoardShelf: @unchecked Sendable {
  // Unchecked: everything below `loop` is touched on the loop alone, which every entry checks.

  /// Changes that come together are told together.
  private static let gathering = Duration.milliseconds(30)
  /// Least time between two looks at the sessions of a loop, however many of them change.
  private static let interval = Duration.milliseconds(100)
  /// Least time between two records of a session that only has input or output.
  private static let activityInterval = Duration.seconds(1)
  /// What a program does next may show in nothing but the kernel's word for it: a state that silence is the evidence of, or that silence
  /// ends, is looked at again after so long, then after twice as long, and so on.
  private static let firstLook = SessionLimits.quietAfter + .milliseconds(10)
  /// The last of these looks: a session that has been silent for two minutes is believed to be as it is.
  private static let lastLook = Duration.seconds(64)
  /// From so many on, one walk over all processes is cheaper than one for each session.
  private static let sessionsPerTable = 8

  let loop: EventLoop
  private weak let board: SessionBoard?
  /// Of the round of following that is under way; `nil` while nobody follows.
  private var round: Int?
  private var waiting: [String: Waiting] = [:]
  private var told: [String: Told] = [:]
  private var timer: LoopTimer?
  private var timerDue: ContinuousClock.Instant?
  private var lastTick: ContinuousClock.Instant?

  private struct Waiting {
    let session: Session
    var due: ContinuousClock.Instant
    /// Nothing has changed that the session knew of: only whether its state is another one is looked at.
    var isLook: Bool
  }

  private struct Told {
    var at: ContinuousClock.Instant
    var state: SessionState
    var pause: Duration
  }

  init(loop: EventLoop, board: SessionBoard) {
    self.loop = loop
    self.board = board
  }

  var isFollowed: Bool { round != nil }

  /// Begins or ends to listen. What was marked is forgotten: a new round begins with a look at every session.
  func follow(_ round: Int?) {
    loop.preconditionCurrent()
    self.round = round
    for entry in waiting.values { entry.session.assumeIsolated { $0.mark = .none } }
    waiting = [:]
    told = [:]
    timer?.cancel()
    timer = nil
    timerDue = nil
  }

  /// The session says that something about it has changed.
  func mark(_ session: isolated Session, _ change: BoardMark) {
    let now = ContinuousClock.now
    var due = now + BoardShelf.gathering
    if change == .activity, let last = told[session.id] { due = max(due, last.at + BoardShelf.activityInterval) }
    if let entry = waiting[session.id] { due = min(due, entry.due) }
    waiting[session.id] = Waiting(session: session, due: due, isLook: false)
    arm(due, now)
  }

  /// The session is no longer listed.
  func take(away id: String) {
    loop.preconditionCurrent()
    waiting[id] = nil
    told[id] = nil
    if let round { board?.remove(id, in: round) }
  }

  private func arm(_ due: ContinuousClock.Instant, _ now: ContinuousClock.Instant) {
    var due = due
    if let lastTick { due = max(due, lastTick + BoardShelf.interval) }
    if let timerDue, timerDue <= due { return }
    timer?.cancel()
    timerDue = due
    timer = loop.schedule(after: max(.zero, now.duration(to: due))) { [unowned self] in tick() }
  }

  private func tick() {
    timer = nil
    timerDue = nil
    let now = ContinuousClock.now
    lastTick = now
    let due = waiting.values.filter { $0.due <= now }.sorted { $0.due < $1.due }.prefix(LoopVisitor.sessionsPerTurn)
    look(at: Array(due), now)
    if let next = waiting.values.lazy.map(\.due).min() {
      // Those that are late wait for the loop's next turn alone.
      if next <= now { lastTick = nil }
      arm(next, now)
    }
  }

  private func look(at entries: [Waiting], _ now: ContinuousClock.Instant) {
    guard let round, !entries.isEmpty else { return }
    let table = entries.count >= BoardShelf.sessionsPerTable ? ProcessTable() : nil
    var records: [SessionRecord] = []
    for entry in entries {
      waiting[entry.session.id] = nil
      if let record = look(at: entry.session, isLook: entry.isLook, table, now) { records.append(record) }
    }
    if !records.isEmpty { board?.put(records, in: round) }
  }

  /// The session's record; `nil` when it would say nothing new. Arranges for the next look.
  private func look(at session: Session, isLook: Bool, _ table: ProcessTable?, _ now: ContinuousClock.Instant)
    -> SessionRecord?
  {
    let record: SessionRecord? = session.assumeIsolated { session in
      session.mark = .none
      return session.isRemoved ? nil : session.record(server: "", processes: table)
    }
    guard let record else { return nil }
    let before = told[session.id]
    var pause = BoardShelf.firstLook
    if isLook, let before, before.state == record.state { pause = before.pause * 2 }
    told[session.id] = Told(at: now, state: record.state, pause: pause)
    if record.state == .busy || record.state == .quiet, pause <= BoardShelf.lastLook {
      waiting[session.id] = Waiting(session: session, due: now + pause, isLook: true)
    }
    return isLook && before?.state == record.state ? nil : record
  }

  /// Looks at every one of these, and puts them on the board.
  func fill(_ sessions: some Sequence<Session>, round: Int) {
    guard self.round == round else { return }
    let now = ContinuousClock.now
    look(at: sessions.map { Waiting(session: $0, due: now, isLook: false) }, now)
    if let next = waiting.values.lazy.map(\.due).min() { arm(next, now) }
  }
}
