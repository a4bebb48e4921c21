import Causality
import Formats
import Net
import Sys
import TerminalEngine

/// One wait in progress.
final class Waiter {
  let conditions: [WaitCondition]
  let began: ContinuousClock.Instant
  /// Who waits, as ``Cause/holder``.
  let holder = Cause.current?.holder
  /// The lowest line that a look for a text begins at, on the main screen.
  var searchFrom: Int
  var lastLook: ContinuousClock.Instant?
  /// Looks again when nothing has come in the meantime.
  var recheck: LoopTimer?
  var deadline: LoopTimer?
  /// Next pause before the kernel is asked again whether the program reads.
  var probePause = Duration.milliseconds(20)
  let resume: (Result<WaitOutcome, SessionError>) -> Void

  init(
    _ conditions: [WaitCondition], began: ContinuousClock.Instant, searchFrom: Int,
    resume: @escaping (Result<WaitOutcome, SessionError>) -> Void
  ) {
    self.conditions = conditions
    self.began = began
    self.searchFrom = searchFrom
    self.resume = resume
  }

  func finish(_ result: Result<WaitOutcome, SessionError>) {
    recheck?.cancel()
    deadline?.cancel()
    resume(result)
  }
}

extension Session {
  /// Waits until one of the conditions holds, or the program ends.
  ///
  /// Throws `timeout` after the time given, ``SessionError/Code/resourceLimitReached`` when too many wait already, and `CancellationError` when
  /// the calling task is cancelled.
  package func wait(for conditions: [WaitCondition], timeout: Duration, onTimeout error: SessionError) async throws
    -> WaitOutcome
  {
    guard SessionLimits.waiters.has(for: Cause.current?.holder, among: waiters.values.lazy.map(\.holder)) else {
      throw SessionError(
        .resourceLimitReached,
        "Resource limit reached: \(SessionLimits.waiters.total) may wait on \(name), \(SessionLimits.waiters.each) of one token."
      )
    }
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

  private func beginWait(
    _ number: Int, _ conditions: [WaitCondition], timeout: Duration, onTimeout error: SessionError,
    _ resume: @escaping (Result<WaitOutcome, SessionError>) -> Void
  ) {
    // A task that was cancelled before has had its handler run already, when there was nothing to cancel yet.
    if Task.isCancelled { return resume(.failure(error)) }
    let waiter = Waiter(conditions, began: .now, searchFrom: searchStart(conditions), resume: resume)
    waiters[number] = waiter
    waiter.deadline = loop.schedule(after: timeout) { [weak self] in
      self?.assumeIsolated { session in
        guard let waiter = session.waiters.removeValue(forKey: number) else { return }
        // The last moment counts too: a condition may hold that no event announced.
        waiter.finish(session.look(number, waiter, final: true).map { .success($0) } ?? .failure(error))
      }
    }
    check(number, waiter)
  }

  private func cancelWait(_ number: Int) {
    waiters.removeValue(forKey: number)?.finish(.failure(SessionError(.waitTimeout, "The wait was given up.")))
  }

  func failWaiters(_ error: SessionError) {
    let failing = waiters.values
    waiters = [:]
    for waiter in failing { waiter.finish(.failure(error)) }
  }

  /// Something happened: looks at every wait.
  func checkWaiters() {
    for (number, waiter) in waiters { check(number, waiter) }
  }

  private func check(_ number: Int, _ waiter: Waiter) {
    guard let outcome = look(number, waiter, final: exit != nil) else { return }
    waiters[number] = nil
    waiter.finish(.success(outcome))
  }

  private func recheck(_ number: Int, _ waiter: Waiter, after delay: Duration) {
    guard waiter.recheck == nil else { return }
    waiter.recheck = loop.schedule(after: max(delay, .milliseconds(1))) { [weak self] in
      self?.assumeIsolated { session in
        guard let waiter = session.waiters[number] else { return }
        waiter.recheck = nil
        session.check(number, waiter)
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
      WaitOutcome(reason: reason, evidence: evidence, match: match, generation: generation)
    }
    for condition in waiter.conditions {
      switch condition {
      case .match(let pattern, let since):
        if let text = find(pattern, since: since, for: number, waiter, final: final) {
          return met(.match, .match, match: text)
        }
      case .prompt(let since, let count):
        if isPromptNew(since: since, count: count) { return met(.prompt, .osc133) }
        guard exit == nil, case .atPrompt = commands.phase else { continue }
        // Only the kernel can tell that what was typed has been taken.
        probeAgain(number, waiter)
      case .change(let since):
        if terminal.screenStamp > since { return met(.change, .screenChange) }
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
      case .ignored(let id):
        guard runs.active?.id == id, runs.active?.stage == .told else { continue }
        if isRunIgnored { return met(.command, .ttyRead) }
        probeAgain(number, waiter)
      case .question(let id):
        guard runs.active?.id == id, case .running = runs.active?.stage else { continue }
        if let evidence = questionEvidence(), !isReported() { return met(.input, evidence) }
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
    return exit == nil ? nil : met(.exit, .exit)
  }

  /// Whether a prompt stands that answers what was typed before it: as many prompts have come as lines were sent off, or the kernel says that
  /// the shell has taken everything and waits.
  private func isPromptNew(since: UInt64?, count: UInt64?) -> Bool {
    guard case .atPrompt = commands.phase else { return false }
    if let since, commands.promptGeneration <= since { return false }
    if commands.promptCount >= count ?? promptsOwed { return true }
    guard hasTakenInput, activity.quiet() >= SessionLimits.settle, foregroundShellWaits else { return false }
    // A shell that reads what a program of its own left unread owes nothing.
    settlePrompts()
    return true
  }

  /// The shell itself reads by its line editor, behind what looks like its prompt, and has not said that the command ended: somebody took its
  /// hooks out. It is asked, once.
  private func isReported() -> Bool {
    guard let run = runs.active, run.way == .integrated, foregroundIsOwn, run.shell == nil || run.shell == frontImage,
      PseudoTerminal.lineMode(of: pty.master)?.canonical == false
    else { return false }
    // Builtins that edit a line do the same.
    let edits = ["read", "vared", "select"].contains { run.command.contains($0) }
    guard !edits, looksLikePrompt else { return false }
    guard !run.isReportAsked else { return false }
    runs.active?.isReportAsked = true
    try? writeForRun(RunFile.report)
    return true
  }

  /// Whether the run's command waits for input, by the strongest evidence alone: it is told as a fact.
  private func questionEvidence() -> Evidence? {
    let quiet = activity.quiet()
    guard exit == nil, hasTakenInput, quiet >= SessionLimits.settle, !pty.hasOutput,
      let evidence = readingEvidence(ProcessStatus.members(of:), quiet: quiet)
    else { return nil }
    if let mode = PseudoTerminal.lineMode(of: pty.master), mode.canonical, !mode.echo { return .termios }
    // Nothing has come since the last input: the program may not have had the time to take it, and looks as if it still waited.
    if lastInputGeneration == generation, quiet < SessionLimits.inputPatience { return nil }
    // A program that polls does so between two steps of its work, too.
    if evidence == .ttyPoll, quiet < pollPatience { return nil }
    return evidence
  }

  private func inputEvidence(since: UInt64?, count: UInt64?) -> Evidence? {
    if isPromptNew(since: since, count: count) { return .osc133 }
    // Right after an input the program has not had the time to take it, and still looks as if it waited.
    if let since, generation > since {
      if activity.quiet() < SessionLimits.settle || pty.queued > 0
        || PseudoTerminal.pendingInput(of: pty.master) ?? 0 > 0
      {
        return nil
      }
      // Where the terminal echoes, nothing has arrived there yet before the echo has come.
      if generation == since + 1, PseudoTerminal.lineMode(of: pty.master)?.echo == true { return nil }
    }
    switch state() {
    case (.password, let evidence), (.reading, let evidence): return evidence
    default: return nil
    }
  }

  // MARK: looking for a text

  private func searchStart(_ conditions: [WaitCondition]) -> Int {
    for case .match(_, let since?) in conditions {
      if places.hasForgotten(after: since) { return terminal.firstLine }
      return places.first(after: since)?.line ?? cursorPosition.line
    }
    return terminal.screenTop
  }

  /// Rows above the search's beginning that were painted after that generation, while nothing has scrolled: programs that repaint a
  /// part of the main screen do that.
  private func rowsPaintedAbove(_ line: Int, since: UInt64) -> [Int] {
    guard let place = places.first(after: since), place.screenTop == terminal.screenTop else { return [] }
    return (0..<max(0, min(terminal.size.rows, line - terminal.screenTop))).filter { terminal.rowStamp($0) > since }
  }

  /// A line as text; a line that goes on in the next one keeps its blanks and has no line's end.
  private func appendLine(_ line: Int, to text: inout [UInt8]) {
    let wraps = terminal.isWrapped(line: line)
    var width = 0
    terminal.visitRuns(line: line, trim: wraps ? .none : .blankAny) { run in
      text.append(contentsOf: run.text)
      width += run.columns
    }
    // A prompt may end in a blank, which only the cursor shows to be text.
    if line == cursorPosition.line { text += Array(repeating: 0x20, count: max(0, cursorPosition.column - width)) }
    if !wraps { text.append(0x0A) }
  }

  private func find(_ pattern: Pattern, since: UInt64?, for number: Int, _ waiter: Waiter, final: Bool) -> String? {
    if let since, terminal.screenStamp <= since { return nil }
    if let last = waiter.lastLook, !final {
      let rest = SessionLimits.matchInterval - last.duration(to: .now)
      if rest > .zero {
        recheck(number, waiter, after: rest)
        return nil
      }
    }
    waiter.lastLook = .now
    var text: [UInt8] = []
    if terminal.isAlternateScreen {
      for row in 0..<terminal.size.rows where since.map({ terminal.rowStamp(row) > $0 }) ?? true {
        text += Array(terminal.rowText(row).utf8) + [0x0A]
      }
    } else {
      let end = terminal.screenTop + terminal.size.rows
      let start = max(waiter.searchFrom, terminal.firstLine)
      if let since {
        for row in rowsPaintedAbove(start, since: since) { appendLine(terminal.screenTop + row, to: &text) }
      }
      for line in start..<max(start, end) where text.count < SessionLimits.matchBytes { appendLine(line, to: &text) }
      // What has left the screen does not change any more, and need not be looked at again.
      waiter.searchFrom = max(waiter.searchFrom, terminal.screenTop)
    }
    return pattern.firstMatch(in: text)
  }
}
