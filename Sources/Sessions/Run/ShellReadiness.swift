import Formats
import Glibc
import Sys
import TerminalEngine

/// Whether a shell of the session can be given a command now.
enum ShellReadiness {
  /// The line editor of a shell with our scripts waits, and everything that was typed has been taken.
  case integrated
  /// A POSIX shell without them reads the terminal.
  case plain(program: String, pid: ProcessID)
  /// Not yet; worth another look after the pause, or when output comes.
  case notYet(Duration)
  /// Something else has the terminal, and may have it for long.
  case busy(SessionError)
  /// The session has no shell that could ever be given one.
  case never(SessionError)
}

extension Session {
  /// How long the terminal must have been still before a shell that was typed to is believed to have taken it all.
  private static let typingSettle = Duration.milliseconds(5)
  /// The same where a search that was typed goes on by itself: fish shows what it has found when it has found it.
  private static let searchSettle = Duration.milliseconds(100)
  /// The pause before another look where only the kernel can tell.
  private static let probe = Duration.milliseconds(4)
  /// Silence after which a shell is believed to wait where the kernel does not say it.
  private static let silence = Duration.milliseconds(150)

  /// What began so lately is mostly over in a moment.
  static let freshTime = Duration.milliseconds(300)
  /// How long a shell may read without a prompt before it counts as one that asks for something (`read`).
  private static let patience = Duration.seconds(1)

  /// Nothing is ever typed into a question for a password.
  func shellReadiness(inShell: Bool) -> ShellReadiness {
    let readiness = lookForShell(inShell: inShell)
    guard isAskedForPassword else { return readiness }
    switch readiness {
    // Its prompt has been seen: the echo is off for good (`stty -echo`).
    case .integrated,
      .plain where !inShell:
      return readiness
    case .never: return readiness
    case .notYet where activity.quiet() < Session.patience: return readiness
    case .plain, .notYet, .busy: return .busy(passwordAsked)
    }
  }

  /// Looks at the marks first, and asks the kernel where they do not tell.
  private func lookForShell(inShell: Bool) -> ShellReadiness {
    // Where one of ours says that its prompt stands, the caller's word adds nothing.
    if inShell, !hasOwnPrompt { return remoteShell() }
    if let awaited = runs.promptAwaited {
      if commands.promptCount == awaited.count, ContinuousClock.now < awaited.until { return .notYet(Session.probe) }
      runs.promptAwaited = nil
    }
    switch commands.phase {
    case .atPrompt where commands.isContinuing, .running where commands.isContinuing: return continuationPrompt()
    case .atPrompt where commands.takesRuns: return integratedPrompt()
    // A shell somewhere else that says when its prompt stands.
    case .atPrompt where commands.isSigned && commands.hasLostKeys:
      return plainShell(hasPrompt: true) ?? .notYet(Session.silence)
    case .atPrompt where commands.isSigned && !commands.isWithoutMarks: return remoteShell()
    case .atPrompt, .unknown, .prompting, .betweenCommands, .running: break
    }
    if isAdopted, commands.phase == .unknown, commands.nonce != nil, !commands.isSigned,
      PseudoTerminal.foregroundGroup(of: pty.master) == pid,
      PseudoTerminal.lineMode(of: pty.master)?.canonical == false
    {
      // Its prompt was announced to the server before.
      return hasTakenInput && foregroundShellWaits ? .integrated : .notYet(Session.silence)
    }
    if commands.takesRuns, commands.phase != .unknown, foregroundIsOwn, !isMarkedShellReplaced {
      return markedShellWithoutPrompt()
    }
    if let plain = plainShell() { return plain }
    if isStarting { return .notYet(Session.probe) }
    let front = foreground.map { "\($0) has the terminal of \(name)" } ?? "A program has the terminal of \(name)"
    switch commands.phase {
    case .running: return isFresh ? .notYet(Session.probe) : .busy(commandRunning)
    case .prompting, .betweenCommands: return .notYet(Session.silence)
    case .unknown, .atPrompt:
      if isTakenOverAtWork { return .busy(commandRunning) }
      if foregroundIsShell {
        // It reads, and not at its prompt.
        let asks = hasTakenInput && activity.quiet() >= Session.patience && isForegroundReading
        return asks ? .busy(commandRunning) : .notYet(Session.probe)
      }
      if activity.quiet() < Session.freshTime, isFrontPassing { return .notYet(Session.probe) }
      // A program that printed the last mark has the terminal a moment longer.
      if let end = runs.plainEnd, end.at.duration(to: .now) < Session.freshTime { return .notYet(Session.probe) }
      // Nothing was typed since: what has the terminal is what the shell does before its prompt (`PROMPT_COMMAND`).
      if let end = runs.plainEnd, end.input == lastInputGeneration, let shell = end.shell,
        ProcessImage(shell.pid) == shell
      {
        return .notYet(Session.silence)
      }
      let isShell =
        foreground.map { CommandMarker.shells.contains($0) || ShellIntegration.Shell(path: $0) != nil } ?? false
      let error = SessionError(
        .commandRunning,
        isShell
          ? "\(front), and is not at a prompt that 'run' knows: it runs a script, a subshell, or something of its own (a part of its prompt). Wait for its end, have the run wait its turn ('queue'), drive it by 'interact', or end it (ctrl+c). If it is at its prompt all the same, say so with 'in: shell'."
          : "\(front), which is no shell that 'run' knows. Drive it by 'interact'; if a POSIX shell reads the terminal (ssh, a container), say so with 'in: shell', or type the integration with 'roost integrate'."
      )
      return hasShell ? .busy(error) : .never(error)
    }
  }

