import Causality
import Formats
import Net
import Sys
import TerminalEngine

/// What `run` has to tell.
package struct CommandResult: Sendable, Equatable {
  package enum Reason: String, Sendable, CaseIterable, Codable {
    /// The command has ended.
    case command
    /// It waits for input.
    case input
    /// It waits for input that is not shown.
    case password
    /// The session's program ended.
    case exit
    /// The time is over; it goes on.
    case timeout
  }

  package var reason: Reason
  /// The shell's record of it; `nil` when the shell came back to its prompt without having run anything (an empty line, or one that it
  /// could not parse), or has not begun yet.
  package var record: CommandRecord?
  /// What the shell said about how it ended.
  package var exitStatus: Int?
  /// What it printed, so far or in all, as text: its first bytes and its last, or all of it in `tail`.
  package var head: [UInt8]
  package var tail: [UInt8]
  /// Bytes between the two.
  package var omitted: Int
  package var evidence: Evidence
  package var generation: UInt64
}

extension Session {
  /// Gives a command to the session's shell and waits until that very command has ended, asks for something, or the time is over.
  ///
  /// The command carries a number that comes back in its own marks; what anybody else types, and whatever programs print, is never taken for
  /// its answer. Throws ``SessionError/Code/commandRunning`` when no shell is at its prompt, ``SessionError/Code/lineInUse`` when a half typed
  /// line is in the way, ``SessionError/Code/runTimeout`` when the shell did not get to it in time, ``SessionError/Code/sessionEnded``.
  package func run(_ command: String, options: RunOptions) async throws -> CommandResult {
    guard exit == nil else { throw endedError }
    let deadline = ContinuousClock.now + options.timeout
    var id = try await give(command, options, deadline: deadline)
    var result = try await awaitRun(id, until: deadline, options)
    if isSwallowed(id, command, result) {
      id = try await give(command, options, deadline: deadline)
      result = try await awaitRun(id, until: deadline, options)
    }
    await lineIsBack()
    return result
  }

  /// bash drops the line that comes behind one that it could not parse (`[[ a ==`), and says no word: no command has begun.
  private func isSwallowed(_ id: UInt64, _ command: String, _ result: CommandResult) -> Bool {
    guard result.reason == .command, result.record == nil, result.exitStatus == nil, result.head.isEmpty,
      result.tail.isEmpty, let finished = runs.finished.last(where: { $0.id == id }), finished.way == .integrated
    else { return false }
    // Of what is but a comment nothing comes either.
    return command.split(whereSeparator: \.isNewline).contains { line in
      line.first { $0 != " " && $0 != "\t" }.map { $0 != "#" } ?? false
    }
  }

  /// Gives the command to the shell. Answers the number of the run that it has taken.
  private func give(
    _ command: String, _ options: RunOptions, deadline: ContinuousClock.Instant
  ) async throws -> UInt64 {
    var id = try await takeTurn(for: command, options, deadline: deadline)
    for attempt in 1... {
      if runs.active?.id == id, runs.active?.way == .integrated {
        id = try await awaitTaken(id, options, deadline: deadline)
      }
      let end = runs.finished.last { $0.id == id }?.end
      if end == .postponed || end == .refused && commands.isWithoutMarks && attempt == 1 {
        // Its marks are not there. After the next prompt they are, or it is given the command as a plain shell is.
      } else if try await isIgnored(id, until: deadline) {
        giveUpIgnoredRun()
      } else {
        break
      }
      guard attempt < SessionLimits.runAttempts else { throw ignoredError }
      id = try await takeTurn(for: command, options, deadline: deadline, isRetry: true)
    }
    return id
  }

  /// Whoever types next finds what had been half typed, and does not come before it.
  private func lineIsBack() async {
    let deadline = ContinuousClock.now + SessionLimits.putBackPatience
    while runs.putBack != nil, runs.active == nil, exit == nil, ContinuousClock.now < deadline {
      _ = try? await wait(
        for: [.activity(since: generation, orAfter: .milliseconds(5))], timeout: SessionLimits.putBackPatience,
        onTimeout: Self.overtime)
    }
  }

