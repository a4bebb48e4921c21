import Formats
import Sys
import TerminalEngine

/// What a command that was run to its end did.
package struct CommandResult: Sendable, Equatable {
  /// The shell's record of it; `nil` when the shell came back to its prompt without having run anything: an empty line, or one that it
  /// could not parse.
  package var record: CommandRecord?
  /// What the shell said about how it ended.
  package var exitStatus: Int?
  /// What it printed, as text: lines joined where the screen wrapped them, without colours.
  package var output: [UInt8]
  /// Whether some of the output is missing from ``output``: beyond the limit, or no longer in the history.
  package var truncated: Bool
  package var evidence: Evidence
  package var generation: UInt64
}

extension Session {
  /// Types a command at the shell's prompt and waits until that command has ended.
  ///
  /// The shell must be at its prompt, or reach it within the time. With shell integration the shell itself says when its command began,
  /// when it ended and how; a plain POSIX shell is made to say it (``CommandMarker``).
  ///
  /// Throws ``SessionError/Code/commandRunning`` when something else than a shell at its prompt has the terminal,
  /// ``SessionError/Code/runTimeout`` when the time is over (the command goes on), ``SessionError/Code/sessionEnded`` when the session ended
  /// before the command was seen to.
  package func run(
    _ command: String, timeout: Duration, maximumOutputBytes: Int
  ) async throws -> CommandResult {
    guard exit == nil else { throw endedError }
    guard !isRunningCommand else {
      throw SessionError(
        .commandRunning, "Another 'run' is in progress in \(name); wait for it, or use another session.")
    }
    isRunningCommand = true
    defer {
      isRunningCommand = false
      typedAt = nil
    }
    let deadline = ContinuousClock.now + timeout
    let overtime = SessionError(
      .runTimeout,
      "The command did not end within \(timeout.milliseconds) ms; what it started goes on in \(name). Wait for it, or send ctrl+c."
    )
    let readiness = try await reachPrompt(deadline: deadline, overtime: overtime)
    let first = commands.lastID + 1
    let before: UInt64
    switch readiness {
    case .prompt(let position):
      // Something half typed would become part of the command, so it is cleared first.
      let clearing: [UInt8] = cursorPosition == position ? [] : [0x05, 0x15]
      before = try write(clearing + pasteBytes(command) + [0x0D])
    case .plainShell:
      commands.announcedCommand = command
      // Ctrl-U empties the line, in the terminal's own line mode as well as in a shell's.
      before = try write([0x15] + Array((CommandMarker.line(for: command) + "\r").utf8))
    }
    let rest = max(ContinuousClock.now.duration(to: deadline), .zero)
    typedAt = cursorPosition
    var outcome = try await wait(
      for: [.command(first: first, since: before + 1)], timeout: rest, onTimeout: overtime)
    if outcome.reason == .incomplete, commands.phase == .running {
      // A plain shell that could not parse the command has dropped the rest of the line, the mark of the end with it.
      try write(Array((CommandMarker.endLine + "\r").utf8))
      let rest = max(ContinuousClock.now.duration(to: deadline), .zero)
      outcome = try await wait(
        for: [.command(first: first, since: before + 1)], timeout: rest, onTimeout: overtime)
    }
    if outcome.reason == .incomplete {
      // Ctrl-C takes the shell back to its prompt, so that the session can be used again.
      try write([0x03])
      throw SessionError(
        .invalidRequest,
        "The shell waits for more: the command is not complete (an open quote, 'if' without 'fi'). It was given up with ctrl+c."
      )
    }
    if let record = commands.ended(from: first) {
      if case .prompt = readiness { await promptReturns() }
      return result(of: record, limit: maximumOutputBytes, evidence: outcome.reason == .exit ? .exit : record.evidence)
    }
    guard exit == nil else {
      throw SessionError(.sessionEnded, "The session \(name) ended before the command was seen to begin.")
    }
    let (output, truncated) = text(
      from: LinePosition(line: (typedAt?.line ?? -1) + 1, column: 0), to: promptLine, limit: maximumOutputBytes)
    return CommandResult(
      record: nil, exitStatus: commands.lastExitStatus, output: output, truncated: truncated, evidence: .osc133,
      generation: generation)
  }

