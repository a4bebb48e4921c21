import Causality
import Metrics
import Net
import Sys
import TerminalEngine

extension Session {
  /// Waits until one of the conditions holds, or the program ends.
  ///
  /// Throws `timeout` after the time given, ``SessionError/Code/resourceLimitReached`` when too many wait already, and `CancellationError` when
  /// the calling task is cancelled.
  package func wait(for conditions: [WaitCondition], timeout: Duration, onTimeout error: SessionError) async throws
    -> WaitOutcome
  {
    try requirePlaceToWait()
    let number = ticket()
    return try await withTaskCancellationHandler {
      let result = await withCheckedContinuation { continuation in
        beginWait(number, conditions, timeout: timeout, onTimeout: error) { continuation.resume(returning: $0) }
      }
      try Task.checkCancellation()
      return try result.get()
    } onCancel: {
      loop.execute { self.assumeIsolated { $0.cancelWait(number) } }
    }
  }

  /// Refuses one who may not wait here, before anything is done for it: ``SessionError/Code/resourceLimitReached``.
  package func requirePlaceToWait() throws(SessionError) {
    guard SessionLimits.waiters.has(for: Cause.current?.holder, among: waiters.values.lazy.map(\.holder)) else {
      throw SessionError(
        .resourceLimitReached,
        "Resource limit reached: \(SessionLimits.waiters.total) may wait on \(name), \(SessionLimits.waiters.each) of one token."
      )
    }
  }

  private func beginWait(
    _ number: Int, _ conditions: [WaitCondition], timeout: Duration, onTimeout error: SessionError,
    _ resume: @escaping (Result<WaitOutcome, SessionError>) -> Void
  ) {
    // A task that was cancelled before has had its handler run already, when there was nothing to cancel yet.
    if Task.isCancelled { return resume(.failure(error)) }
    let waiter = Waiter(
      conditions, began: .now, look: TextLook(from: searchStart(conditions), caller: Cause.current?.holder ?? ""),
      resume: resume)
    waiters[number] = waiter
    traffic.waits.add(1)
    // Whoever feeds a program line by line is not to be kept waiting.
    if inputReader != nil { waiter.probePause = .milliseconds(2) }
    waiter.deadline = loop.schedule(after: timeout) { [weak self] in
      self?.assumeIsolated { session in
        guard let waiter = session.waiters[number] else { return }
        // The last moment counts too: a condition may hold that no event announced.
        waiter.late = error
        waiter.look.lastLine = session.terminal.screenTop + session.terminal.size.rows
        session.checkAgain(number, waiter)
      }
    }
    if let since = conditions.lazy.compactMap(\.textSince).first, places.hasForgotten(after: since) {
      waiter.look.hasSkipped = true
    }
    check(number, waiter)
    holdText()
  }

  private func cancelWait(_ number: Int) {
    guard let waiter = waiters[number] else { return }
    end(number, waiter, .failure(SessionError(.waitTimeout, "The wait was given up.")))
    holdText()
  }

  func end(_ number: Int, _ waiter: Waiter, _ result: Result<WaitOutcome, SessionError>) {
    if waiters.removeValue(forKey: number) != nil { traffic.waits.add(-1) }
    if waiters.isEmpty { forgetRowsSoon() }
    waiter.finish(result)
  }

  func failWaiters(_ error: SessionError) {
    let failing = waiters.values
    waiters = [:]
    traffic.waits.add(-failing.count)
    screenRows = nil
    holdText()
    for waiter in failing { waiter.finish(.failure(error)) }
  }

  /// Something happened: looks at every wait.
  func checkWaiters() {
    for (number, waiter) in waiters { check(number, waiter) }
    holdText()
  }

  /// Looks at one wait because time has passed, or a search is over.
  func checkAgain(_ number: Int, _ waiter: Waiter) {
    let before = waiter.look.next(screenTop: terminal.screenTop)
    check(number, waiter)
    // What is held for the others has not changed, and there may be hundreds.
    if waiters[number] == nil || waiter.look.next(screenTop: terminal.screenTop) != before { holdText() }
  }