  /// Whether a plain shell has made something else of the line that was to begin the run.
  private func isIgnored(_ id: UInt64, until deadline: ContinuousClock.Instant) async throws -> Bool {
    guard let run = runs.active, run.id == id, run.stage == .told, run.way != .integrated, run.shell != nil else {
      return false
    }
    do {
      _ = try await wait(
        for: [.run(id, .taken), .ignored(id)], timeout: max(ContinuousClock.now.duration(to: deadline), .zero),
        onTimeout: Self.overtime)
    } catch let error as SessionError where error.code == .runTimeout {}
    return runs.active?.id == id && isRunIgnored
  }

  /// Our line is part of somebody's unfinished command now, and that is of no use to anybody: ctrl+c takes both away.
  func giveUpIgnoredRun() {
    try? writeForRun([0x03])
    endRun(nil)
  }

  private var ignoredError: SessionError {
    SessionError(
      .lineInUse,
      "The shell of \(name) read the line that was to begin the command, and began nothing: it may be in the middle of a command of several lines, or restricted ('set -r'), or its keys are bound to something else (the terminal's: 'stty sane' sets them back). Nothing was run; look at its screen, and try again."
    )
  }

  /// Goes on waiting for a command by the number of its record.
  package func waitForCommand(
    _ recordID: Int, options: RunOptions
  ) async throws -> CommandResult {
    guard let record = commands.record(recordID) else {
      throw SessionError(
        .commandNotFound,
        "There is no command \(recordID) in \(name); 'commands' lists the latest \(CommandLog.maximumRecords).")
    }
    let deadline = ContinuousClock.now + options.timeout
    if let id = record.run, runs.active?.id == id { return try await awaitRun(id, until: deadline, options) }
    if record.endedAt == nil {
      do {
        _ = try await wait(for: [.ended(recordID)], timeout: options.timeout, onTimeout: Self.overtime)
      } catch let error as SessionError where error.code == .runTimeout {
        return result(.timeout, commands.record(recordID), evidence: state().evidence, options)
      }
    }
    let ended = commands.record(recordID) ?? record
    return result(ended.evidence == .exit ? .exit : .command, ended, evidence: ended.evidence, options)
  }

  static let overtime = SessionError(.runTimeout, "The time is over.")

  // MARK: Telling the shell

  /// Tells the shell. From here on the run is the session's active one, until its marks or the end of the session say that it is over.
  func begin(_ command: String, _ readiness: ShellReadiness, isRetry: Bool = false) throws -> UInt64 {
    try requirePermit()
    let id = ActiveRun.makeID()
    let file = runFile.map(RunFile.init)
    var bytes: [UInt8] = []
    var way = ActiveRun.Way.integrated
    var typedBefore: [UInt8] = []
    switch readiness {
    case .integrated:
      guard let file, file.write(command, run: id) else { throw unwritable }
      bytes = takeKeys
    case .plain(let program, let pid):
      notePlainPrompt()
      if !typedLine.isEmpty, isLineEmpty { typedLine.clear() }
      typedBefore = typedLine.unfinished
      bytes = try takingAwayTypedLine(of: program)
      if isRetry { runs.warilyTold = frontImage }
      let isWary = runs.warilyTold != nil && runs.warilyTold == frontImage
      if pid != 0, let file, RunFile.isReadable(by: pid),
        file.write(plain: command, run: id, program: program, isWary: isWary)
      {
        way = .file
        let line = CommandMarker.reading(file.path, for: command, program: program, isWary: isWary)
        bytes += try typable(line) + [enterKey(of: program)]
      } else {
        way = .line
        let line =
          pid == 0
          ? CommandMarker.lineElsewhere(for: command, run: id)
          : CommandMarker.line(for: command, run: id, program: program, isHere: true)
        let isCanonical = PseudoTerminal.lineMode(of: pty.master)?.canonical ?? false
        guard !isCanonical && pid != 0 || line.utf8.count < CommandMarker.lineLimit else {
          throw SessionError(
            .invalidRequest,
            "The command is too long for this terminal: it takes \(CommandMarker.lineLimit) bytes in a line. Put it in a file, and run that."
          )
        }
        bytes += Array((line + "\r").utf8)
      }
    case .notYet, .busy, .never: throw unwritable
    }
    let position = cursorPosition
    runs.active = ActiveRun(
      id: id, command: command, cause: Cause.current, way: way, shell: way == .integrated ? promptImage : frontImage,
      lastCommand: commands.lastID, lastPrompt: commands.promptCount, typedAt: position, typedBefore: typedBefore)
    runs.active?.isElsewhere = commands.isElsewhere && foregroundShellName == nil
    let isInside = way != .integrated && isInsideCommand
    commands.expected = .init(id: id, command: command, cause: Cause.current, isInside: isInside)
    // The command that has started this shell began in the time of an earlier server.
    let isInsideUnseen =
      isAdopted && way != .integrated && commands.phase == .unknown
      && PseudoTerminal.foregroundGroup(of: pty.master) != pid
    outputs.running = RunCapture(
      id: id, rows: terminal.size.rows, columns: terminal.size.columns, output: outputs.makeOutput(),
      outer: commands.outerSigns(isInside: isInside || isInsideUnseen),
      shell: way == .integrated ? commands.promptingShell : nil)
    outputs.runningRecord = nil
    do {
      try writeForRun(bytes)
      holdInput()
      typedLine.countRun()
    } catch {
      endRun(nil)
      throw error
    }
    return id
  }