  /// Whether the session's own program is a shell that runs can be given to when it is free.
  private var hasShell: Bool {
    guard let name = ProcessStatus.name(pid) else { return false }
    return commands.nonce != nil && ShellIntegration.Shell(path: name) != nil
      || PlainShell.program(named: name, commandLine: ProcessStatus.commandLine(pid) ?? []) != nil
  }

  /// The terminal takes a line without showing it: but at the prompt of a shell that it was done to, what is typed now would be taken for a
  /// password, and kept by whoever asks for it.
  private var isAskedForPassword: Bool {
    PseudoTerminal.lineMode(of: pty.master).map { $0.canonical && !$0.echo } ?? false
  }

  private var passwordAsked: SessionError {
    SessionError(
      .commandRunning,
      "A program in \(name) asks for a password: nothing was typed. Answer it ('send', 'interact'), or take it away with ctrl+c; with a terminal whose echo is off for good, 'stty echo' brings that back."
    )
  }

  /// The prompt of a shell with our scripts stands, as far as its marks have come.
  private func integratedPrompt() -> ShellReadiness {
    guard let mode = PseudoTerminal.lineMode(of: pty.master) else { return .notYet(Session.probe) }
    // The mark is written a moment before the line editor takes the terminal over.
    if mode.canonical {
      // One that edits no lines (`set +o emacs`, `unsetopt zle`) stays there.
      if activity.quiet() >= Session.silence, let plain = plainShell(hasPrompt: true) { return plain }
      return .notYet(activity.quiet() < Session.silence ? .milliseconds(1) : Session.silence)
    }
    guard lastInputGeneration > commands.promptGeneration || commands.promptCount < promptsOwed else {
      return .integrated
    }
    // Something was typed after the prompt came: a line may have been sent off that has not begun.
    let settle = shellNeedsCancel ? Session.searchSettle : Session.typingSettle
    guard hasTakenInput, activity.quiet() >= settle, !pty.hasOutput, foregroundIsOwn else {
      return .notYet(Session.probe)
    }
    guard isForegroundReading || activity.quiet() >= Session.silence else { return .notYet(Session.probe) }
    if PromptText.isQuestion(textBeforeCursor) { return .busy(lineInUse) }
    settlePrompts()
    return .integrated
  }

  /// A prompt for more lines stands, as far as the marks have come: what was typed a moment ago may have ended the command, or taken it away.
  private func continuationPrompt() -> ShellReadiness {
    guard hasTakenInput, !pty.hasOutput, isForegroundReading || activity.quiet() >= Session.silence else {
      return .notYet(Session.probe)
    }
    if let lastSubmittedAt, lastSubmittedAt.duration(to: .now) < SessionLimits.unseenPatience {
      return .notYet(Session.probe)
    }
    // Whoever typed it has given up that command, and the shell has not seen it yet.
    if typedLine.isInterrupted, pty.discipline?.effect(of: 0x03) == .kills {
      typedLine.clearInterrupt()
      interruptForPrompt()
      return .notYet(Session.probe)
    }
    return .busy(lineInUse)
  }

  /// The kernel says that the program in front waits for the terminal, and nothing that it printed is still to be read.
  var foregroundShellWaits: Bool { isForegroundReading && !pty.hasOutput }

