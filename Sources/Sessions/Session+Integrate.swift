import Formats
import Store
import Sys

extension Session {
  /// Types the shell integration into the shell that reads the terminal now: one inside the session's shell, or one somewhere else.
  ///
  /// A shell of this machine reads it from a file. To one somewhere else the script is typed, line by line and without being shown; it then
  /// marks its prompts and commands, and is given runs by typed lines, or, where it finds our files (`script`, `sudo`), as any other.
  /// Returns when the first prompt with marks stands.
  ///
  /// - Parameter shell: what reads the terminal, where that cannot be seen from here; `nil` looks.
  ///
  /// Throws ``SessionError/Code/commandRunning`` when no such shell reads the terminal, ``SessionError/Code/runTimeout`` when no mark has come.
  package func integrate(_ wanted: ShellIntegration.Shell?, timeout: Duration = SessionLimits.integrationTime)
    async throws
  {
    // What was typed a moment ago is still on its way, or on the screen's.
    let deadline = ContinuousClock.now + min(timeout, SessionLimits.integrationPatience)
    let end = ContinuousClock.now + timeout
    while !takesIntegration(isNamed: wanted != nil), exit == nil, ContinuousClock.now < deadline {
      _ = try await wait(
        for: [.activity(since: generation, orAfter: SessionLimits.settle)], timeout: SessionLimits.integrationPatience,
        onTimeout: Self.overtime)
    }
    try requirePermit()
    guard exit == nil else { throw endedError }
    if let run = runs.active {
      // A run that has started a shell is what leaves one to be integrated.
      guard case .running = run.stage, let given = run.shell, let front = frontImage, front != given else {
        throw SessionError(.commandRunning, "A run is in progress in \(name); wait for it.")
      }
    }
    // One that stands at a prompt with marks has the integration.
    if hasOwnPrompt { return }
    let group = PseudoTerminal.foregroundGroup(of: pty.master)
    let program = group.flatMap(ProcessStatus.name)
    let local = wanted == nil ? program.flatMap(ShellIntegration.Shell.init(path:)) : nil
    guard let shell = local ?? wanted else {
      throw SessionError(
        .commandRunning,
        "\(program ?? "A program") has the terminal of \(name). If a shell reads it (ssh, a container), name it: bash, zsh or fish."
      )
    }
    guard takesIntegration(isNamed: wanted != nil) else {
      throw SessionError(.commandRunning, "The shell in \(name) is not at an empty prompt; try again when it is.")
    }
    endRun(nil)
    let nonce = makeUUID().filter { $0 != "-" }
    if local != nil, let group, let runFile, RunFile.isReadable(by: group) {
      guard RunFile(path: runFile).write(integration: shell, nonce: nonce) else {
        throw SessionError(.inputSendFailed, "The integration could not be written for the shell of \(name).")
      }
      commands.follow(nonce: nonce)
      let reads = shell == .fish ? " source " : " . "
      try write(Array((reads + CommandMarker.quoted(runFile) + "\r").utf8))
    } else {
      // The script is typed once the shell has said that it reads it: before, its line editor would take the lines for commands.
      let word = String(ActiveRun.makeID())
      commands.follow(nonce: nonce, elsewhere: word)
      let file = runFile.flatMap { RunFile(path: $0).write(word: word) ? $0 : nil }
      typedScript = ShellIntegration.typed(shell, nonce: nonce, end: word, runFile: file)
      try write(Array(ShellIntegration.typedBeginning(shell, end: word).utf8))
    }
    // What was typed before was for others; that line brings one prompt, the first with marks.
    promptsSettled = (typedLine.submitted, commands.promptCount + 1)
    try await awaitFirstMark(of: nonce, shell, until: end, timeout)
  }

  /// The next run, and whoever waits for the prompt, finds the integration in its place.
  private func awaitFirstMark(
    of nonce: String, _ shell: ShellIntegration.Shell, until deadline: ContinuousClock.Instant, _ timeout: Duration
  ) async throws {
    while !commands.isAtPrompt(of: nonce) {
      guard exit == nil else { throw endedError }
      let rest = ContinuousClock.now.duration(to: deadline)
      guard rest > .zero else {
        throw SessionError(
          .runTimeout,
          "The integration was typed into \(name), and no prompt with its marks has come within \(timeout.milliseconds) ms: what reads the terminal there may be no \(shell.rawValue), or busy. Look at the screen."
        )
      }
      _ = try? await wait(
        for: [.activity(since: generation, orAfter: min(rest, SessionLimits.inputPatience))], timeout: rest,
        onTimeout: Self.overtime)
      try Task.checkCancellation()
    }
  }
}

extension Session {
  private func takesIntegration(isNamed: Bool) -> Bool {
    hasTakenInput && !pty.hasOutput && activity.quiet() >= SessionLimits.settle && typedLine.isEmpty
      && (isNamed || isForegroundReading)
  }
}

extension ShellIntegration {
  /// The line to type at a shell somewhere else: it has its script read as input that is not shown, up to a line with that word.
  static func typedBeginning(_ shell: Shell, end word: String) -> String {
    let read =
      "stty -echo >/dev/tty </dev/tty; printf '\\033]133;P;roost=send;word=\(word)\\007' >/dev/tty; sed '/^#\(word)$/q' </dev/tty; stty echo </dev/tty"
    return shell == .fish ? " begin; \(read); end | source\r" : " eval \"$(\(read))\"\r"
  }

  /// The script, as lines that a terminal in line mode takes.
  ///
  /// - Parameter runFile: Holds the word. A shell that finds it there is one that runs can be handed to.
  static func typed(_ shell: Shell, nonce: String, end word: String, runFile: String?) -> String {
    let look = runFile.map { looking(shell, for: word, in: $0) } ?? ""
    let lines = (assignments(shell, nonce: nonce, runFile: "") + look + script(of: shell)).split(separator: "\n")
    return lines.map { $0 + "\n" }.joined() + "#\(word)\n"
  }

  private static func looking(_ shell: Shell, for word: String, in file: String) -> String {
    let found = "printf '\\033]133;P;roost=file;word=\(word)\\007' >/dev/tty"
    let file = CommandMarker.quoted(file)
    let text = "(cat \(file) 2>/dev/null)"
    return shell == .fish
      ? "if contains -- \(word) \(text); set -g ROOST_SHELL_RUN \(file); \(found); end\n"
      : "if [ \"$\(text)\" = \(word) ]; then ROOST_SHELL_RUN=\(file); \(found); fi\n"
  }

  static func assignments(_ shell: Shell, nonce: String, runFile: String) -> String {
    let values = [("ROOST_SHELL_ONLY", "1"), ("ROOST_SHELL_NONCE", nonce), ("ROOST_SHELL_RUN", runFile)]
    // fish's script is passed over where it has been read before: what it said then went to another server, or to none.
    let again = shell == .fish ? "set -e __roost_n\n" : ""
    return again
      + values.map { name, value in
        shell == .fish ? "set -g \(name) '\(value)'\n" : "\(name)=\(CommandMarker.quoted(value))\n"
      }.joined()
  }

  static func script(of shell: Shell) -> String {
    switch shell {
    case .bash: bashScript
    case .zsh: zshScript
    case .fish: fishScript
    }
  }
}