  /// The keys that empty the line at a plain shell's prompt, of which what was typed there is made again by the same bytes.
  private func takingAwayTypedLine(of program: String) throws(SessionError) -> [UInt8] {
    guard let discipline = pty.discipline, discipline.isCanonical, leavesLineToTerminal(program) else {
      guard typedLine.isEmpty || typedLine.isPlainText else { throw lineInUse }
      // Ctrl-U empties the line, in the terminal's own line mode as well as in a shell's.
      return typedLine.isEmpty ? [] : [0x15]
    }
    // The terminal itself edits the line, and does the same once more with the same keys.
    guard typedLine.unfinished.count < TypedLine.limit else { throw lineInUse }
    guard let kill = discipline.kill else {
      guard typedLine.isEmpty else { throw lineInUse }
      return []
    }
    // The first may be quoted by a ctrl+v before it; on an empty line it does nothing.
    return [kill, kill]
  }

  /// What ends a line at a plain shell's prompt, whatever became of the carriage return (`stty -icrnl`).
  private func enterKey(of program: String) -> UInt8 {
    let effect = pty.discipline?.effect(of: 0x0D)
    if pty.discipline?.isCanonical == true { return effect == .endsLine ? 0x0D : 0x0A }
    return effect != .vanishes && CommandMarker.editing.contains(program) ? 0x0D : 0x0A
  }

  /// The bytes of a line as they are typed, so that a terminal in line mode keeps all of them (`stty intr x`).
  private func typable(_ line: String) throws(SessionError) -> [UInt8] {
    guard let discipline = pty.discipline else { return Array(line.utf8) }
    var bytes: [UInt8] = []
    for byte in line.utf8 {
      // A line editor acts on the terminal's special characters itself.
      if discipline.isCanonical ? discipline.effect(of: byte) != .text : discipline.actsOn(byte, isBracketed: false) {
        guard discipline.isCanonical, let quote = discipline.quote else {
          throw SessionError(
            .invalidRequest,
            "The terminal of \(name) does not take '\(Character(UnicodeScalar(byte)))' for text (one of its special characters is set to it): no line can be typed to the shell. 'stty sane' sets them back."
          )
        }
        bytes.append(quote)
      }
      bytes.append(byte)
    }
    return bytes
  }

  /// What has the line editor take the command that is in the file, and run it: in one piece, or what somebody types would come between.
  private var takeKeys: [UInt8] {
    shellNeedsCancel ? RunFile.cancel + RunFile.take + RunFile.go : RunFile.take
  }

  /// Whether the shell in front is to be told to give up a search or a menu first, and to run what it has taken: fish, which an earlier server
  /// may have been told.
  var shellNeedsCancel: Bool {
    commands.needsCancel ?? (PseudoTerminal.foregroundGroup(of: pty.master).flatMap(ProcessStatus.name) == "fish")
  }

  /// Types for a run: nothing that the run types is a person's half line.
  func writeForRun(_ bytes: [UInt8]) throws(SessionError) {
    let (line, input, sent, submitted) = (typedLine, lastInputGeneration, lastSentGeneration, lastSubmittedAt)
    runs.isTyping = true
    defer { runs.isTyping = false }
    try write(bytes, by: nil)
    typedLine = line
    (lastInputGeneration, lastSentGeneration, lastSubmittedAt) = (input, sent, submitted)
  }

  /// A plain shell prints no mark by its prompt: what was half typed comes back once it reads.
  private func giveBackSoon() {
    runs.putBackTimer = loop.schedule(after: SessionLimits.settle) { [weak self] in
      self?.assumeIsolated { session in
        guard session.runs.putBack != nil, session.exit == nil else { return }
        session.giveBackTypedLine()
        if session.runs.putBack != nil, session.runs.active == nil { session.giveBackSoon() }
      }
    }
  }

