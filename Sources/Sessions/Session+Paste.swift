import Formats
import Sys
import TerminalEngine

extension Session {
  /// Text as a paste: line ends become what Enter sends, the program is told that it is a paste when it asked to be, and characters that would
  /// end the paste or act by themselves become blanks, unless it is to go `raw`. See ``Paste``.
  package func pasteBytes(_ text: String, raw: Bool = false) -> [UInt8] {
    Paste.bytes(of: text, isBracketed: terminal.modes.bracketedPaste, discipline: pty.discipline, isRaw: raw)
  }

  /// Types a text as a paste once it is known who will read it. Returns the generation that it is.
  ///
  /// Throws ``SessionError/Code/commandRunning`` for a text with line ends that nobody but the shell behind a command would read.
  package func paste(_ text: String, raw: Bool) async throws -> UInt64 {
    try await awaitPasteReader(of: text, raw: raw)
    try requirePermit()
    return try write(pasteBytes(text, raw: raw))
  }

  /// Types bytes as they are. A line that is too long for a terminal in line mode waits as a paste does: a shell on its way to its prompt is still
  /// in that mode, or changes it under what was typed, and its line editor takes a line of any length. Returns the generation before.
  package func typeWhole(_ bytes: [UInt8]) async throws -> UInt64 {
    try await awaitReader(of: bytes)
    try requirePermit()
    return try write(bytes)
  }

  /// Returns once it is known who will read a line among the bytes that a terminal in line mode would cut; at once where there is none.
  package func awaitReader(of bytes: [UInt8]) async throws {
    guard bytes.count > LineDiscipline.longestLine else { return }
    let lines = bytes.split { $0 == 0x0A || $0 == 0x0D }
    if lines.contains(where: { $0.count > LineDiscipline.longestLine }) { try await awaitPasteReader() }
  }

  /// Returns once it is known who will read a paste of that text: see ``awaitPasteReader(hasLines:)``.
  package func awaitPasteReader(of text: String, raw: Bool) async throws {
    try await awaitPasteReader(hasLines: !raw && text.utf8.contains { $0 == 0x0A || $0 == 0x0D })
  }

  /// Returns once it is known who will read a paste, and so whether it is to be told of it: a line that was just sent off may begin a command,
  /// and a shell on its way to its prompt has not asked for pastes yet. Pastes that wait keep their order.
  ///
  /// The wait is bounded; what is not known then goes in the form of the program in front. But where a command does not read its terminal, lines
  /// would wait for the shell behind it, which would run each: they are refused (``SessionError/Code/commandRunning``).
  private func awaitPasteReader(hasLines: Bool = false) async throws {
    if pastesWaiting.isEmpty, knowsPasteReader, !(hasLines && leavesLinesToShell) { return }
    let number = ticket()
    pastesWaiting.append(number)
    defer { pastesWaiting.removeAll { $0 == number } }
    let end = ContinuousClock.now + SessionLimits.promptPatience
    while exit == nil {
      try requirePermit()
      let now = ContinuousClock.now
      let isLeft = hasLines && leavesLinesToShell
      if pastesWaiting.first == number, !isLeft, knowsPasteReader || !isShellOnItsWay && now >= freshUntil { return }
      if now >= end {
        guard isLeft else { return }
        throw SessionError(
          .commandRunning,
          "\(foreground ?? "The command") is running in \(name) and does not read its terminal: the shell would run each line of the paste after it. Nothing was typed. Wait for the prompt, or for 'input', and paste then; without 'paste' it is typed as it is."
        )
      }
      _ = try await wait(
        for: [.activity(since: generation, orAfter: .milliseconds(isLeft ? 20 : 2))],
        timeout: SessionLimits.promptPatience, onTimeout: Self.overtime)
    }
  }

  /// A command runs that asked for no pastes and does something else than read: what is typed is its shell's, and that has not asked yet.
  private var leavesLinesToShell: Bool {
    guard exit == nil, commands.phase == .running, commands.isSigned, !terminal.modes.bracketedPaste else {
      return false
    }
    return switch foregroundWaiting(ProcessStatus.members(of:)) {
    case .elsewhere, .running: true
    // The shell itself may be back: what it has printed for its prompt tells.
    case .reading, .polling, .turning, .unknown: pty.hasOutput
    }
  }

  /// A shell of ours is at work before its prompt, or has been sent a line and has not begun it.
  private var isShellOnItsWay: Bool {
    switch commands.phase {
    case .prompting, .betweenCommands: true
    case .atPrompt where commands.isContinuing: false
    case .atPrompt: commands.promptCount < promptsOwed || !hasEditorBegun
    case .unknown: isStarting && commands.nonce != nil
    case .running: false
    }
  }

  /// The mark of a prompt is written a moment before the line editor takes the terminal over. Not all of them ask for pastes.
  private var hasEditorBegun: Bool { terminal.modes.bracketedPaste || activity.quiet() >= Session.freshTime }

  /// Until when what was typed or begun last may be over in a moment.
  private var freshUntil: ContinuousClock.Instant {
    guard commands.phase == .running, let record = commands.records.last else { return lastInputAt + Session.freshTime }
    let age = Duration.milliseconds(Timestamp.now().milliseconds - record.startedAt.milliseconds)
    return max(lastInputAt, .now - age) + Session.freshTime
  }

  /// A shell that waits as before may not have been passed what was typed: a busy kernel takes its time.
  private var isLineOnItsWay: Bool {
    guard commands.standsAtPrompt else { return true }
    if commands.promptCount >= promptsOwed { return false }
    return activity.quiet() < Session.freshTime || !isPromptNew(since: nil, count: nil)
  }

  private var knowsPasteReader: Bool {
    guard exit == nil else { return true }
    switch commands.phase {
    case .atPrompt where hasEditorBegun && !isLineOnItsWay: return true
    case .running where ContinuousClock.now >= freshUntil: return true
    case .unknown where !isShellOnItsWay && (typedLine.submitted == 0 || ContinuousClock.now >= freshUntil):
      return true
    case .atPrompt, .running, .unknown, .prompting, .betweenCommands: break
    }
    // What was typed has been taken when an answer to it came, or none has come for a while: the kernel passes it on by and by.
    let isTaken = generation > lastInputGeneration || lastInputAt.duration(to: .now) >= SessionLimits.settle
    guard isTaken, hasTakenInput, foregroundShellWaits else { return false }
    // On its way to its prompt a shell may read the terminal's answer to a question of its own.
    return !isShellOnItsWay || activity.quiet() >= Session.freshTime
  }
}
