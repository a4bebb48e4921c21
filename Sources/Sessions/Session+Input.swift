package import Causality
import Metrics
import Net
package import Sys
import TerminalEngine

extension Session {
  /// Types bytes into the session. Returns the generation before the write: whatever the bytes bring about has a greater one.
  ///
  /// Throws ``SessionError/Code/sessionEnded`` after the end, ``SessionError/Code/inputSendFailed`` when 1 MiB of earlier input still
  /// waits for a program that does not read. Either all bytes are accepted or none.
  ///
  /// In line mode a line that is longer than the terminal keeps is refused (``SessionError/Code/lineTooLong``), with what has been typed of
  /// it before; of several lines those that do not fit yet wait until the reader has taken some.
  ///
  /// `typist` is whose the command is that the shell may begin because of this; `viewer` is at whose terminal it was typed.
  @discardableResult
  package func write(
    _ bytes: [UInt8], by typist: Cause? = Cause.current, from viewer: ViewerID? = nil
  ) throws(SessionError) -> UInt64 {
    guard !bytes.isEmpty, exit == nil else {
      return try deliver(bytes, leaving: pty.pendingLine, by: typist, from: viewer)
    }
    try bringBackLine()
    var line = pty.pendingLine
    let longest = pty.discipline.map { line.take(bytes, $0) } ?? 0
    guard longest <= LineDiscipline.longestLine else {
      let before = pty.pendingLine.bytes == 0 ? "" : ", of which \(pty.pendingLine.bytes) were typed before,"
      throw SessionError(
        .lineTooLong,
        """
        A line of \(longest) bytes\(before) is too long for this terminal (4,095): \(name) is in line mode, and what is longer would be \
        lost. Nothing was typed. Send shorter lines, or put the text in a file.
        """)
    }
    return try deliver(bytes, leaving: line, by: typist, from: viewer)
  }

  /// Types what comes key by key from somebody who sees the screen, and cannot be refused a piece of it: in line mode what the terminal would
  /// drop is left out, and counted in the answer.
  package func type(
    _ bytes: [UInt8], by typist: Cause? = Cause.current, from viewer: ViewerID? = nil
  ) throws(SessionError) -> Int {
    try bringBackLine()
    guard exit == nil, let discipline = pty.discipline else {
      try deliver(bytes, leaving: pty.pendingLine, by: typist, from: viewer)
      return 0
    }
    var line = pty.pendingLine
    let kept = discipline.isCanonical ? line.takeFitting(bytes, discipline) : bytes
    if !discipline.isCanonical { line.clear() }
    try deliver(kept, leaving: line, by: typist, from: viewer)
    return bytes.count - kept.count
  }

  /// What somebody had half typed when a run came goes before what is typed now.
  private func bringBackLine() throws(SessionError) {
    guard let line = runs.putBack, !runs.isTyping else { return }
    runs.putBack = nil
    try writeForRun(line)
  }

  @discardableResult
  private func deliver(
    _ bytes: [UInt8], leaving line: PendingLine, by typist: Cause?, from viewer: ViewerID?
  ) throws(SessionError) -> UInt64 {
    let before = activity.generation
    if bytes.isEmpty { return before }
    guard exit == nil else { throw endedError }
    let isSent = pty.discipline.map { $0.sends(bytes) } ?? true
    switch pty.write(bytes, leaving: line, isAhead: runs.isTyping) {
    case .taken, .waiting:
      traffic.toPrograms.add(bytes.count)
      activity.touch()
      recordChanged(.activity)
      if let typist { commands.typist = typist }
      if typedLine.submitted == 0, typedLine.isEmpty, commands.phase == .unknown { notePlainPrompt() }
      settlePromptsIfNothingIsOwed()
      let submitted = typedLine.submitted
      typedLine.take(bytes)
      if typedLine.submitted != submitted { lastSubmittedAt = .now }
      lastInputGeneration = activity.generation
      if isSent { lastSentGeneration = activity.generation }
      lastInputAt = activity.last
      if typedLine.isInterrupted, !runs.isTyping { followTypedInterrupt() }
      tellOfTyping(typist, from: viewer)
      return before
    case .full:
      throw SessionError(
        .inputSendFailed,
        "The program in \(name) is not reading: 1 MiB of input waits already. Try again when it reads, or kill it.")
    case .gone:
      throw endedError
    }
  }

  /// The other viewers are told that somebody types, at most once a second of each who does.
  private func tellOfTyping(_ typist: Cause?, from viewer: ViewerID?) {
    guard viewers.count > (viewer == nil ? 0 : 1) else { return }
    let now = ContinuousClock.now
    if let told = toldOfTyping, told.viewer == viewer, told.by == typist?.principal,
      told.at.duration(to: now) < SessionLimits.typingInterval
    {
      return
    }
    toldOfTyping = (viewer, typist?.principal, now)
    tellViewers(.typed(by: typist?.principal, isCall: viewer == nil), except: viewer)
  }

  /// How many prompts must have come before all lines that were sent off are answered.
  package var promptsOwed: UInt64 { promptsSettled.prompts + (typedLine.submitted - promptsSettled.lines) }

  /// The shell waits at its prompt, and nothing is on its way to it.
  func settlePrompts() { promptsSettled = (typedLine.submitted, commands.promptCount) }

  private func settlePromptsIfNothingIsOwed() {
    if commands.standsAtPrompt, commands.promptCount >= promptsOwed { settlePrompts() }
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
    case .unknown: " (how \(program) ended is not known: the keeper was gone that would have learned it)"
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

  /// What others type from here on waits until the shell has what it is being told: a ctrl+c in the middle of it would take a part of that
  /// away, and the next line would run with the rest. Not for long, whatever the shell does.
  func holdInput() {
    pty.hold()
    guard pty.isHolding else { return }
    runs.holding = loop.schedule(after: SessionLimits.longestHold) { [weak self] in
      self?.assumeIsolated { $0.releaseInput() }
    }
  }

  func releaseInput() {
    guard pty.isHolding else { return }
    runs.holding = nil
    pty.release()
    if exit == nil { flushInput() }
  }

  func flushInput() {
    guard pty.flush() else { return }
    let drained = inputDrained
    inputDrained = []
    for resume in drained { resume() }
  }

  /// Bytes of a list of keys, as the terminal's present modes want them. Throws ``SessionError/Code/invalidKey`` for an empty
  /// element and for one that looks like a key and is none.
  package func encode(keys: [String]) throws(SessionError) -> [UInt8] {
    var bytes: [UInt8] = []
    for key in keys {
      guard !key.isEmpty else {
        throw SessionError(.invalidKey, "A key is empty; name a key such as 'enter' or give text.")
      }
      bytes += try KeyEncoding.bytes(for: key, modes: terminal.modes)
    }
    return bytes
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