  private func check(_ number: Int, _ waiter: Waiter) {
    if let outcome = look(number, waiter, final: exit != nil || waiter.late != nil) {
      end(number, waiter, .success(outcome))
    } else if let late = waiter.late, !waiter.look.isUnderWay {
      end(number, waiter, .failure(waiter.look.hasSkipped ? late.withTextSkipped : late))
    }
  }

  /// Looks again after that time, or sooner where somebody has asked for that.
  func recheck(_ number: Int, _ waiter: Waiter, after delay: Duration) {
    let delay = max(delay, .milliseconds(1))
    let at = ContinuousClock.now + delay
    if waiter.recheck != nil, waiter.recheckAt <= at { return }
    waiter.recheck?.cancel()
    waiter.recheckAt = at
    waiter.recheck = loop.schedule(after: delay) { [weak self] in
      self?.assumeIsolated { session in
        guard let waiter = session.waiters[number] else { return }
        waiter.recheck = nil
        session.checkAgain(number, waiter)
      }
    }
  }

  /// Another look at what only the kernel can tell: soon at first, seldom for one who waits long.
  private func probeAgain(_ number: Int, _ waiter: Waiter) {
    recheck(number, waiter, after: waiter.probePause)
    let longest = waiter.began.duration(to: .now) < .seconds(10) ? Duration.milliseconds(100) : .milliseconds(250)
    waiter.probePause = min(waiter.probePause * 2, longest)
  }

  /// Whether one of the waiter's conditions holds now; arranges for another look when time alone can make one hold.
  private func look(_ number: Int, _ waiter: Waiter, final: Bool) -> WaitOutcome? {
    func met(_ reason: WaitOutcome.Reason, _ evidence: Evidence, match: String? = nil) -> WaitOutcome {
      WaitOutcome(
        reason: reason, evidence: evidence, match: match, generation: generation,
        hasSkippedText: waiter.look.hasSkipped)
    }
    for condition in waiter.conditions {
      switch condition {
      case .match(let pattern, let since):
        if let text = find(pattern, since: since, for: number, waiter, final: final) {
          return met(.match, .match, match: text)
        }
      case .prompt(let since, let count):
        if isPromptNew(since: since, count: count) { return met(.prompt, .osc133) }
        guard exit == nil, commands.standsAtPrompt else { continue }
        // Only the kernel can tell that what was typed has been taken.
        probeAgain(number, waiter)
      case .change(let since):
        if terminal.screenStamp > since { return met(.change, .screenChange) }
      case .bell(let since):
        if chronicle.notices.bellGeneration > since { return met(.bell, .output) }
      case .notification(let since):
        if chronicle.notices.notificationGeneration > since {
          return met(.notification, .output, match: chronicle.notices.notification?.body)
        }
      case .idle(let time, let beyond, let fresh):
        guard exit == nil else { continue }
        if let beyond, generation == beyond { continue }
        let from = fresh ? max(waiter.began, activity.last) : activity.last
        let rest = time - from.duration(to: .now)
        if rest <= .zero { return met(.idle, .screenQuiet) }
        recheck(number, waiter, after: rest)
      case .looksLikePrompt(let time, let since):
        guard exit == nil, looksLikePrompt, since.map({ terminal.rowStamp(terminal.cursor.row) > $0 }) ?? true else {
          continue
        }
        let rest = time - activity.quiet()
        if rest <= .zero { return met(.looksLikePrompt, .looksLikePrompt) }
        recheck(number, waiter, after: rest)
      case .input(let since, let count):
        guard exit == nil else { continue }
        if let evidence = inputEvidence(since: since, count: count) { return met(.input, evidence) }
        probeAgain(number, waiter)
      case .run(let id, let stage):
        guard let run = runs.active, run.id == id else { return met(.command, .osc133) }
        if stage == .taken, run.stage != .told { return met(.command, .osc133) }
        if stage == .begun, case .running = run.stage { return met(.command, .osc133) }
      case .ignored(let id):
        guard runs.active?.id == id, runs.active?.stage == .told else { continue }
        if isRunIgnored || endRunNeverBegun() { return met(.command, .ttyRead) }
        probeAgain(number, waiter)
      case .unseenEnd(let id):
        guard runs.active?.id == id else { continue }
        if endUnseenRun() || endRunNeverBegun() { return met(.command, .ttyRead) }
        probeAgain(number, waiter)
      case .question(let id):
        guard runs.active?.id == id, case .running = runs.active?.stage else { continue }
        if let evidence = questionEvidence(), !mayHaveEndedUnseen() { return met(.input, evidence) }
        probeAgain(number, waiter)
      case .ended(let id):
        guard let record = commands.record(id), record.endedAt == nil else { return met(.command, .osc133) }
      case .activity(let since, let pause):
        if generation > since { return met(.change, .output) }
        let rest = pause - waiter.began.duration(to: .now)
        if rest <= .zero { return met(.change, .output) }
        recheck(number, waiter, after: rest)
      case .exit: break
      }
    }
    // What the program printed last is looked through to its end first.
    return exit == nil || waiter.look.isUnderWay ? nil : met(.exit, .exit)
  }

