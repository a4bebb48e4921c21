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
  /// The terminal takes a line without showing it, and the program in the foreground waits for one: a password is asked for.
  case password
  /// The program in the foreground waits for the terminal: blocked reading it, or polling it and nothing that others decide.
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
  /// The terminal's line mode, lines without echo, while the program waits for the terminal, or says nothing and may not be looked at.
  case termios
  /// The kernel says that the process waits in a read of the terminal.
  case ttyRead = "tty_read"
  /// The kernel says that the process polls the terminal, and beside it only descriptors of its own.
  case ttyPoll = "tty_poll"
  /// The cursor stands behind a text that ends as prompts do, and the screen is quiet. Nobody but the screen says so.
  case looksLikePrompt = "looks_like_prompt"
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
    if commands.standsAtPrompt {
      if commands.promptCount >= promptsOwed { return (.prompt, .osc133) }
      if hasTakenInput, activity.quiet() >= SessionLimits.settle, !pty.hasOutput, foregroundIsOwn,
        readingEvidence(processes, quiet: activity.quiet()) != nil
      {
        return (.prompt, .osc133)
      }
      if promptOutlastsInput { return (.prompt, .osc133) }
    }
    let quiet = activity.quiet()
    if let evidence = readingEvidence(processes, quiet: quiet) {
      return (evidence == .termios ? .password : .reading, evidence)
    }
    guard quiet >= SessionLimits.quietAfter else { return (.busy, .output) }
    return (.quiet, looksLikePrompt ? .looksLikePrompt : .screenQuiet)
  }

  /// More lines were sent off than prompts have come, as after those that a program has read (a password, what is typed to ssh); but nothing
  /// has come behind the prompt that stands. Of a shell that is out of the kernel's sight nothing else can be known.
  var promptOutlastsInput: Bool {
    guard case .atPrompt(let place) = commands.phase, hasTakenInput, !pty.hasOutput, foregroundIsOwn else {
      return false
    }
    return cursorPosition == place && activity.quiet() >= SessionLimits.quietAfter
  }

  /// The state that goes with the end of a wait: what was met is part of what is known, so that a shell whose prompt was seen is at its
  /// prompt, and a program that was silent for as long as was asked is not called busy for being silent no longer.
  package func state(after outcome: WaitOutcome) -> (state: SessionState, evidence: Evidence) {
    state(knownAs: outcome.reason, by: outcome.evidence)
  }

  package func state(
    knownAs reason: WaitOutcome.Reason, by evidence: Evidence
  ) -> (state: SessionState, evidence: Evidence) {
    if exit != nil { return (.exited, .exit) }
    switch (reason, evidence) {
    case (.prompt, _), (.input, .osc133), (.input, .osc633): return (.prompt, evidence)
    case (.input, .termios): return (.password, evidence)
    case (.input, _): return (.reading, evidence)
    case (.idle, _), (.looksLikePrompt, _):
      let now = state()
      guard now.state == .busy || now.state == .quiet else { return now }
      return (.quiet, reason == .idle && !looksLikePrompt ? .screenQuiet : .looksLikePrompt)
    case (.match, _), (.change, _), (.bell, _), (.notification, _), (.command, _), (.exit, _): return state()
    }
  }

  /// Whether what stands before the cursor ends as prompts do.
  var looksLikePrompt: Bool { terminal.cursor.isVisible && PromptText.isPrompt(textBeforeCursor) }

  /// What stands before the cursor in its row.
  var textBeforeCursor: String {
    let cursor = terminal.cursor
    var before: [UInt8] = []
    var column = 0
    terminal.visitRuns(row: cursor.row, trim: .none) { run in
      let room = cursor.column - column
      column += run.columns
      guard room > 0 else { return }
      if run.columns <= room {
        before += run.text
      } else {
        before += String(decoding: run.text, as: UTF8.self).prefix(room).utf8
      }
    }
    if column < cursor.column { before += Array(repeating: 0x20, count: cursor.column - column) }
    return String(decoding: before, as: UTF8.self)
  }

  /// Whether the kernel says that the foreground process waits for the terminal now. A shell with line editing that has a time limit of a
  /// second or more (TMOUT) counts too.
  var isForegroundReading: Bool {
    switch foregroundWaiting(ProcessStatus.members(of:)) {
    case .reading, .polling: true
    case .turning, .running, .elsewhere, .unknown: false
    }
  }

  /// How long a program that polls its terminal must have been silent before it is believed to wait: it polls between two steps of its work,
  /// too, but not behind a prompt.
  var pollPatience: Duration { looksLikePrompt ? SessionLimits.inputPatience : SessionLimits.quietAfter }

  /// What tells that the program in the foreground waits for the terminal: ``Evidence/termios`` where it waits for a line that is not shown,
  /// which is the less usual thing to know.
  ///
  /// It waits for what comes next, and not for what has been typed and is on its way; and all that it printed before is on the screen. So the
  /// input is looked at before the program, and the output after it.
  func readingEvidence(_ processes: (ProcessID) -> [ProcessStatus], quiet: Duration) -> Evidence? {
    guard hasTakenInput else { return nil }
    let waiting = foregroundWaiting(processes)
    let evidence: Evidence? =
      switch waiting {
      case .reading: .ttyRead
      case .polling(isTimed: false): .ttyPoll
      // It will do something by itself, but has done nothing for a while: editors wait so, and tools that show the time.
      case .polling(isTimed: true): quiet >= pollPatience ? .ttyPoll : nil
      case .turning(let process): min(restTime(of: process), quiet) >= pollPatience ? .ttyPoll : nil
      case .running, .elsewhere, .unknown: nil
      }
    // Whoever hides what is typed need not read: an installer does so to keep its display whole. Of a program of other rights (`sudo`, `su`)
    // the kernel tells nothing, and its silence must do.
    guard evidence != nil || waiting == .unknown && quiet >= pollPatience, !pty.hasOutput else { return nil }
    if let mode = PseudoTerminal.lineMode(of: pty.master), mode.canonical, !mode.echo { return .termios }
    return evidence
  }

  /// For how long that process, which polls the terminal again and again, has been seen to do nothing else.
  private func restTime(of process: ProcessID) -> Duration {
    guard let used = ProcessStatus.exactProcessorTime(process) else { return .zero }
    return rest.time(of: process, used: .nanoseconds(Int64(clamping: used)), generation: generation)
  }

  func foregroundWaiting(_ processes: (ProcessID) -> [ProcessStatus]) -> TerminalWaiting {
    guard let device = pty.device, let group = PseudoTerminal.foregroundGroup(of: pty.master) else { return .unknown }
    let isAtPrompt = commands.standsAtPrompt && foregroundIsOwn
    let waiting = ProcessStatus.waiting(group: group, terminal: device, isAtPrompt: isAtPrompt, among: processes)
    switch waiting {
    // Caught between two polls: what that costs is counted.
    case .turning, .running: break
    case .reading, .polling, .elsewhere, .unknown: rest.end()
    }
    return waiting
  }

  /// The name of the program that owns the terminal: of the group's leader, or of the oldest program of it that lives.
  package var foreground: String? { foreground(among: ProcessStatus.members(of:)) }

  func foreground(among processes: (ProcessID) -> [ProcessStatus]) -> String? {
    guard exit == nil else { return nil }
    return foregroundProcess(processes).flatMap(ProcessStatus.name)
  }

  private func foregroundProcess(_ processes: (ProcessID) -> [ProcessStatus]) -> ProcessID? {
    guard let group = PseudoTerminal.foregroundGroup(of: pty.master) else { return nil }
    return ProcessStatus.representative(of: group, among: processes)
  }

  /// Where the session's shell or program is: what it reported by OSC 7, or what the kernel says.
  package var workingDirectory: String? { workingDirectory(among: ProcessStatus.members(of:)) }

  func workingDirectory(among processes: (ProcessID) -> [ProcessStatus]) -> String? {
    if let reported = Session.path(ofFileURI: terminal.workingDirectory) { return reported }
    guard exit == nil else { return nil }
    return foregroundProcess(processes).flatMap(ProcessStatus.workingDirectory) ?? ProcessStatus.workingDirectory(pid)
  }
}
