package import Causality
import Metrics
package import Sys
import TerminalEngine

extension Session {
  /// Types bytes into the session. Returns the generation before the write: whatever the bytes bring about has a greater one.
  ///
  /// Throws ``SessionError/Code/sessionEnded`` after the end, ``SessionError/Code/inputSendFailed`` when 1 MiB of earlier input still
  /// waits for a program that does not read. Either all bytes are accepted or none.
  ///
  /// `typist` is whose the command is that the shell may begin because of this.
  @discardableResult
  package func write(_ bytes: [UInt8], by typist: Cause? = Cause.current) throws(SessionError) -> UInt64 {
    let before = activity.generation
    if bytes.isEmpty { return before }
    guard exit == nil else { throw endedError }
    if let line = putBack, !isRunTyping {
      // What somebody had half typed comes before what is typed now.
      putBack = nil
      try writeForRun(line)
    }
    switch bytes.withUnsafeBytes({ pty.write($0) }) {
    case .taken, .waiting:
      traffic.toPrograms.add(bytes.count)
      activity.touch()
      recordChanged(.activity)
      if let typist { commands.typist = typist }
      settlePromptsIfNothingIsOwed()
      typedLine.take(bytes)
      lastInputGeneration = activity.generation
      return before
    case .full:
      throw SessionError(
        .inputSendFailed,
        "The program in \(name) is not reading: 1 MiB of input waits already. Try again when it reads, or kill it.")
    case .gone:
      throw endedError
    }
  }

  /// How many prompts must have come before all lines that were sent off are answered.
  package var promptsOwed: UInt64 { promptsSettled.prompts + (typedLine.submitted - promptsSettled.lines) }

  /// The shell waits at its prompt, and nothing is on its way to it.
  func settlePrompts() { promptsSettled = (typedLine.submitted, commands.promptCount) }

  private func settlePromptsIfNothingIsOwed() {
    if case .atPrompt = commands.phase, commands.promptCount >= promptsOwed { settlePrompts() }
  }

  /// Nothing that was typed is on its way any more.
  var hasTakenInput: Bool { pty.queued == 0 && PseudoTerminal.pendingInput(of: pty.master) ?? 0 == 0 }

  var endedError: SessionError {
    SessionError(
      .sessionEnded, "The session \(name) has ended\(howItEnded); its screen and history can still be read.")
  }

  /// ` (the shell was killed by signal 9, SIGKILL)`, for the middle of a sentence; empty while it runs.
  package var howItEnded: String {
    let program = ShellProgram.isShell(command) ? "the shell" : "its program"
    return switch exit {
    case nil: ""
    case .exited(let status): " (\(program) exited with status \(status))"
    case .signaled(let number):
      " (\(program) was killed by signal \(number)\(Signal(number: number).map { ", \($0)" } ?? ""))"
    }
  }

  /// Input accepted and not yet taken by the program's terminal.
  package var inputQueued: Int { pty.queued }

  /// Calls `resume` on the loop once no input waits any more; at once if none does.
  package func onceInputDrained(_ resume: @escaping @Sendable () -> Void) {
    if pty.queued == 0 { resume() } else { inputDrained.append(resume) }
  }

  func flushInput() {
    guard pty.flush() else { return }
    let drained = inputDrained
    inputDrained = []
    for resume in drained { resume() }
  }

  /// Bytes of a list of keys, as the terminal's present modes want them. Throws ``SessionError/Code/invalidKey`` for an empty element.
  package func encode(keys: [String]) throws(SessionError) -> [UInt8] {
    var bytes: [UInt8] = []
    for key in keys {
      guard !key.isEmpty else {
        throw SessionError(.invalidKey, "A key is empty; name a key such as 'enter' or give text.")
      }
      bytes += KeyEncoding.bytes(for: key, modes: terminal.modes)
    }
    return bytes
  }

  /// Text as a paste: line ends become what Enter sends, and the program is told that it is a paste when it asked to be.
  package func pasteBytes(_ text: String) -> [UInt8] {
    // A paste cannot be allowed to end itself: what would close the bracket is left out.
    let bytes = Array(text.utf8).map { $0 == 0x0A ? 0x0D : $0 }.filter { $0 != 0x1B }
    guard terminal.modes.bracketedPaste else { return bytes }
    return Array("\u{1B}[200~".utf8) + bytes + Array("\u{1B}[201~".utf8)
  }

  /// Sends a signal to the group that owns the terminal now (what Ctrl-C would reach).
  package func signal(_ signal: Signal) throws(SessionError) {
    guard exit == nil else { throw endedError }
    let group = PseudoTerminal.foregroundGroup(of: pty.master) ?? pid
    do {
      guard try sendSignal(signal, to: .group(group)) else { throw endedError }
    } catch let error as SystemError {
      throw SessionError(.invalidSignal, "The signal could not be sent: \(error).")
    } catch {
      throw endedError
    }
  }
}
