import Causality
package import Formats
import Metrics
package import Net
package import Sys
package import TerminalEngine

/// One PTY with its program, its true screen, its history and its clients.
///
/// Everything of a session happens on one event loop: the PTY is read there, the screen is kept there, viewers are written from
/// there. Nothing on the way from the PTY to a viewer hops to another thread.
package actor Session {
  /// The loop that the session, its PTY and its viewers share.
  package nonisolated let loop: EventLoop
  /// Stable identity (UUID); the name may change.
  package nonisolated let id: String
  package nonisolated let pid: Int32
  /// As ``SessionSpec/maker``.
  package nonisolated let maker: String?
  /// What was asked to run, for people.
  package nonisolated let command: String
  package nonisolated let startedAt: Timestamp
  nonisolated let traffic: SessionTraffic
  /// Where those who keep a picture of all sessions are told that this one has changed.
  nonisolated let shelf: BoardShelf?

  package internal(set) var name: SessionName
  package internal(set) var tags: Set<Tag>
  package internal(set) var endedAt: Timestamp?
  /// How the program ended; `nil` while it runs.
  package internal(set) var exit: ExitStatus?

  var terminal: Terminal
  var activity: Activity
  var commands: CommandLog
  var places = OutputPlaces()
  var pty: PTY
  var viewers = ViewerTable()
  var frames = FramePace()
  /// Who decides how large it is.
  package internal(set) var sizePolicy: SizePolicy
  var observers: [ObserverID: Observer] = [:]
  var waiters: [Int: Waiter] = [:]
  /// The rows of the screen as text, while there are waits for one and a moment longer; made anew when something has changed.
  var screenRows: ScreenRows?
  var rowsTimer: LoopTimer?
  /// How long output has waited for them lately, and until when it does.
  var outputPause = OutputPause()
  var pauseTimer: LoopTimer?
  var nextTicket = 1
  /// The pastes that wait for their reader to be known, in the order in which they came.
  var pastesWaiting: [Int] = []
  /// Those who pause until queued input has been taken.
  var inputDrained: [@Sendable () -> Void] = []
  /// Those who wait for a synchronized update (DEC 2026) to end before they look at the screen.
  var afterUpdate: [() -> Void] = []
  var updateTimer: LoopTimer?
  /// When the pause between two rounds of writing to viewers ends.
  var pumpTimer: LoopTimer?
  /// The viewer that the next such round begins with.
  var nextPumped = 0
  var pumpTurn = LongTurn(longest: SessionLimits.pictureTurn)
  /// While viewers wait for it.
  var viewerPicture: ViewerPicture?
  var pictureTimer: LoopTimer?
  private var sealTimer: LoopTimer?
  private var outputTurn = LongTurn(longest: SessionLimits.longWork)
  /// Until more output is shown, when what was shown last took long.
  private var outputTimer: LoopTimer?
  /// Those who wait for that, to go on with what the program printed last.
  private var outputAwaited: [CheckedContinuation<Void, Never>] = []
  /// Somebody ends it: nobody waits for what is not shown by then.
  var isBeingEnded = false { didSet { if isBeingEnded { goOn() } } }
  var rest = TerminalRest()
  /// Of whose typing the viewers were told last.
  var toldOfTyping: (viewer: ViewerID?, by: String?, at: ContinuousClock.Instant)?
  var runs = SessionRuns()
  /// The shell that said last that it has our scripts.
  var markedShell: ProcessImage?
  private var arrivals: UInt64 = 0
  /// What runs printed lately.
  var outputs = CapturedOutputs()
  /// What has been typed and not been sent off by an Enter.
  var typedLine = TypedLine()
  /// Who reads what was typed exactly last.
  var inputReader: InputReader?
  /// When nothing was owed last: how many lines had been sent off, and how many prompts had come.
  var promptsSettled: (lines: UInt64, prompts: UInt64)
  /// What a shell somewhere else is to read once it says that it does.
  var typedScript: String?
  let began = ContinuousClock.now
  /// The generation of the last input that was not a run's own.
  var lastInputGeneration: UInt64 = 0
  /// The same of the last that the program could read any of: an unfinished line in line mode is still the terminal's.
  var lastSentGeneration: UInt64 = 0
  /// When somebody sent off a line last, or took one away with ctrl+c.
  var lastSubmittedAt: ContinuousClock.Instant?
  /// When the last input was, a run's own among them.
  var lastInputAt = ContinuousClock.now
  /// Where runs are handed to shells of this machine: the name of a file in a folder of the user's own.
  nonisolated let runFile: String?
  var numbers: SessionNumbers
  /// Has the keeper know that numbers below that one may have been given.
  private let setNumbersAside: @Sendable (Int) -> Void
  /// An earlier server had it: what its shell said then is not known.
  var isAdopted = false
  /// Until its program has been given its size back, which was another for a moment to have it paint anew.
  var repaintTimer: LoopTimer?
  var chronicle: Chronicle
  /// What the shelf has been told and has not looked at yet.
  var mark = BoardMark.none
  /// It is no longer listed.
  private(set) var isRemoved = false

  package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  init(
    id: String, label: SessionLabel, size: TerminalEngine.TerminalSize, pid: Int32, master: CInt, loop: EventLoop,
    traffic: SessionTraffic = SessionTraffic(), announcer: SessionAnnouncer? = nil, tellsClipboard: Bool = false,
    shelf: BoardShelf? = nil,
    runFile: String? = nil, numbers: SessionNumbers = SessionNumbers(), generation: UInt64 = 0,
    setNumbersAside: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.runFile = runFile
    self.numbers = numbers
    self.setNumbersAside = setNumbersAside
    activity = Activity(generation: generation)
    runs.nextNumber = numbers.first
    self.id = id
    name = label.name
    tags = label.tags
    sizePolicy = label.sizePolicy
    command = label.command
    startedAt = label.startedAt
    self.loop = loop
    self.traffic = traffic
    self.shelf = shelf
    self.pid = pid
    maker = label.maker
    var options = label.history.options
    options.allowsTitleReports = label.allowsTitleReports
    terminal = Terminal(size: size, options: options)
    terminal.decompress = { HistoryCodec.decompress($0, $1) }
    commands = CommandLog(nonce: label.nonce, firstID: numbers.first)
    // Before it reads the first line, a shell prints a prompt that answers none.
    promptsSettled = (0, label.nonce == nil ? 0 : 1)
    pty = PTY(master: master)
    chronicle = Chronicle(announcer, tellsClipboard: tellsClipboard)
  }

  /// Begins to read the PTY. Once, before anything else is asked.
  func start(isAdopted: Bool = false) throws(SessionError) {
    // The number of a closed descriptor may be another file's by now.
    guard pty.isOpen else {
      throw SessionError(.sessionEnded, "The session \(name) was removed before it had begun.")
    }
    do {
      try setNonBlocking(pty.master)
      pty.device = PseudoTerminal.device(of: pty.master)
      // Unowned: the watch is the session's own, and is cancelled before the session goes.
      pty.watch = try loop.watch(pty.master, .readable) { [unowned self] readiness in
        assumeIsolated { $0.ready(readiness) }
      }
    } catch {
      throw SessionError(.sessionCreateFailed, "The session's terminal could not be watched: \(error).")
    }
    if isAdopted {
      promptsSettled = (0, 0)
      typedLine.isUnknown = true
    }
    announceBeginning(isAdopted: isAdopted)
  }

  /// For whoever is to hold the terminal beside it; the caller closes it. Nil once it is closed.
  func duplicateOfMaster() -> CInt? { pty.isOpen ? try? duplicateDescriptor(pty.master) : nil }

  // MARK: facts

  /// Counts the pieces of input and output; see ``Activity``.
  package var generation: UInt64 { activity.generation }
  package var size: TerminalEngine.TerminalSize { terminal.size }
  package var title: String { terminal.title }
  package var lastActivityMs: Int { activity.quiet().milliseconds }
  package var isAlternateScreen: Bool { terminal.isAlternateScreen }
  package var cursor: Cursor { terminal.cursor }
  /// Lines kept, the screen's included.
  package var totalLines: Int { terminal.lineCount }
  package var clientCount: Int { viewers.count + observers.values.count { $0.client != nil } }

  // MARK: reading

  private func ready(_ readiness: Readiness) {
    if readiness.contains(.writable) { flushInput() }
    guard readiness.contains(.readable) || readiness.contains(.hangup) else { return }
    // Those who look for a text are behind: what they have yet to see is not to be pushed out.
    guard pty.isReading else { return }
    // Of a flood, whatever else this poll has found goes first: a keystroke is not to wait for its turn.
    guard pty.isFlooding else {
      _ = readOutput()
      return
    }
    loop.later { [weak self] in self?.assumeIsolated { if $0.pty.isReading { _ = $0.readOutput() } } }
  }

  /// Reads what the PTY holds, up to one turn's share, and shows it. Returns whether there may be more at once.
  ///
  /// Each piece is fed to the terminal before the next is read: the kernel's worker refills the line discipline's 4 KiB meanwhile. And it
  /// is given the processor, since a read that found nothing would sleep until the worker has run: figures in docs/benchmarks.md.
  private func readOutput() -> Bool {
    guard pty.isOpen, outputTimer == nil else { return false }
    if outputTurn.wasLong, let wait = outputTurn.wait(on: loop, now: .now) {
      pauseOutput(for: wait)
      return false
    }
    return withUnsafeTemporaryAllocation(byteCount: SessionLimits.turnBytes, alignment: 16) { buffer in
      var filled = 0
      var more = true
      var turn: OutputTurn?
      reading: while filled < buffer.count {
        let wasUnshown = !pty.unshown.isEmpty
        switch nextPiece(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])) {
        case .bytes(let count):
          var present = turn ?? beginTurn()
          let piece = UnsafeRawBufferPointer(rebasing: buffer[filled..<(filled + count)])
          // It is told of each piece once, and is never behind the marks that the terminal finds.
          if !wasUnshown { outputs.running?.feed(piece) }
          let shown = feed(piece, &present)
          turn = present
          let isFirst = filled == 0
          filled += shown
          if shown < count {
            pty.unshown.keep(UnsafeRawBufferPointer(rebasing: piece[shown...]), sizeRequests: present.sizeRequests)
            break reading
          }
          pty.unshown.drop()
          if present.isLong { break reading }
          if count >= SessionLimits.shortRead || wasUnshown {
            if present.began.duration(to: .now) > SessionLimits.turnTime { break reading }
            yieldProcessor()
          } else if isFirst {
            // A little, as an echo: nobody is to wait for another read that finds nothing.
            more = false
            break reading
          }
        case .wouldBlock:
          more = false
          break reading
        case .endOfFile, .failed:
          // Every slave is closed. The program's exit status comes from the keeper, possibly later.
          more = false
          pty.stopWatching()
          break reading
        }
      }
      traffic.fromPrograms.add(filled)
      pty.isFlooding = filled > SessionLimits.shortRead || turn?.isLong == true
      if let turn {
        endTurn(turn, UnsafeRawBufferPointer(rebasing: buffer[0..<filled]))
        pauseOutput(after: turn)
      }
      return more && outputTimer == nil
    }
  }

  /// What is left of the last piece, or the next one that the PTY holds.
  private func nextPiece(into buffer: UnsafeMutableRawBufferPointer) -> TransferResult {
    guard !pty.unshown.isEmpty else { return pty.read(into: buffer) }
    buffer.copyBytes(from: pty.unshown.bytes)
    return .bytes(pty.unshown.bytes.count)
  }

  /// One turn's share of output.
  private struct OutputTurn {
    /// There was as much in the turn before.
    let isOfFlood: Bool
    let wasUpdating: Bool
    let began: ContinuousClock.Instant
    /// How many sizes the program may still ask for in the piece, and be given at once.
    var sizeRequests = SessionLimits.sizeRequests
    /// What the terminal may still do before it is looked how long that has taken.
    var work = SessionLimits.work
    /// Output that costs more than its bytes has been shown for so long that others have their turn.
    var isLong = false
    /// There was some of it.
    var isCostly = false
  }

  private func beginTurn() -> OutputTurn {
    let now = ContinuousClock.now
    beginPiece(at: now)
    return OutputTurn(isOfFlood: pty.isFlooding, wasUpdating: terminal.isSynchronized, began: now)
  }

  /// A turn that took long is followed by as much time for the rest of the loop.
  private func pauseOutput(after turn: OutputTurn) {
    guard turn.isCostly || outputTurn.wasLong, pty.isOpen else { return }
    let now = ContinuousClock.now
    let cost = turn.began.duration(to: now)
    guard turn.isCostly, let pause = outputTurn.took(cost, until: now, on: loop) else {
      if pty.unshown.isEmpty { outputTurn.ended(after: .zero) } else { pauseOutput(for: .zero) }
      return
    }
    pauseOutput(for: pause)
  }

  private func pauseOutput(for pause: Duration) {
    outputTimer?.cancel()
    pty.pause(true)
    outputTimer = loop.schedule(after: pause) { [weak self] in
      self?.assumeIsolated { $0.goOn() }
    }
  }

  /// Goes on with output that had to wait.
  private func goOn() {
    guard outputTimer != nil else { return }
    outputTimer?.cancel()
    outputTimer = nil
    pty.pause(false)
    let awaited = outputAwaited
    outputAwaited = []
    for continuation in awaited { continuation.resume() }
    // Who looks for a text and is behind has it gone on with: ``readingGoesOn()``.
    if awaited.isEmpty, pty.isReading { _ = readOutput() }
  }

  /// Output need not wait any more for those who look for a text in it. What is not shown of it nobody else would come back for.
  func readingGoesOn() {
    pty.isReading = true
    if !pty.unshown.isEmpty, outputTimer == nil { pauseOutput(for: .zero) }
  }

  /// Reads and shows what the program printed last. Where that costs much it takes its turns, unless somebody ends the session: then it is
  /// dropped after the first. What others go on printing to a terminal whose program has ended is no part of it: more than the kernel holds at
  /// once is not waited for.
  private func readRest() async {
    let end = pty.received + SessionLimits.restOfOutput
    while pty.isOpen, pty.received < end || !pty.unshown.isEmpty {
      if outputTimer != nil {
        if isBeingEnded { return }
        await withCheckedContinuation { outputAwaited.append($0) }
      } else if !readOutput(), outputTimer == nil, !pty.hasOutput {
        return
      }
    }
  }

  private func beginPiece(at now: ContinuousClock.Instant) {
    activity.touch(now: now)
    terminal.stamp = activity.generation
    places.append(.init(generation: activity.generation, line: cursorPosition.line, screenTop: terminal.screenTop))
  }

  /// The terminal has been fed; the others are told.
  private func endTurn(_ turn: OutputTurn, _ bytes: UnsafeRawBufferPointer) {
    pty.followLineMode()
    if terminal.hasReplies { answerQueries() }
    if terminal.hasEvents { takeEvents() }
    if turn.wasUpdating || terminal.isSynchronized { followUpdate(wasUpdating: turn.wasUpdating) }
    if !viewers.isEmpty {
      viewers.append(bytes)
      if viewers.hasRaw { if turn.isOfFlood { pumpViewersSoon() } else { pumpViewers() } }
      if viewers.hasPainted { paintViewers() }
    }
    if !observers.isEmpty { outputReachedObservers() }
    if !waiters.isEmpty { checkWaiters() }
    if sealTimer == nil { scheduleSealing() }
    stateMayChange()
    recordChanged(.activity)
  }

  private func answerQueries() {
    let replies = terminal.takeReplies()
    guard pty.queued < SessionLimits.replyBacklog else { return }
    var line = pty.pendingLine
    if let discipline = pty.discipline { _ = line.take(replies, discipline) }
    _ = pty.write(replies, leaving: line, isAhead: true)
    traffic.toPrograms.add(replies.count)
  }

  private func takeEvents() {
    var wishedSize: TerminalEngine.TerminalSize?
    var hasNotices = false
    for event in terminal.takeEvents() {
      switch event {
      case .mark(let mark):
        take(mark)
      case .cleared(let line): commands.cleared(line: line)
      case .reset: commands.cleared(line: terminal.screenTop)
      case .sizeRequested(let size): wishedSize = size
      // The screen and the record have them.
      case .iconName, .workingDirectory, .alternateScreen: break
      case .bell, .title, .clipboard, .progress, .notification:
        tellPainted(event)
        note(event)
        hasNotices = true
      }
    }
    if hasNotices { tellNotices() }
    if let wishedSize { programWishes(for: wishedSize) }
  }

  private func take(_ mark: Mark) {
    guard !isInherited(mark) else { return }
    let (before, typist) = (commands.lastID, commands.expected?.cause ?? commands.typist)
    // Where the line that is typed began: looked up before the log changes.
    let start: LinePosition? = if case .atPrompt(let position) = commands.phase { position } else { nil }
    let end = LinePosition(line: mark.line, column: mark.column)
    let taken = commands.take(
      mark, directory: workingDirectory, generation: activity.generation, at: .now(),
      typed: { start.map { typedText(from: $0, to: end) } ?? "" })
    if let finished = taken.finished { announceCommand(finished: finished) }
    if commands.lastID != before, let started = commands.records.last {
      announceCommand(started: started, because: typist)
      numberGiven()
    }
    if commands.arrivals != arrivals {
      arrivals = commands.arrivals
      markedShell = frontImage
    }
    if let signal = taken.run { runSignalled(signal, at: end) } else { runMayHaveEnded() }
    if taken.readsScript, let script = typedScript {
      typedScript = nil
      try? writeForRun(Array(script.utf8))
    }
    if taken.hasSavedLine, runs.active == nil, runs.putBack == nil { runs.putBack = RunFile.putBack }
    if runs.putBack != nil, case .atPrompt = commands.phase { giveBackTypedLine() }
  }

  /// The line that stands between the end of the prompt and that place.
  private func typedText(from start: LinePosition, to end: LinePosition) -> String {
    guard start < end, end.line - start.line < terminal.size.rows else { return "" }
    var text = terminal.text(from: start, to: end)
    while text.last == 0x0A { text.removeLast() }
    return String(decoding: text, as: UTF8.self)
  }

  /// Compresses old history once the session has been quiet for a while, so that nobody waits for it.
  private func scheduleSealing() {
    sealTimer = loop.schedule(after: SessionLimits.sealAfter) { [weak self] in
      self?.assumeIsolated { $0.sealHistory() }
    }
  }

  /// Compresses a few pages of history and comes back for the rest: others on the loop are not to wait for a long one.
  private func sealHistory() {
    sealTimer = nil
    guard exit != nil || activity.quiet() >= SessionLimits.sealAfter else { return scheduleSealing() }
    let sealed = HistoryCodec.withCompressor { terminal.sealHistory(atMost: SessionLimits.pagesSealed, $0) }
    guard let sealed else { return }
    if sealed.saved > 0 { FreedMemory.giveBackSoon(sealed.saved + HistoryCodec.workingBytes, on: loop) }
    guard !sealed.isDone else { return }
    sealTimer = loop.schedule(after: .milliseconds(1)) { [weak self] in
      self?.assumeIsolated { $0.sealHistory() }
    }
  }

  // MARK: synchronized updates

  private func followUpdate(wasUpdating: Bool) {
    if !terminal.isSynchronized {
      updateEnded()
    } else if !wasUpdating {
      waitForUpdate()
    }
  }

  private func waitForUpdate() {
    updateTimer = loop.schedule(after: SessionLimits.updatePatience) { [weak self] in
      self?.assumeIsolated { $0.updateEnded() }
    }
  }

  private func updateEnded() {
    updateTimer?.cancel()
    updateTimer = nil
    let waiting = afterUpdate
    afterUpdate = []
    for look in waiting { look() }
  }

  /// Feeds the terminal. While somebody waits for a whole picture, it stops behind every end of an update to let them look: one piece of
  /// output may hold the end of one update and the beginning of the next.
  ///
  /// - Returns: How many bytes were shown: all, unless it took too long.
  private func feed(_ bytes: UnsafeRawBufferPointer, _ turn: inout OutputTurn) -> Int {
    turn.sizeRequests = pty.unshown.isEmpty ? SessionLimits.sizeRequests : pty.unshown.sizeRequests
    var rest = bytes
    while !afterUpdate.isEmpty, terminal.isSynchronized, !rest.isEmpty {
      // The end of the update may have begun in the piece before: until that is sure, byte by byte.
      let isSureHere = rest.count < bytes.count - Session.updateEnd.count
      guard let end = isSureHere ? Session.endOfUpdate(in: rest) : 1 else { break }
      let shown = feedTerminal(UnsafeRawBufferPointer(rebasing: rest[..<end]), &turn)
      rest = UnsafeRawBufferPointer(rebasing: rest[shown...])
      if shown < end { return bytes.count - rest.count }
      guard !terminal.isSynchronized else { continue }
      updateEnded()
      // What follows came after what they have seen.
      if !rest.isEmpty { beginPiece(at: .now) }
    }
    return bytes.count - rest.count + feedTerminal(rest, &turn)
  }

  /// A size that the program asks for is given before what it prints next is shown, and before what it asks next is answered. Of more
  /// sizes in one piece than anybody means the last one counts: each wraps all lines anew.
  ///
  /// - Returns: How many bytes were shown. The rest waits where what they cost has taken too long.
  private func feedTerminal(_ bytes: UnsafeRawBufferPointer, _ turn: inout OutputTurn) -> Int {
    var rest = bytes
    while !rest.isEmpty {
      let taken = terminal.feed(rest, work: &turn.work, untilSizeRequest: turn.sizeRequests > 0)
      rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
      if terminal.hasStoppedForSize {
        turn.sizeRequests -= 1
        takeEvents()
      } else if turn.work > 0 {
        break
      }
      turn.work = SessionLimits.work
      turn.isCostly = true
      turn.isLong = turn.began.duration(to: .now) > SessionLimits.workTime
      if turn.isLong { break }
    }
    return bytes.count - rest.count
  }

  private static let updateEnd = Array("\u{1B}[?2026l".utf8)

  /// Offset just behind the first `CSI ? 2026 l`.
  private static func endOfUpdate(in bytes: UnsafeRawBufferPointer) -> Int? {
    let sequence = updateEnd
    guard bytes.count >= sequence.count else { return nil }
    return (0...(bytes.count - sequence.count)).first { start in
      bytes[start] == 0x1B && bytes[start..<(start + sequence.count)].elementsEqual(sequence)
    }.map { $0 + sequence.count }
  }

  /// What `look` makes of the session when its picture is whole: at once, or at the end of the update that is being painted, but no later
  /// than the patience allows.
  package func whenWhole<Value: Sendable>(_ look: @escaping @Sendable (isolated Session) -> Value) async -> Value {
    guard terminal.isSynchronized, exit == nil else { return look(self) }
    return await withCheckedContinuation { continuation in
      onceWhole { continuation.resume(returning: look(self)) }
    }
  }

  /// The same for those on the session's loop who do not wait in a task.
  package func onceWhole(_ look: @escaping () -> Void) {
    guard terminal.isSynchronized, exit == nil else { return look() }
    // An update that never ends does not hide the screen for ever. The time counts from the first who waits: the timer of the update
    // may be an earlier one's, whose end came in one piece with the beginning of this.
    if afterUpdate.isEmpty {
      updateTimer?.cancel()
      waitForUpdate()
    }
    afterUpdate.append(look)
  }

  // MARK: end

  /// The program has ended. What it printed last is still read, then everybody is told.
  func ended(_ status: ExitStatus) async {
    // A short read is not the end of it: the kernel may not have passed on the rest yet, which looking for it makes it do.
    await readRest()
    // It may have been removed meanwhile.
    guard exit == nil else { return }
    exit = status
    endedAt = .now()
    closeTerminal()
    let cut = commands.end(exitStatus: exit.jsonFields.status, at: .now(), position: cursorPosition)
    if let cut { announceCommand(finished: cut) }
    runEndedWithSession()
    announceEnd()
    announceAllDetached(.sessionEnded)
    sealTimer?.cancel()
    sealTimer = nil
    updateEnded()
    sealHistory()
    let drained = inputDrained
    inputDrained = []
    for resume in drained { resume() }
    endViewers()
    endObservers()
    checkWaiters()
  }

  /// The session is being removed: whoever still looks at it is told and let go.
  func removed(because cause: Cause? = nil) {
    isRemoved = true
    if exit == nil {
      // Nobody has been told of the end of its program.
      exit = .unknown
      endedAt = .now()
      let cut = commands.end(exitStatus: nil, at: .now(), position: cursorPosition)
      if let cut { announceCommand(finished: cut) }
      willEnd(because: cause)
      announceEnd()
    }
    announceAllDetached(.sessionRemoved)
    announceRemoval(because: cause)
    shelf?.take(away: id)
    closeTerminal()
    updateEnded()
    detachViewers(reason: "removed")
    endObservers()
    failWaiters(SessionError(.sessionEnded, "The session \(name) was removed."))
  }

  /// What has not been shown is dropped.
  private func closeTerminal() {
    pty.close()
    goOn()
  }

  /// Where the cursor stands in the text printed so far.
  var cursorPosition: LinePosition {
    LinePosition(line: terminal.screenTop + terminal.cursor.row, column: terminal.cursor.column)
  }

  /// A command or a waiting run has got a number.
  func numberGiven() {
    if let end = numbers.next(max(commands.lastID + 1, runs.nextNumber)) { setNumbersAside(end) }
  }

  func ticket() -> Int {
    defer { nextTicket += 1 }
    return nextTicket
  }
}

extension Session {
  /// The store gave the session another name or other tags.
  func identify(name: SessionName, tags: Set<Tag>) {
    let (oldName, oldTags) = (self.name, self.tags)
    self.name = name
    self.tags = tags
    announceIdentity(before: oldName, oldTags)
    if name != oldName { tellViewers(.renamed(name.text)) }
  }
}