  /// The session's own shell reads its files: it has shown no prompt yet. Of one that will never mark it, another program in front may be
  /// what somebody has typed.
  var isStarting: Bool {
    guard !runs.hasBeenReady, commands.phase == .unknown, hasShell else { return false }
    if isAdopted { return isYoung && foregroundIsOwn }
    return began.duration(to: .now) < SessionLimits.shellStart
      && (commands.nonce != nil || lastInputGeneration == 0 || foregroundIsOwn || !hasTakenInput)
  }

  /// Its shell may still read its files, whichever server it began under.
  private var isYoung: Bool {
    Timestamp.now().milliseconds - startedAt.milliseconds < SessionLimits.shellStart.milliseconds
  }

  /// What an earlier server had been told of a shell with our scripts has been found out as far as it will be: it was made to paint its prompt
  /// anew and has not, so it runs a command.
  private var isTakenOverAtWork: Bool {
    guard isAdopted, commands.phase == .unknown, commands.nonce != nil, hasShell else { return false }
    let isSettled = began.duration(to: .now) >= Session.freshTime
    // A shell in the shell paints its prompt anew, too.
    if !foregroundIsOwn { return isSettled || !foregroundIsShell }
    return isSettled && !isForegroundReading
  }

  /// A shell that can be given a run by its line editor stands at a prompt that answers all that was typed.
  var hasOwnPrompt: Bool {
    guard case .atPrompt = commands.phase, commands.takesRuns else { return false }
    return commands.promptCount >= promptsOwed || promptOutlastsInput
  }

  /// The name of the shell in front, if it is one that the integration is for.
  var foregroundShellName: String? {
    guard let name = foreground, ShellIntegration.Shell(path: name) != nil else { return nil }
    return name
  }

  /// What the process in front runs.
  var frontImage: ProcessImage? { PseudoTerminal.foregroundGroup(of: pty.master).flatMap(ProcessImage.init) }

  /// The same where a prompt with marks stands, which a program that has taken the shell's place would not have printed.
  var promptImage: ProcessImage? {
    guard let markedShell, markedShell.pid == PseudoTerminal.foregroundGroup(of: pty.master) else { return frontImage }
    return markedShell
  }

  /// The process whose marks came last runs something else now (`exec`).
  private var isMarkedShellReplaced: Bool {
    guard let markedShell, let front = frontImage else { return false }
    return front.pid == markedShell.pid && front != markedShell
  }

  /// Whether a command of a shell with marks is what has started the shell in front.
  var isInsideCommand: Bool {
    guard commands.phase == .running else { return false }
    guard let markedShell, let front = frontImage else { return !foregroundIsOwn }
    return front != markedShell
  }

  /// A shell that the run in progress has started, or become, and that can be given a command; nil where there is none.
  ///
  /// `inShell`: the caller knows that one reads the terminal, though it cannot be seen.
  func shellInside(_ run: ActiveRun, inShell: Bool = false) -> ShellReadiness? {
    guard case .running = run.stage, let given = run.shell, let front = frontImage, front != given else { return nil }
    if inShell, !hasOwnPrompt { return remoteShell() }
    // One that was given our scripts says by itself when its prompt stands.
    if commands.current > 0, commands.isSigned, case .atPrompt = commands.phase {
      return shellReadiness(inShell: false)
    }
    return plainShell()
  }

  /// The shell that was given the run in progress has taken all that was typed, has not begun it, and reads again: it was in the middle of
  /// a command of several lines, or its line editor made something else of it.
  var isRunIgnored: Bool {
    guard let run = runs.active, run.stage == .told, run.way != .integrated, let shell = run.shell, hasTakenInput,
      !pty.hasOutput, activity.quiet() >= Session.silence, isForegroundReading
    else { return false }
    return frontImage == shell
  }

  /// One of our shells has the terminal, and has not said that its prompt stands.
  private func markedShellWithoutPrompt() -> ShellReadiness {
    guard PseudoTerminal.lineMode(of: pty.master)?.canonical == false, hasTakenInput, !pty.hasOutput,
      activity.quiet() >= Session.silence, isForegroundReading || commands.phase != .running
    else {
      guard commands.phase == .running, !isFresh else { return .notYet(Session.probe) }
      return .busy(commandRunning)
    }
    // The prompt was interrupted while it was painted, or somebody took the marks out of it. The line editor says whether it has a prompt:
    // only a builtin that edits a line itself must not be asked.
    guard commands.phase == .running else { return .integrated }
    let command = commands.records.last?.command ?? "read"
    let reads = command.contains("read") || command.contains("vared") || command.contains("select")
    return !reads && looksLikePrompt ? .integrated : .busy(commandRunning)
  }

  /// A line that was typed a moment ago is mostly over in a moment.
  private var isFresh: Bool {
    commands.records.last.map {
      Timestamp.now().milliseconds - $0.startedAt.milliseconds < Session.freshTime.milliseconds
    } ?? false
  }