  /// Whether a prompt stands that answers what was typed before it: as many prompts have come as lines were sent off, or the kernel says that
  /// the shell has taken everything and waits.
  func isPromptNew(since: UInt64?, count: UInt64?) -> Bool {
    guard commands.standsAtPrompt else { return false }
    if let since, commands.promptGeneration <= since { return isPromptCleared(since: since) }
    if commands.promptCount >= count ?? promptsOwed { return true }
    guard
      hasTakenInput && activity.quiet() >= SessionLimits.settle && foregroundShellWaits || promptOutlastsInput
    else { return false }
    // A shell that reads what a program of its own left unread owes nothing.
    settlePrompts()
    return true
  }

  /// Whether ctrl+c was typed at the prompt, and the shell has made the line empty: fish brings no other prompt for that, or paints the same
  /// one again, and says nothing at all where the line was empty before.
  private func isPromptCleared(since: UInt64) -> Bool {
    guard case .atPrompt(let place) = commands.phase, typedLine.isInterrupted, lastInputGeneration > since,
      shellNeedsCancel, hasTakenInput, activity.quiet() >= SessionLimits.settle, foregroundIsOwn,
      foregroundShellWaits, cursorPosition == place
    else { return false }
    settlePrompts()
    return true
  }

  /// Whether the run's command waits for input, by the strongest evidence alone: it is told as a fact.
  private func questionEvidence() -> Evidence? {
    let quiet = activity.quiet()
    let hasTaken = readerHasTaken
    guard exit == nil, hasTakenInput, quiet >= SessionLimits.settle || hasTaken, !pty.hasOutput else { return nil }
    if commandEditsLine { return .osc133 }
    guard let evidence = readingEvidence(ProcessStatus.members(of:), quiet: quiet) else { return nil }
    if evidence == .termios { return evidence }
    // Nothing has come since the last input: the program may not have had the time to take it, and looks as if it still waited.
    if lastInputGeneration == generation, quiet < SessionLimits.inputPatience, !hasTaken { return nil }
    // A program that polls does so between two steps of its work, too.
    if evidence == .ttyPoll, quiet < pollPatience { return nil }
    return evidence
  }

  private func inputEvidence(since: UInt64?, count: UInt64?) -> Evidence? {
    if isPromptNew(since: since, count: count) { return .osc133 }
    // A program may read between two steps of what it does with the input, too.
    let quiet = activity.quiet()
    if let since, generation > since, quiet < SessionLimits.settle { return nil }
    switch state() {
    case (.password, let evidence), (.reading, let evidence): return evidence
    // Keys that send no line off bring no other prompt: the line editor has taken them, and waits for more.
    case (.prompt, let evidence)
    where foregroundIsOwn && readingEvidence(ProcessStatus.members(of:), quiet: quiet) != nil:
      return evidence
    default: return nil
    }
  }
}