  private var unwritable: SessionError {
    SessionError(
      .inputSendFailed,
      "The command could not be handed to the shell of \(name): its folder for that cannot be written.")
  }

  var lineInUse: SessionError {
    SessionError(
      .lineInUse,
      "Somebody has typed half a line at the prompt of \(name), and it cannot be put aside; finish it, or take it away with ctrl+u or ctrl+c."
    )
  }

  /// The line editor of an integrated shell says at once that it has the command. One that does not has lost its scripts (or is in the middle
  /// of something): then the run is told the plain way, or refused.
  private func awaitTaken(
    _ id: UInt64, _ options: RunOptions, deadline: ContinuousClock.Instant
  ) async throws -> UInt64 {
    let end = min(deadline, .now + SessionLimits.takenPatience)
    var attempts = 1
    repeat {
      let patience = min(SessionLimits.settle, max(ContinuousClock.now.duration(to: end), .zero))
      do {
        _ = try await wait(for: [.run(id, .taken)], timeout: patience, onTimeout: Self.overtime)
        return id
      } catch let error as SessionError where error.code == .runTimeout {}
      if attempts < SessionLimits.runAttempts, isKeyLost(id) {
        if let permitRefusal {
          endRun(nil)
          throw permitRefusal
        }
        attempts += 1
        runs.active?.lastPrompt = commands.promptCount
        try? writeForRun(takeKeys)
      }
    } while ContinuousClock.now < end
    // Nobody finds it from here on. Who has read it already says so in a moment, and is not doing so while it waits for a key.
    if runs.active?.id == id, runs.active?.stage == .told {
      runFile.map(RunFile.init)?.clear()
      if !hasTakenInput || !foregroundShellWaits {
        _ = try? await wait(for: [.run(id, .taken)], timeout: SessionLimits.unseenPatience, onTimeout: Self.overtime)
      }
    }
    guard let run = runs.active, run.id == id, run.stage == .told else { return id }
    let command = run.command
    endRun(nil)
    // A command has begun meanwhile: what was typed before had not been read when the shell was looked at.
    if commands.phase == .running, commands.lastID != run.lastCommand { throw commandRunning }
    guard ContinuousClock.now < deadline else {
      guard options.timeout < SessionLimits.inputPatience else { throw notTaken }
      throw SessionError(
        .runTimeout,
        "The shell of \(name) did not take the command within \(options.timeout.milliseconds) ms; nothing was run.")
    }
    if run.isElsewhere, typedLine.isEmpty, case .atPrompt = commands.phase {
      commands.losesFile()
      return try begin(command, .plain(program: "sh", pid: 0))
    }
    guard let plain = plainShellBehindLostScripts() else {
      throw notTaken
    }
    commands.losesKeys()
    return try begin(command, plain)
  }

  /// Whether the line editor has lost the key that was to have it take the run: what a shell has read when it sees ctrl+c, it forgets, and
  /// prints another prompt.
  private func isKeyLost(_ id: UInt64) -> Bool {
    guard let run = runs.active, run.id == id, run.stage == .told, commands.promptCount > run.lastPrompt,
      case .atPrompt = commands.phase
    else { return false }
    return hasTakenInput && activity.quiet() >= SessionLimits.settle && foregroundShellWaits
  }

  private var notTaken: SessionError {
    if let stoppedShell { return stoppedShell }
    return SessionError(
      .lineInUse,
      "The line editor in \(name) did not take the command: somebody may be in the middle of a search or a menu there, or typing was going on. Nothing was run; try again, or press ctrl+c there first."
    )
  }

  /// What has the terminal was stopped by a signal, and takes nothing.
  var stoppedShell: SessionError? {
    guard let group = PseudoTerminal.foregroundGroup(of: pty.master), ProcessStatus.read(group)?.isStopped == true
    else {
      return nil
    }
    return SessionError(
      .commandRunning,
      "\(foreground ?? "The shell") has the terminal of \(name) and is stopped by a signal: nothing was run. 'roost signal \(name) CONT' lets it go on."
    )
  }