  var commandRunning: SessionError {
    let line = commands.records.last { $0.endedAt == nil }?.command.map { " (\($0.prefix(200)))" } ?? ""
    let front = foreground.map { "\($0) has the terminal" } ?? "a program has the terminal"
    return SessionError(
      .commandRunning,
      "A command is running in \(name)\(line): \(front). Wait for its end ('wait --prompt'), have the run wait its turn ('queue'), or drive it by 'interact'.\(foregroundIsOwn ? "" : Self.shellHint)"
    )
  }

  /// What a command has started may be a shell that cannot be seen to be one.
  static let shellHint =
    " If a shell reads the terminal there (ssh, sudo, a container, fish), say so with 'in: shell', or type the integration with 'roost integrate'."

  /// No program has the terminal, as far as the shells tell that are followed.
  var foregroundIsOwn: Bool {
    guard let group = PseudoTerminal.foregroundGroup(of: pty.master) else { return false }
    return commands.current > 0 || group == pid
  }

  /// What has the terminal is about to become another program, or to give it back: a copy of a shell (what was typed, or a part of its prompt),
  /// one that has ended, or one whose place a shell has taken since it was looked at.
  private var isFrontPassing: Bool {
    guard let group = PseudoTerminal.foregroundGroup(of: pty.master) else { return true }
    return ProcessStatus.read(group)?.isZombie != false || PlainShell.isFork(group) || foregroundShell(of: group) != nil
  }

  private var foregroundIsShell: Bool {
    foregroundShell(of: PseudoTerminal.foregroundGroup(of: pty.master)) != nil
  }

  /// A POSIX shell in front that reads the terminal at its prompt, or may do so in a moment; `nil` when none has it.
  ///
  /// - Parameter hasPrompt: Its marks say that its prompt stands.
  private func plainShell(hasPrompt: Bool = false) -> ShellReadiness? {
    guard let group = PseudoTerminal.foregroundGroup(of: pty.master), let shell = foregroundShell(of: group),
      let mode = PseudoTerminal.lineMode(of: pty.master)
    else { return nil }
    // In a shell that edits its lines, a terminal in line mode is one that a program or `read` reads.
    let edits = CommandMarker.editing.contains(shell.program)
    let hasPrompt =
      hasPrompt || isUntouched(group)
      || mode.canonical && leavesLineToTerminal(shell.program) && hasBeenSentNothing(group)
    if mode.canonical, edits, !hasPrompt, !["busybox", "ash", "yash"].contains(shell.program) { return nil }
    if mode.canonical, !mode.echo, !hasPrompt { return nil }
    let isReading = isForegroundReading
    // What it paints without having been typed to (a resize) is no sign of work.
    guard hasTakenInput, lastInputAt.duration(to: .now) >= SessionLimits.settle, !pty.hasOutput else {
      return .notYet(Session.probe)
    }
    // Where the kernel does not say it, silence must do; not for a shell that will tell by itself.
    let isStill = activity.quiet() >= Session.silence && ProcessStatus.read(group)?.state == UInt8(ascii: "S")
    guard isReading || isStill && !(isStarting && commands.nonce != nil) else { return .notYet(Session.silence) }
    if !hasPrompt, asksForMore { return .busy(lineInUse) }
    // `read x` in such a shell waits just as its prompt does, but has printed none.
    // The screen of before is not known where the server began anew.
    let isUnseen = isAdopted && lastInputGeneration == 0
    if mode.canonical, terminal.cursor.column == 0, !hasPrompt, !isUnseen { return nil }
    return .plain(program: shell.program, pid: shell.pid)
  }

  /// Nothing stands behind a plain shell's prompt, whatever keys were pressed.
  var isLineEmpty: Bool {
    guard let known = runs.plainPrompt, known.shell == frontImage else { return false }
    // What was typed before the prompt came was shown where the prompt was to stand: a TAB has moved it.
    guard textBeforeCursor.drop(while: { $0 == " " }) == known.text.drop(while: { $0 == " " }) else { return false }
    var columns = 0
    terminal.visitRuns(row: terminal.cursor.row, trim: .blankAny) { columns += $0.columns }
    return columns <= terminal.cursor.column
  }

  /// A plain shell's prompt for more lines is `> ` in all of them, and is told from its prompt where that is known not to begin so.
  private var asksForMore: Bool {
    guard let known = runs.plainPrompt, !known.text.hasPrefix(">"), known.shell == frontImage else { return false }
    return textBeforeCursor.hasPrefix(">")
  }

