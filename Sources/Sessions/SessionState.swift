package import Sys
import TerminalEngine

/// What a session's program is doing, as far as that can be known, with what it is known by.
///
/// The order of the cases is the order of the evidence: the first that holds is reported. Silence is the weakest.
package enum SessionState: String, Sendable, CaseIterable, Codable {
  /// The program has ended.
  case exited
  /// A shell with integration says that its prompt stands.
  case prompt
  /// The terminal takes a line without showing it: a password is asked for.
  case password
  /// The program in the foreground is blocked reading the terminal.
  case reading
  /// The screen has not changed for a second. The program may well be working.
  case quiet
  /// Output came lately.
  case busy
}

/// What a ``SessionState`` was concluded from.
package enum Evidence: String, Sendable, CaseIterable, Codable {
  case exit
  case osc133
  case osc633
  case marker
  /// The terminal's line mode: lines without echo.
  case termios
  /// The kernel says that the process waits in a read of the terminal.
  case ttyRead = "tty_read"
  case screenQuiet = "screen_quiet"
  case output
  /// A text was found on the screen.
  case match
  /// Something visible changed.
  case screenChange = "screen_change"
}

extension Session {
  /// The state now, with its evidence. Costs a few system calls, so it is asked for and never kept.
  ///
  /// - Parameter processes: those of a group, where the caller has a table of all: some states need them.
  package func state(
    processes: (ProcessID) -> [ProcessStatus] = ProcessStatus.members(of:)
  ) -> (state: SessionState, evidence: Evidence) {
    if exit != nil { return (.exited, .exit) }
    // A prompt counts only while no line has been sent off behind it.
    if case .atPrompt = commands.phase, commands.promptCount >= promptsOwed { return (.prompt, .osc133) }
    // A password prompt is also a blocked read, and the less usual thing to know; so it is looked at first.
    if let mode = PseudoTerminal.lineMode(of: pty.master), mode.canonical, !mode.echo { return (.password, .termios) }
    if foregroundReads(processes) { return (.reading, .ttyRead) }
    if activity.quiet() >= SessionLimits.quietAfter { return (.quiet, .screenQuiet) }
    return (.busy, .output)
  }

  /// Whether the kernel says that the foreground process waits for the terminal.
  var isForegroundReading: Bool { foregroundReads(ProcessStatus.members(of:)) }

  private func foregroundReads(_ processes: (ProcessID) -> [ProcessStatus]) -> Bool {
    guard let device = pty.device, let group = PseudoTerminal.foregroundGroup(of: pty.master) else { return false }
    return ProcessStatus.isReading(group: group, terminal: device, among: processes) == true
  }

  /// The name of the program that owns the terminal.
  package var foreground: String? {
    guard exit == nil, let group = PseudoTerminal.foregroundGroup(of: pty.master) else { return nil }
    return ProcessStatus.name(group)
  }

  /// Where the session's shell or program is: what it reported by OSC 7, or what the kernel says.
  package var workingDirectory: String? {
    if let reported = Session.path(ofFileURI: terminal.workingDirectory) { return reported }
    guard exit == nil else { return nil }
    return ProcessStatus.workingDirectory(PseudoTerminal.foregroundGroup(of: pty.master) ?? pid)
      ?? ProcessStatus.workingDirectory(pid)
  }
}