  private func plainShellBehindLostScripts() -> ShellReadiness? {
    guard let group = PseudoTerminal.foregroundGroup(of: pty.master), let name = ProcessStatus.name(group),
      PlainShell.program(named: name, commandLine: ProcessStatus.commandLine(group) ?? []) != nil,
      isForegroundReading, !commands.isContinuing, typedLine.isEmpty, !PromptText.isQuestion(textBeforeCursor)
    else { return nil }
    // What the line editor made of a key that it does not know.
    try? writeForRun([0x05, 0x15])
    return .plain(program: name, pid: group)
  }

  // MARK: What the marks tell

  /// The marks have told something of the run in progress.
  func runSignalled(_ signal: CommandLog.RunSignal, at place: LinePosition) {
    guard runs.active != nil else { return }
    if case .taken = signal {} else { releaseInput() }
    switch signal {
    case .taken(let putsBack):
      runs.active?.stage = .taken
      runs.active?.putsBack = putsBack
      runFile.map(RunFile.init)?.clear()
    case .began(let record):
      runs.active?.stage = .running(record)
      outputs.runningRecord = record
    case .ended(let status, let record):
      endRun(.ended(status: status, record: record), at: place)
    case .endedLate(let status, let record):
      endRun(.ended(status: status, record: record), at: place, isBehindPrompt: true)
    case .incomplete(let isGivenUp):
      if !isGivenUp {
        interruptForPrompt()
      }
      endRun(.incomplete)
    case .refused: endRun(.refused)
    case .changed: endRun(.changed)
    case .givenUp(let status):
      if case .running(let record) = runs.active?.stage {
        return endRun(.ended(status: status, record: commands.record(record)), at: place)
      }
      // ksh93 reads the whole command before it begins.
      let program = runs.active?.shell.flatMap { ProcessStatus.executable($0.pid) }?.split(separator: "/").last
      endRun(program?.hasPrefix("ksh") == true ? .ended(status: status, record: nil) : .unbegun, at: place)
    case .postponed: endRun(.postponed)
    case .editsLine: runs.active?.editsLine = true
    }
  }

  /// Ctrl-C takes the shell back to its prompt, so that the session can be used again. Keys that come while its line editor is about that are
  /// lost.
  func interruptForPrompt() {
    runs.promptAwaited = (commands.promptCount, .now + SessionLimits.promptPatience, lastInputGeneration)
    try? writeForRun([0x03])
    interruptAgainSoon()
  }

  /// A signal that comes between a look for it and the wait for a key is not seen by bash until the next key.
  private func interruptAgainSoon() {
    runs.promptTimer = loop.schedule(after: SessionLimits.unseenPatience) { [weak self] in
      self?.assumeIsolated { session in
        guard session.exit == nil, let awaited = session.runs.promptAwaited, session.runs.active == nil,
          session.commands.promptCount == awaited.count, ContinuousClock.now < awaited.until,
          session.lastInputGeneration == awaited.input
        else { return }
        try? session.writeForRun([0x03])
        session.interruptAgainSoon()
      }
    }
  }

  /// Somebody typed ctrl+c at a prompt. Where the shell has not seen it, as in ``interruptAgainSoon()``, nothing would come of it until the
  /// next key, which would be lost with it.
  func followTypedInterrupt() {
    guard case .atPrompt = commands.phase, runs.active == nil, !shellNeedsCancel else { return }
    runs.interruptTyped = (commands.promptCount, .now + SessionLimits.promptPatience, lastInputGeneration)
    typeInterruptAgainSoon()
  }

  private func typeInterruptAgainSoon() {
    runs.interruptTimer = loop.schedule(after: SessionLimits.unseenPatience) { [weak self] in
      self?.assumeIsolated { session in
        guard session.exit == nil, let typed = session.runs.interruptTyped, session.runs.active == nil,
          case .atPrompt = session.commands.phase, session.commands.promptCount == typed.count,
          ContinuousClock.now < typed.until, session.lastInputGeneration == typed.input, session.typedLine.isInterrupted
        else { return }
        // A shell that has not had the time is left alone, and so is one that asks for something else by now.
        if session.hasTakenInput, session.foregroundIsOwn, session.foregroundShellWaits,
          session.pty.discipline?.effect(of: 0x03) == .kills
        {
          try? session.writeForRun([0x03])
        }
        session.typeInterruptAgainSoon()
      }
    }
  }