  /// Keeps what a plain shell's prompt looks like. Called where its prompt stands: before anything was sent off, or where a run is given.
  func notePlainPrompt() {
    guard let front = frontImage else { return }
    let text = textBeforeCursor
    // What was half typed is no part of it, and may be all of it.
    guard typedLine.isEmpty, text.contains(where: { $0 != " " }),
      runs.plainPrompt?.shell != front || isUntouched(front.pid)
    else { return }
    runs.plainPrompt = (front, text)
  }

  /// Nothing was typed since that shell has ended a run: it can be at nothing but its prompt.
  private func isUntouched(_ shell: ProcessID) -> Bool {
    guard let end = runs.plainEnd, let image = end.shell, image.pid == shell else { return false }
    return end.input == lastInputGeneration && frontImage == image
  }

  /// Whether a shell of that name that is in line mode edits no line at all, rather than not yet.
  func leavesLineToTerminal(_ program: String) -> Bool {
    !CommandMarker.editing.contains(program) || isForegroundReading
  }

  /// The same of one that edits no line, whatever was typed that the terminal in line mode still keeps: a TAB that was taken back there may
  /// leave the cursor anywhere.
  private func hasBeenSentNothing(_ shell: ProcessID) -> Bool {
    guard let front = frontImage, front.pid == shell else { return false }
    if let end = runs.plainEnd, end.shell == front { return end.sent == lastSentGeneration }
    return lastSentGeneration == 0 && runs.plainPrompt?.shell == front
  }

  /// Whether a mark is of a plain shell's prompt that another shell, which the run in progress has started there, has from the environment.
  func isInherited(_ mark: Mark) -> Bool {
    guard mark.options["roost"] == "back", let given = runs.active?.shell, let front = frontImage else { return false }
    return front != given && foregroundIsShell
  }

  private func remoteShell() -> ShellReadiness {
    guard hasTakenInput, activity.quiet() >= Session.silence, !pty.hasOutput else { return .notYet(Session.silence) }
    return .plain(program: "sh", pid: 0)
  }

  /// What a shell is given through a pipe (`curl … | sh`) is not what is typed.
  private func readsTerminalByStandardInput(_ process: ProcessID) -> Bool {
    var status = stat()
    guard stat("/proc/\(process)/fd/0", &status) == 0 else { return true }
    return status.st_mode & S_IFMT == S_IFCHR && pty.device.map { UInt64(status.st_rdev) == $0 } ?? true
  }

  /// The interactive POSIX shell that owns the terminal.
  private func foregroundShell(of group: ProcessID?) -> (program: String, pid: ProcessID)? {
    guard let group, let name = ProcessStatus.name(group), readsTerminalByStandardInput(group) else { return nil }
    let words = ProcessStatus.commandLine(group) ?? []
    // It may go by another name (`exec -a`).
    let file = ProcessStatus.executable(group)?.split(separator: "/").last.map(String.init)
    guard
      let program = [name, file].lazy.compactMap({ $0 })
        .compactMap({ PlainShell.program(named: $0, commandLine: words) }).first
    else { return nil }
    // A subshell that reads has the command line of its parent.
    if group != pid, PlainShell.isFork(group) { return nil }
    return (program, group)
  }
}

/// What a process's command line tells of a shell.
enum PlainShell {
  /// The shell's name, if the command line is that of an interactive POSIX shell: no script, no `-c`.
  static func program(named name: String, commandLine words: [String]) -> String? {
    var name = name
    var rest = words.dropFirst()
    if name == "busybox" {
      guard let applet = rest.first, CommandMarker.shells.contains(applet) else { return nil }
      name = "busybox"
      rest = rest.dropFirst()
    }
    guard CommandMarker.shells.contains(name) else { return nil }
    var takesValue = false
    for word in rest {
      if takesValue {
        takesValue = false
      } else if ["--rcfile", "--init-file", "-O", "+O", "-o", "+o"].contains(word) {
        takesValue = true
      } else if word.hasPrefix("--") || word.hasPrefix("+") {
        continue
      } else if word.hasPrefix("-") {
        if word.contains("c") { return nil }
      } else {
        return nil
      }
    }
    return name
  }

  /// Whether a process is a copy that a shell made of itself: where its memory begins is the parent's.
  static func isFork(_ pid: ProcessID) -> Bool {
    guard let parent = ProcessStatus.read(pid)?.parent, let own = ProcessStatus.stackStart(pid),
      let other = ProcessStatus.stackStart(parent)
    else { return false }
    return own == other
  }
}
