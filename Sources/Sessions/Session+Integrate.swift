import Store
import Sys

extension Session {
  /// Types the shell integration into the shell that reads the terminal now: one inside the session's shell, or one somewhere else.
  ///
  /// A shell of this machine reads it from a file. To one somewhere else the script is typed, line by line and without being shown; it then
  /// marks its prompts and commands, and is given runs by typed lines.
  ///
  /// - Parameter shell: what reads the terminal, where that cannot be seen from here; `nil` looks.
  ///
  /// Throws ``SessionError/Code/commandRunning`` when no such shell reads the terminal.
  package func integrate(_ wanted: ShellIntegration.Shell?) throws(SessionError) {
    guard exit == nil else { throw endedError }
    guard activeRun == nil else {
      throw SessionError(.commandRunning, "A run is in progress in \(name); wait for it.")
    }
    let group = PseudoTerminal.foregroundGroup(of: pty.master)
    let program = group.flatMap(ProcessStatus.name)
    let local = wanted == nil ? program.flatMap(ShellIntegration.Shell.init(path:)) : nil
    guard let shell = local ?? wanted else {
      throw SessionError(
        .commandRunning,
        "\(program ?? "A program") has the terminal of \(name). If a shell reads it (ssh, a container), name it: bash, zsh or fish.")
    }
    guard isForegroundReading || wanted != nil, hasTakenInput, !pty.hasOutput, typedLine.isEmpty else {
      throw SessionError(.commandRunning, "The shell in \(name) is not at an empty prompt; try again when it is.")
    }
    let nonce = makeUUID().filter { $0 != "-" }
    if local != nil, let group, let runFile, RunFile.isReadable(by: group) {
      guard RunFile(path: runFile).write(integration: shell, nonce: nonce) else {
        throw SessionError(.inputSendFailed, "The integration could not be written for the shell of \(name).")
      }
      commands.follow(nonce: nonce)
      let reads = shell == .fish ? " source " : " . "
      try write(Array((reads + CommandMarker.quoted(runFile) + "\r").utf8))
    } else {
      commands.follow(nonce: nonce, takesRuns: false)
      try write(Array(ShellIntegration.typed(shell, nonce: nonce).utf8))
    }
  }
}

extension ShellIntegration {
  /// The lines to type at a shell somewhere else. It reads the script as input that is not shown, up to a line of its own.
  static func typed(_ shell: Shell, nonce: String) -> String {
    let end = "#end-\(nonce.prefix(8))"
    let read = "stty -echo; sed '/^\(end)$/q'; stty echo"
    let begin = shell == .fish ? " begin; \(read); end | source" : " eval \"$(\(read))\""
    return "\(begin)\r" + (assignments(shell, nonce: nonce, runFile: "") + script(of: shell)).split(
      separator: "\n", omittingEmptySubsequences: true
    ).joined(separator: "\r") + "\r\(end)\r"
  }

  static func assignments(_ shell: Shell, nonce: String, runFile: String) -> String {
    let values = [("ROOST_SHELL_ONLY", "1"), ("ROOST_SHELL_NONCE", nonce), ("ROOST_SHELL_RUN", runFile)]
    return values.map { name, value in
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