  /// A mark of another command has ended the record of the run in progress.
  func runMayHaveEnded() {
    guard let run = runs.active, case .running(let id) = run.stage, let record = commands.record(id),
      record.endedAt != nil
    else { return }
    let isShellGone = run.shell.map { ProcessStatus.read($0.pid)?.isZombie != false } ?? false
    let ended = commands.expected?.isInside == true || isShellGone
    endRun(ended ? .exit(record: record) : .ended(status: record.exitStatus, record: record))
  }

  /// The session's program has ended, and a run with it.
  func runEndedWithSession() {
    runFile.map(RunFile.init)?.remove()
    guard let run = runs.active else { return }
    endRun(.exit(record: activeRecord(run.id)))
  }

  /// The run is over: whoever waits finds its end, and the next may come.
  ///
  /// `place` is where its end was told; `isBehindPrompt`, that the next prompt had been painted before.
  func endRun(_ end: RunEnd?, at place: LinePosition? = nil, isBehindPrompt: Bool = false) {
    guard var run = runs.active else { return }
    releaseInput()
    if run.way != .integrated {
      runFile.map(RunFile.init)?.remove()
    } else if run.stage == .told {
      runFile.map(RunFile.init)?.clear()
    }
    outputs.running?.finish()
    if isBehindPrompt || end?.isUnseen == true { outputs.running?.output.dropPrompt(ofHeight: commands.promptHeight) }
    if case .running(let record) = run.stage, let output = outputs.running?.output { outputs.keep(output, for: record) }
    let output = outputs.running?.output ?? CommandOutput()
    outputs.running = nil
    outputs.runningRecord = nil
    commands.expected = nil
    run.stage = .over
    run.result = end
    runs.active = nil
    guard let end else { return }
    let printed = end.isWithoutRecord ? screenText(since: run.typedAt, to: place ?? cursorPosition) : nil
    runs.finished.append(FinishedRun(id: run.id, way: run.way, end: end, output: printed ?? output))
    if runs.finished.count > SessionLimits.finishedRuns { runs.finished.removeFirst() }
    switch end {
    case .ended(.some, _) where run.way != .integrated:
      runs.plainEnd = (.now, lastInputGeneration, lastSentGeneration, run.shell)
    // The shell around it is on its way to its prompt.
    case .exit where run.way != .integrated: runs.plainEnd = (.now, lastInputGeneration, lastSentGeneration, nil)
    default: runs.plainEnd = nil
    }
    if run.putsBack || !run.typedBefore.isEmpty { runs.putBack = run.putsBack ? RunFile.putBack : run.typedBefore }
    if !run.typedBefore.isEmpty { giveBackSoon() }
  }

  /// What stands between the line that was typed and the prompt: the word of a shell that ran nothing.
  private func screenText(since typedAt: LinePosition, to end: LinePosition) -> CommandOutput? {
    var last = typedAt.line
    while last < end.line, terminal.isWrapped(line: last) { last += 1 }
    let start = LinePosition(line: last + 1, column: 0)
    guard start < end else { return nil }
    let text = CommandOutput()
    let bytes = terminal.text(from: start, to: end)
    bytes.withUnsafeBytes { text.append($0, lines: 0) }
    text.finish()
    return text
  }

  /// The prompt stands again: what had been half typed comes back.
  func giveBackTypedLine() {
    guard let bytes = runs.putBack, exit == nil, runs.active == nil else { return }
    // A plain shell says nothing of its prompt.
    let isAtPrompt =
      if case .atPrompt = commands.phase { true } else { bytes != RunFile.putBack && isForegroundReading }
    guard isAtPrompt else { return }
    runs.putBack = nil
    try? writeForRun(bytes)
  }

  // MARK: Answering