  /// The end of a command is reported a moment before the prompt stands. Whoever types next is to find it there, and not to take it for
  /// the answer to what they type; but a prompt that takes long is not waited for.
  private func promptReturns() async {
    guard commands.phase == .betweenCommands || commands.phase == .prompting else { return }
    _ = try? await wait(
      for: [.prompt(since: nil)], timeout: SessionLimits.promptPatience,
      onTimeout: SessionError(.waitTimeout, "The prompt is not back yet."))
  }

  private enum Readiness {
    case prompt(at: LinePosition)
    case plainShell
  }

  /// Where the prompt that stands now began.
  private var promptLine: LinePosition {
    if case .atPrompt(let position) = commands.phase { return LinePosition(line: position.line, column: 0) }
    return cursorPosition
  }

  /// Returns once a shell waits for a line.
  private func reachPrompt(deadline: ContinuousClock.Instant, overtime: SessionError) async throws -> Readiness {
    while true {
      switch commands.phase {
      case .atPrompt(let position): return .prompt(at: position)
      case .running:
        let running = commands.records.last?.command.map { ": \($0)" } ?? ""
        throw SessionError(
          .commandRunning, "A command is running in \(name)\(running). Wait for it ('wait --prompt') or use 'interact'."
        )
      case .unknown, .prompting, .betweenCommands: break
      }
      let rest = ContinuousClock.now.duration(to: deadline)
      guard rest > .zero else { throw overtime }
      if isAdopted, commands.phase == .unknown, PseudoTerminal.foregroundGroup(of: pty.master) == pid {
        // Its prompt was announced to the server before. A shell that waits stands at it; what may be typed there is cleared.
        if isForegroundReading || activity.quiet() > .milliseconds(150) {
          return .prompt(at: LinePosition(line: -1, column: 0))
        }
        _ = try await wait(
          for: [.idle(for: .milliseconds(160), beyond: nil, fresh: false), .prompt(since: nil)], timeout: rest,
          onTimeout: overtime)
      } else if commands.nonce == nil, let group = PseudoTerminal.foregroundGroup(of: pty.master),
        let program = ProcessStatus.name(group)
      {
        guard CommandMarker.shells.contains(program) else {
          throw SessionError(
            .commandRunning,
            "\(program) has the terminal of \(name), which is no shell that 'run' knows. Use 'interact' to drive it.")
        }
        // A shell with line editing polls before it reads, so silence has to do where the kernel sees no blocked read.
        if isForegroundReading || activity.quiet() > .milliseconds(150) { return .plainShell }
        _ = try await wait(
          for: [.input(since: nil), .idle(for: .milliseconds(160), beyond: nil, fresh: false), .prompt(since: nil)],
          timeout: rest,
          onTimeout: overtime)
      } else {
        _ = try await wait(for: [.prompt(since: nil)], timeout: rest, onTimeout: overtime)
      }
      guard exit == nil else { throw endedError }
    }
  }

  private func result(of record: CommandRecord, limit: Int, evidence: Evidence) -> CommandResult {
    let end = record.outputEnd ?? cursorPosition
    let (output, truncated) = text(from: record.outputStart, to: end, limit: limit)
    return CommandResult(
      record: record, exitStatus: record.exitStatus, output: output, truncated: truncated, evidence: evidence,
      generation: generation)
  }

  /// The text between two places; its last `limit` bytes when it is longer, since the end of an output tells more than its beginning.
  private func text(from start: LinePosition, to end: LinePosition, limit: Int) -> (output: [UInt8], truncated: Bool) {
    guard start < end else { return ([], start.line < terminal.firstLine) }
    var output = terminal.text(from: start, to: end)
    var truncated = start.line < terminal.firstLine
    if output.count > limit {
      var cut = output.count - limit
      // Not in the middle of a character.
      while cut < output.count, output[cut] & 0xC0 == 0x80 { cut += 1 }
      output.removeFirst(cut)
      truncated = true
    }
    return (output, truncated)
  }
}
