import Net
import Sys
import TerminalEngine

/// Runs that were given to what took the terminal's input and began nothing: a program that hangs, a shell in a terminal of its own whose
/// marks do not come through. While a shell is at its prompt, a run that has not begun is not in progress.
extension Session {
  /// Ends the run in progress if it has not begun and a shell stands at its prompt, which has taken all that was typed.
  ///
  /// Answers whether it was ended so.
  func endRunNeverBegun() -> Bool {
    guard let run = runs.active, run.stage == .told || run.stage == .taken, exit == nil, hasTakenInput, !pty.hasOutput,
      isLeftBehind(run) || isPassedOver(run), !pty.hasOutput
    else { return false }
    endRun(.neverBegun)
    loop.later { [weak self] in self?.assumeIsolated { $0.checkWaiters() } }
    return true
  }

  /// What has the terminal is not what the run was given to, and is a shell that waits for a command.
  private func isLeftBehind(_ run: ActiveRun) -> Bool {
    guard let given = run.shell, let front = frontImage, front != given, activity.quiet() >= SessionLimits.inputPatience
    else { return false }
    if case .atPrompt = commands.phase, foregroundIsOwn, commands.promptCount > run.lastPrompt { return true }
    guard foregroundShellWaits, case .plain = shellReadiness(inShell: false) else { return false }
    return true
  }

  /// A prompt has come since, by the shell's own mark, and nothing has come behind it.
  private func isPassedOver(_ run: ActiveRun) -> Bool {
    guard case .atPrompt(let place) = commands.phase else { return false }
    return commands.promptCount > run.lastPrompt && cursorPosition == place
      && activity.quiet() >= SessionLimits.quietAfter
  }
}