  private func awaitRun(
    _ id: UInt64, until deadline: ContinuousClock.Instant, _ options: RunOptions
  ) async throws -> CommandResult {
    let rest = max(ContinuousClock.now.duration(to: deadline), .zero)
    var conditions: [WaitCondition] = [.run(id, .over), .unseenEnd(id)]
    if options.answersQuestions { conditions.append(.question(id)) }
    let outcome: WaitOutcome
    do {
      outcome = try await wait(for: conditions, timeout: rest, onTimeout: Self.overtime)
    } catch let error as SessionError where error.code == .runTimeout {
      // What the line editor has is about to begin: its number is worth a moment.
      if runs.active?.id == id, runs.active?.stage == .taken {
        _ = try? await wait(for: [.run(id, .begun)], timeout: SessionLimits.takenPatience, onTimeout: Self.overtime)
      }
      if !runs.finished.contains(where: { $0.id == id }) {
        return result(.timeout, activeRecord(id), evidence: state().evidence, options)
      }
      outcome = WaitOutcome(reason: .command, evidence: .osc133, match: nil, generation: generation)
    }
    guard let finished = runs.finished.last(where: { $0.id == id }) else {
      let record = activeRecord(id)
      return result(outcome.evidence == .termios ? .password : .input, record, evidence: outcome.evidence, options)
    }
    switch finished.end {
    case .incomplete:
      throw SessionError(
        .invalidRequest,
        "The shell waits for more: the command is not complete (an open quote, 'if' without 'fi'). It was given up.")
    case .refused, .postponed: throw notTaken
    case .changed:
      throw SessionError(
        .runCancelled,
        "The run was given up: the line editor in \(name) has run another line, of which the command was a part. Whether it did what it was to do is not known; look at the screen."
      )
    case .unbegun:
      throw SessionError(
        .lineInUse,
        "The shell of \(name) gave up the line that was to begin the command, and nothing was run: a variable that it sets itself may be read-only there ('readonly _'). Use another session, or have this shell replaced ('exec')."
      )
    case .ended(let status, let record):
      if record != nil { await shellGoesOn() }
      // With the evidence that there is now.
      let record = record.flatMap { commands.record($0.id) } ?? record
      return result(
        record?.evidence == .exit ? .exit : .command, record, status: status, finished.output,
        record?.evidence ?? .osc133, options)
    case .unseen(let record):
      return result(.command, record, status: nil, finished.output, .ttyRead, options)
    case .cancelled:
      throw SessionError(
        .runCancelled,
        "The run was cancelled, and its end was not seen within \(SessionLimits.cancelPatience.milliseconds) ms of ctrl+c: its command may go on in \(name). Look at the screen; 'roost signal \(name) KILL' ends what has the terminal."
      )
    case .neverBegun:
      throw SessionError(
        .runCancelled,
        "The run was given up: its command was not seen to begin, and a shell is at its prompt in \(name) again. What the command was typed to made something else of it, or is gone; look at the screen."
      )
    case .exit(let record):
      guard let record else {
        throw SessionError(.sessionEnded, "The session \(name) ended before the command was seen to begin.")
      }
      return result(.exit, record, status: record.exitStatus, finished.output, .exit, options)
    }
  }

  /// fish tells the end of `exit` as that of any other command, and ends only then: its prompt, which follows at once, says that it goes on.
  private func shellGoesOn() async {
    let deadline = ContinuousClock.now + SessionLimits.promptPatience
    while shellNeedsCancel, commands.phase == .betweenCommands, exit == nil, ContinuousClock.now < deadline {
      _ = try? await wait(
        for: [.activity(since: generation, orAfter: .milliseconds(5))], timeout: SessionLimits.promptPatience,
        onTimeout: Self.overtime)
    }
  }

  func activeRecord(_ id: UInt64) -> CommandRecord? {
    guard let run = runs.active, run.id == id, case .running(let record) = run.stage else { return nil }
    return commands.record(record)
  }

  private func result(
    _ reason: CommandResult.Reason, _ record: CommandRecord?, evidence: Evidence, _ options: RunOptions
  ) -> CommandResult {
    let output = record.flatMap { outputs.output(for: $0.id) } ?? CommandOutput()
    return result(reason, record, status: record?.exitStatus, output, evidence, options)
  }

  private func result(
    _ reason: CommandResult.Reason, _ record: CommandRecord?, status: Int?, _ output: CommandOutput,
    _ evidence: Evidence, _ options: RunOptions
  ) -> CommandResult {
    let parts = output.parts(head: options.head, tail: options.tail)
    let isWhole = parts.omitted == 0
    return CommandResult(
      reason: reason, record: record, exitStatus: status, head: isWhole ? [] : parts.head,
      tail: isWhole ? parts.head + parts.tail : parts.tail, omitted: parts.omitted, evidence: evidence,
      generation: generation)
  }
}

extension RunEnd {
  var isWithoutRecord: Bool { if case .ended(_, nil) = self { true } else { false } }
  var isUnseen: Bool { if case .unseen = self { true } else { false } }
}

/// A run that is over, for those who wait for it.
struct FinishedRun {
  let id: UInt64
  let way: ActiveRun.Way
  let end: RunEnd
  let output: CommandOutput
}
