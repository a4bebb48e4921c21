import Causality
import Formats
import Sys
import TerminalEngine

/// Runs come one after the other: whose turn it is, who waits, and what is in the way.
extension Session {
  /// Gives the command to the shell once that can take one and nobody else comes before. Answers the number of the run.
  ///
  /// The look and the giving are one step: between them nothing may wait, or two would find the shell free.
  func takeTurn(
    for command: String, _ options: RunOptions, deadline: ContinuousClock.Instant, isRetry: Bool = false
  ) async throws -> UInt64 {
    var ticket: Int?
    defer {
      if let ticket {
        runs.queued.removeAll { $0.number == ticket }
        checkWaiters()
      }
    }
    while true {
      try requirePermit()
      guard exit == nil else { throw endedError }
      if let ticket, !runs.queued.contains(where: { $0.number == ticket }) {
        throw SessionError(.runCancelled, "The run was taken out of the queue of \(name) before its turn.")
      }
      if isRunIgnored { giveUpIgnoredRun() }
      _ = endUnseenRun() || endRunNeverBegun()
      let inside = runs.active.flatMap { shellInside($0, inShell: options.inShell) }
      switch inside {
      case .plain, .integrated: endRun(nil)
      case .notYet, .busy, .never, nil: break
      }
      let isNext = runs.active == nil && (ticket == nil ? runs.queued.isEmpty : runs.queued.first?.number == ticket)
      var pause = Duration.seconds(1)
      var refusal: SessionError?
      if isNext {
        let readiness = shellReadiness(inShell: options.inShell)
        switch readiness {
        case .integrated where isTooNarrow, .plain where isTooNarrow: throw tooNarrow
        case .plain where typedLine.isUnknown:
          try clearUnknownLine()
          pause = SessionLimits.settle
        case .integrated, .plain:
          runs.hasBeenReady = true
          return try begin(command, readiness, isRetry: isRetry)
        case .never(let error): throw error
        case .notYet(let again): pause = again
        case .busy(let error): refusal = error
        }
      } else if case .notYet(let again) = inside, activity.quiet() < Session.freshTime {
        pause = again
      } else {
        refusal = anotherRun
      }
      if let refusal {
        guard options.queues else { throw refusal }
        if ticket == nil { ticket = try enqueue(command) }
      }
      let rest = ContinuousClock.now.duration(to: deadline)
      guard rest > .zero else {
        if let stoppedShell { throw stoppedShell }
        // What was typed once may have come just before.
        if isNext, commands.standsAtPrompt, options.timeout > SessionLimits.unseenPatience,
          lastInputAt.duration(to: .now) < SessionLimits.unseenPatience
        {
          throw SessionError(
            .runTimeout,
            "Somebody types at the prompt of \(name), and did not pause within \(options.timeout.milliseconds) ms; nothing was typed for the run."
          )
        }
        throw SessionError(
          .runTimeout,
          ticket == nil
            ? "The shell of \(name) did not come to its prompt within \(options.timeout.milliseconds) ms; nothing was typed."
            : "It did not come to this run's turn in \(name) within \(options.timeout.milliseconds) ms; nothing was typed."
        )
      }
      let since = generation
      _ = try? await wait(
        for: [.activity(since: since, orAfter: min(pause, rest))], timeout: rest, onTimeout: Self.overtime)
      try Task.checkCancellation()
    }
  }

  private var anotherRun: SessionError {
    let command = runs.active.map { " (\($0.command.prefix(80)))" } ?? ""
    let isInside = runs.active?.shell.map { $0 != frontImage } ?? false
    return SessionError(
      .commandRunning,
      "Another 'run' is in progress in \(name)\(command). Wait for it, have this one wait its turn ('queue'), cancel it ('roost runs \(name) --cancel active'), or use another session.\(isInside ? Self.shellHint : "")"
    )
  }

  private func enqueue(_ command: String) throws(SessionError) -> Int {
    guard SessionLimits.queuedRuns.has(for: Cause.current?.holder, among: runs.queued.lazy.map(\.holder)) else {
      throw SessionError(
        .resourceLimitReached,
        "Resource limit reached: \(SessionLimits.queuedRuns.total) runs may wait in \(name), \(SessionLimits.queuedRuns.each) of one token."
      )
    }
    let number = runs.nextNumber
    runs.nextNumber += 1
    numberGiven()
    runs.queued.append(
      QueuedRun(
        number: number, command: command, principal: Cause.current?.principal, holder: Cause.current?.holder,
        queuedAt: .now))
    return number
  }

  /// Takes a waiting run out of the queue, or interrupts the one in progress. `nil` stands for the latter.
  ///
  /// The latter is given up where it does not end within ``SessionLimits/cancelPatience`` of ctrl+c: its caller is told so
  /// (``SessionError/Code/runCancelled``), and the next run finds whatever has the terminal then.
  package func cancelRun(_ number: Int?) async throws {
    if let number {
      guard runs.queued.contains(where: { $0.number == number }) else {
        throw SessionError(.commandNotFound, "No run \(number) waits in \(name).")
      }
      runs.queued.removeAll { $0.number == number }
      checkWaiters()
    } else {
      guard let id = runs.active?.id else {
        throw SessionError(.commandNotFound, "No run is in progress in \(name).")
      }
      // Where the program takes no input at all, ctrl+c does not reach it either.
      try? writeForRun([0x03])
      _ = try? await wait(
        for: [.run(id, .over), .unseenEnd(id)], timeout: SessionLimits.cancelPatience, onTimeout: Self.overtime)
      guard runs.active?.id == id else { return }
      endRun(.cancelled)
      checkWaiters()
    }
  }

  /// The run in progress, then those that wait.
  package var runsInProgress: [RunInProgress] {
    _ = endRunNeverBegun()
    let active = runs.active.map { run in
      RunInProgress(
        number: nil, command: run.command, principal: run.cause?.principal, record: activeRecord(run.id)?.id,
        waited: nil)
    }
    return [active].compactMap { $0 }
      + runs.queued.map {
        RunInProgress(
          number: $0.number, command: $0.command, principal: $0.principal, record: nil,
          waited: $0.queuedAt.duration(to: .now))
      }
  }

  /// zsh 5.9 writes beyond its own picture of the screen, and aborts, when a line that is longer than two columns appears at once.
  private var isTooNarrow: Bool {
    terminal.size.columns < 3 && PseudoTerminal.foregroundGroup(of: pty.master).flatMap(ProcessStatus.name) == "zsh"
  }

  private var tooNarrow: SessionError {
    SessionError(
      .invalidRequest,
      "The terminal of \(name) has \(terminal.size.columns) columns, and zsh does not survive a line that is given to it there. Make it wider ('roost resize \(name) --cols 80'), and run it again."
    )
  }

  /// An earlier server may have been given half a line that stands at a plain shell's prompt, which the run must not end: ctrl+c takes it
  /// away in every shell, whatever its line editor and wherever the cursor.
  private func clearUnknownLine() throws(SessionError) {
    let isCanonical = PseudoTerminal.lineMode(of: pty.master)?.canonical ?? true
    // Somebody is typing, or has taken ctrl+c for something else.
    guard typedLine.isEmpty, !isCanonical || pty.discipline?.effect(of: 0x03) == .kills else { throw lineInUse }
    try writeForRun([0x03])
    typedLine.isUnknown = false
  }
}
