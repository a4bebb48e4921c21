import Formats
import Net
import Sys
import TerminalEngine

/// Runs that end and whose end no mark tells: their command took the marks away (`PROMPT_COMMAND=; PS1=x`), or was the end of the shell that
/// was given it (`exit` in a shell in a shell). The kernel tells of the shell then: it reads the terminal itself, and not for the command.
extension Session {
  /// What the kernel says of the shell that was given the run in progress.
  private enum ShellOfRun {
    /// It, or what it started, works on the command, waits for the command's input, or cannot be told from that.
    case atCommand
    /// It reads at its prompt.
    case atPrompt
    /// It edits a line, at its prompt or for the command; it can be asked which.
    case editing
    case gone
  }

  /// Ends the run in progress if its shell is back at its prompt, or gone, and marks do not come any more.
  ///
  /// Answers whether it was ended so.
  func endUnseenRun() -> Bool {
    guard let run = runs.active, case .running(let record) = run.stage, exit == nil, hasTakenInput, !pty.hasOutput,
      activity.quiet() >= SessionLimits.settle
    else { return false }
    let shell = shell(of: run)
    // It may have gone on since that look, and be at its prompt because of what it has just printed.
    guard !pty.hasOutput else { return false }
    guard
      shell == .editing && run.reportAsked?.input != lastInputGeneration
        || activity.quiet() >= SessionLimits.unseenPatience
    else {
      return false
    }
    switch shell {
    case .atCommand: return false
    case .gone:
      endRun(.exit(record: close(record, by: .exit)))
    case .atPrompt:
      runs.warilyTold = run.shell
      endRun(.unseen(record: close(record, by: .ttyRead)))
    case .editing:
      guard let asked = run.reportAsked, asked.input == lastInputGeneration else {
        runs.active?.reportAsked = (.now, lastInputGeneration)
        runs.active?.editsLine = false
        try? writeForRun(RunFile.report)
        return false
      }
      guard asked.at.duration(to: .now) >= SessionLimits.unseenPatience else { return false }
      // It does not answer either: its line editor has lost the keys.
      commands.losesKeys()
      endRun(.unseen(record: close(record, by: .ttyRead)))
    }
    loop.later { [weak self] in self?.assumeIsolated { $0.checkWaiters() } }
    return true
  }

  /// Whether what looks like a command that waits for input may be its shell at the prompt.
  func mayHaveEndedUnseen() -> Bool {
    guard let run = runs.active else { return false }
    return shell(of: run) != .atCommand
  }

  /// Whether the shell itself has said that the command edits a line now.
  var commandEditsLine: Bool {
    guard let run = runs.active, run.editsLine, run.reportAsked?.input == lastInputGeneration, frontImage == run.shell,
      let mode = PseudoTerminal.lineMode(of: pty.master)
    else { return false }
    return isEditing(mode, run)
  }

  private func close(_ record: Int, by evidence: Evidence) -> CommandRecord? {
    let closed = commands.endUnseen(record, by: evidence, at: cursorPosition, time: .now())
    if let closed { announceCommand(finished: closed) }
    return closed
  }

  private func shell(of run: ActiveRun) -> ShellOfRun {
    guard let shell = run.shell else { return .atCommand }
    guard ProcessStatus.read(shell.pid).map({ !$0.isZombie }) == true else { return .gone }
    if run.isElsewhere { return .atCommand }
    guard frontImage == shell, let mode = PseudoTerminal.lineMode(of: pty.master) else { return .atCommand }
    // What an integrated shell waits for it can be asked where the kernel does not say it (fish).
    let isStill = run.way == .integrated && activity.quiet() >= SessionLimits.unseenPatience
    guard isStill || readsItself(shell.pid) else { return .atCommand }
    switch run.way {
    case .line: return .atCommand
    case .file:
      guard let program = ProcessStatus.executable(shell.pid)?.split(separator: "/").last, let runFile else {
        return .atCommand
      }
      // The others hold the file open while they read a line for the command in it.
      if !CommandMarker.evaluating.contains(String(program)) {
        return ProcessStatus.hasOpen(shell.pid, pathsBeginning: runFile) ? .atCommand : .atPrompt
      }
      return isEditing(mode, run) && stands(atPromptOf: shell) ? .atPrompt : .atCommand
    case .integrated:
      return isEditing(mode, run) && !commandEditsLine ? .editing : .atCommand
    }
  }

  /// The shell's own line editor has the terminal, as far as modes tell: `read -n 1` and its like have others.
  private func isEditing(_ mode: LineMode, _ run: ActiveRun) -> Bool {
    guard !mode.canonical, !mode.echo else { return false }
    if terminal.modes.bracketedPaste { return true }
    let reads = ["read", "vared", "select"].contains { run.command.contains($0) }
    return !mode.mapsReturn || !reads && looksLikePrompt
  }

  /// The cursor is behind that shell's prompt, as it was seen before, or as prompts are.
  private func stands(atPromptOf shell: ProcessImage) -> Bool {
    if let known = runs.plainPrompt, known.shell == shell, known.text == textBeforeCursor { return true }
    return looksLikePrompt && runs.active?.command.contains("read") == false
  }

  /// Whether the process itself waits for the terminal, and not another of its group.
  private func readsItself(_ process: ProcessID) -> Bool {
    guard let device = pty.device else { return false }
    let own = ProcessStatus.read(process).map { [$0] } ?? []
    return switch ProcessStatus.waiting(group: process, terminal: device, among: { _ in own }) {
    case .reading, .polling: true
    case .turning, .running, .elsewhere, .unknown: false
    }
  }
}
