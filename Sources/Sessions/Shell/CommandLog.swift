import Causality
import Formats
import TerminalEngine

/// Follows a shell's marks and keeps the records of its commands. Pure: times come in as values.
///
/// A mark is a shell's own when it carries the shell's nonce (`aid`) and a number (`n`) that is no smaller than the last: the numbers count the
/// prompts, so a mark that was recorded and is printed again is not believed. A shell inside the shell (over ssh, or `bash` typed at the
/// prompt) that was given our scripts has a nonce of its own.
struct CommandLog {
  /// Enough for a day of work; an older record's output has left the history long before.
  static let maximumRecords = 512
  /// Shells within shells that are followed.
  static let maximumSigners = 16
  /// The longest command line that lines of one paste grow to.
  static let maximumCommand = 64 << 10

  /// Where the shell is.
  enum Phase: Equatable {
    /// No mark yet: a program that is not a shell, or one without integration.
    case unknown
    /// The prompt is being printed.
    case prompting
    /// The prompt stands and waits for a line. `at` is where the line begins.
    case atPrompt(at: LinePosition)
    /// A command runs.
    case running
    /// A command has ended and the next prompt has not begun.
    case betweenCommands
  }

  /// What the marks told of the run that is in progress.
  enum RunSignal: Equatable {
    /// The line editor has the command. `putBack`: what had been half typed is to be asked for once the prompt stands.
    case taken(putBack: Bool)
    /// Its command has begun, as the record of that number.
    case began(Int)
    /// It is over; without a record when the shell found nothing to run in it.
    case ended(status: Int?, record: CommandRecord?)
    /// The same, and it was told only when the next prompt had been painted.
    case endedLate(status: Int?, record: CommandRecord)
    /// The shell wants more lines. `isGivenUp`: it has dropped the command itself.
    case incomplete(isGivenUp: Bool)
    /// A plain shell has given up what was to begin it, or all of it before it began, with that status.
    case givenUp(status: Int?)
    /// The line editor is in the middle of something else, and has not taken the command.
    case refused
    /// It has run another line, in which the run's own was.
    case changed
    /// It has not taken it, and can after the next prompt.
    case postponed
    /// The command itself edits a line.
    case editsLine
  }

  /// A run that was typed and is to come back.
  struct Expected {
    var id: UInt64
    var command: String
    var cause: Cause?
    /// It is given to a plain shell that runs inside a command of a shell with marks, which goes on.
    var isInside = false
    /// The line editor has said that it has it: a prompt for more lines is its own from here on.
    var isTaken = false
  }

  /// One shell that signs its marks.
  private struct Signer {
    var nonce: String?
    /// Whether its line editor finds the commands that it is given: it reads our files.
    var takesRuns = true
    /// Whether its script was typed to it, at the other end of a program.
    var isElsewhere = false
    /// Whether its line editor must be told to give up a search before it is given one; it says so when it has read our scripts.
    /// `nil` where that was said to an earlier server.
    var needsCancel: Bool?
    /// How often in a row its line editor has not answered the keys by which it is given a run.
    var unansweredKeys = 0
    /// The greatest number seen when that happened last.
    var unansweredAt: UInt64 = 0
    /// The greatest number seen.
    var count: UInt64 = 0
    /// Whether it has marked its prompts and commands at all.
    var isSeen = false
    /// The record that runs in it.
    var open: Int?
  }

  private(set) var phase = Phase.unknown
  private(set) var records: [CommandRecord] = []
  /// The session's generation when the last prompt came to stand.
  private(set) var promptGeneration: UInt64 = 0
  /// How many prompts have come to stand.
  private(set) var promptCount: UInt64 = 0
  /// The status that the shell reported last, of a command or of a line that never became one.
  private(set) var lastExitStatus: Int?
  /// Who typed last, and so the line that runs next.
  var typist: Cause?
  private var nextID: Int
  /// The command line that runs next: what the shell announced.
  private var announced: (text: String, isRepeat: Bool)?
  /// The session's own shell first, then those inside it.
  private var signers: [Signer]
  /// Which of them the marks came from last.
  private(set) var current = 0
  /// The records of runs in plain shells that another command has started, the outermost first.
  private var insides: [Int] = []
  /// How many shells have said that they have read our scripts.
  private(set) var arrivals: UInt64 = 0
  /// The shell's prompt asks for the rest of a command of several lines.
  private(set) var isContinuing = false
  /// The shell has said that it can mark nothing.
  private(set) var isWithoutMarks = false
  /// The run in progress.
  var expected: Expected?
  /// What a shell somewhere else says when it is ready to read its script.
  var awaitedWord: String?
  /// What it says when it has found that word in the file by which runs are handed over.
  private var wordInFile: String?
  /// The line where the prompt began that is being painted, and how many lines the last one has before its own.
  private var promptStart: (line: Int, signer: Int)?
  private(set) var promptHeight = 0
  /// Where the last prompt came to stand, after which command, and its number.
  private var lastPrompt: (position: LinePosition, id: Int, count: UInt64, signer: Int)?

  /// - Parameter firstID: The number of the first command.
  init(nonce: String?, firstID: Int = 1) {
    signers = [Signer(nonce: nonce)]
    nextID = firstID
  }

  /// A prompt stands that asks for a new command, and not for the rest of one.
  var standsAtPrompt: Bool { if case .atPrompt = phase { !isContinuing } else { false } }

  /// The nonce that the session's own shell was given.
  var nonce: String? { signers[0].nonce }
  /// Whether the shell whose marks came last is one of ours: it can be given a run.
  var isSigned: Bool { signers[current].nonce != nil && signers[current].isSeen }

  /// Whether the shell whose marks came last can be given a run by its line editor.
  var takesRuns: Bool { isSigned && signers[current].takesRuns && !isWithoutMarks && !hasLostKeys }

  /// Whether it could, had it not lost the keys for that (`bind -r`): it is given one as a shell without our scripts is.
  ///
  /// Keys that were not answered once may have been lost on their way (to an interrupt): with the next prompt they are tried again.
  var hasLostKeys: Bool {
    let signer = signers[current]
    return signer.unansweredKeys > 1 || signer.unansweredKeys == 1 && signer.count <= signer.unansweredAt
  }

  /// Its line editor has not answered where it should have.
  mutating func losesKeys() {
    signers[current].unansweredKeys += 1
    signers[current].unansweredAt = signers[current].count
  }

  /// Whether the line editor of the shell whose marks came last is to be told to give up a search or a menu before it is given a run (fish).
  /// `nil` when the shell has not said.
  var needsCancel: Bool? { signers[current].needsCancel }

  /// Follows a shell inside the session's, which was given this nonce.
  mutating func follow(nonce: String) { follow(Signer(nonce: nonce)) }

  /// Follows one to which its script is typed, once it says that it reads it: with the word, which it may also find where runs are handed over.
  mutating func follow(nonce: String, elsewhere word: String) {
    follow(Signer(nonce: nonce, takesRuns: false, isElsewhere: true))
    awaitedWord = word
    wordInFile = word
  }

  private mutating func follow(_ signer: Signer) {
    if signers.count >= CommandLog.maximumSigners { signers.remove(at: 1) }
    signers.append(signer)
    current = min(current, signers.count - 2)
  }

  /// Whether the shell that was given this nonce stands at its prompt.
  func isAtPrompt(of nonce: String) -> Bool {
    guard case .atPrompt = phase else { return false }
    return signers[current].nonce == nonce && signers[current].isSeen
  }

  /// Whether the marks came last from a shell to which its script was typed.
  var isElsewhere: Bool { signers[current].isElsewhere }

  /// Its line editor does not find what it is given: it is told by lines.
  mutating func losesFile() { signers[current].takesRuns = false }

  /// What one mark changed.
  struct Taken {
    /// The record that it completed.
    var finished: CommandRecord?
    var run: RunSignal?
    /// The shell that is to be integrated reads its script now.
    var readsScript = false
    /// The shell keeps what had been half typed when a run came.
    var hasSavedLine = false
  }

  /// Takes one mark.
  ///
  /// - Parameter typed: The line as it stands on the screen, from the end of the prompt to the mark.
  @discardableResult
  mutating func take(
    _ mark: Mark, directory: @autoclosure () -> String?, generation: UInt64, at time: Timestamp,
    typed: () -> String = { "" }
  ) -> Taken {
    let run = mark.options["run"].flatMap { UInt64($0) }
    let isExpected = run != nil && run == expected?.id
    var mark = mark
    if let base = mark.options[CommandMarker.option] {
      mark.exitStatus = mark.exitStatus.map { CommandMarker.exitStatus($0, base: base) }
    }
    // The marks of a plain shell's run carry nothing but its number.
    let isPlainRun = isExpected && mark.options[CommandMarker.option] != nil
    if mark.kind == .property, let word = awaitedWord, mark.options["roost"] == "send", mark.options["word"] == word {
      awaitedWord = nil
      return Taken(readsScript: true)
    }
    if mark.kind == .property, let word = wordInFile, mark.options["roost"] == "file", mark.options["word"] == word {
      wordInFile = nil
      signers[signers.count - 1].takesRuns = true
      return Taken()
    }
    let position = LinePosition(line: mark.line, column: mark.column)
    if !isExpected, mark.kind == .commandEnd, mark.options[CommandMarker.option] != nil, let run,
      let outer = openRecord(of: run)
    {
      return endOuter(outer, exitStatus: mark.exitStatus, at: position, time: time)
    }
    if mark.kind != .commandLine, !isPlainRun {
      guard let signer = signer(of: mark) else { return Taken() }
      current = signer
    }
    switch mark.kind {
    case .promptStart:
      isContinuing = false
      // A shell that lost its command to an interrupt prints a prompt without having said D.
      let interrupted = finish(from: current, exitStatus: nil, at: position, time: time)
      phase = .prompting
      promptStart = (position.line, current)
      return Taken(finished: interrupted)
    case .promptEnd:
      let late = signers[current].open.flatMap { _ in endedBehindPrompt(mark, at: position, time: time) }
      if let start = promptStart, start.signer == current { promptHeight = max(0, position.line - start.line) }
      promptStart = nil
      promptStands(at: position, generation: generation)
      return late ?? Taken()
    case .commandLine:
      if signers.contains(where: { $0.nonce == nil || $0.nonce == mark.nonce }) {
        announced = (mark.text, mark.options["again"] != nil)
      }
      return Taken()
    case .outputStart:
      return begin(mark, isExpected, at: position, directory: directory, time: time, typed: typed)
    case .commandEnd:
      return end(mark, isExpected, at: position, time: time)
    case .property:
      if isExpected, mark.options["roost"] == "back" {
        // The prompt of a plain shell that gave the whole command up.
        let status = mark.options["status"].flatMap { Int($0) }
          .map { CommandMarker.exitStatus($0, base: mark.options[CommandMarker.option]) }
        guard let run, openRecord(of: run) != nil else { return Taken(run: .givenUp(status: status)) }
        lastExitStatus = status
        if !insides.isEmpty { return endInside(exitStatus: status, at: position, time: time) }
        let finished = finish(from: current, exitStatus: status, at: position, time: time)
        phase = .unknown
        return Taken(finished: finished, run: .ended(status: status, record: finished))
      }
      return Taken(run: property(mark, isExpected), hasSavedLine: mark.options["roost"] == "saved")
    }
  }

  /// Which shell signed it; `nil` when none did whose marks are believed.
  private mutating func signer(of mark: Mark) -> Int? {
    guard let index = signers.lastIndex(where: { $0.nonce != nil && $0.nonce == mark.options["aid"] }) else {
      // Where a shell signs, nobody else is believed.
      return signers.contains { $0.nonce != nil && $0.isSeen } || expected != nil ? nil : 0
    }
    let number = mark.options["n"].flatMap { UInt64($0) } ?? 0
    guard number >= signers[index].count else { return nil }
    // The prompt behind a command has a greater number; this one is the command's own, printed again.
    let isPrompt = mark.kind == .promptStart || mark.kind == .promptEnd && mark.options["by"] != "fish"
    if isPrompt, number == signers[index].count, signers[index].open != nil { return nil }
    signers[index].count = number
    signers[index].isSeen = true
    return index
  }

  /// The prompt stands, and nobody has told of the end of the command before it.
  private mutating func endedBehindPrompt(_ mark: Mark, at position: LinePosition, time: Timestamp) -> Taken {
    let status = mark.options["status"].flatMap { Int($0) }
    lastExitStatus = status
    let finished = finish(from: current, exitStatus: status, at: beforePrompt(position), time: time)
    guard let finished, finished.run == expected?.id, expected != nil else { return Taken(finished: finished) }
    return Taken(finished: finished, run: .endedLate(status: status, record: finished))
  }

  /// Where the prompt began that ends there, if it is as high as the one before it.
  private func beforePrompt(_ position: LinePosition) -> LinePosition {
    LinePosition(line: position.line - promptHeight, column: 0)
  }

  private mutating func promptStands(at position: LinePosition, generation: UInt64) {
    let count = signers[current].count
    // A prompt that is painted again is no new one.
    let isNew =
      if let last = lastPrompt {
        last.id != lastID || last.signer != current || last.count != count
          || count == 0 && last.position.line != position.line
      } else {
        true
      }
    if isNew {
      promptGeneration = generation
      promptCount += 1
    }
    lastPrompt = (position, lastID, count, current)
    phase = .atPrompt(at: position)
  }

  private mutating func begin(
    _ mark: Mark, _ isExpected: Bool, at position: LinePosition, directory: () -> String?, time: Timestamp,
    typed: () -> String
  ) -> Taken {
    let told = announced
    announced = nil
    isContinuing = false
    if isExpected, let expected, expected.isInside, mark.options[CommandMarker.option] != nil {
      if insides.last.flatMap({ record($0) })?.run != expected.id {
        if insides.count >= CommandLog.maximumSigners { insides.removeFirst() }
        insides.append(append(expected.command, mark, true, at: position, directory(), time))
      }
      return Taken(run: .began(lastID))
    }
    // A shell that runs its input line by line says so for each: it is one command, and the first line began it.
    if let open = signers[current].open, phase == .running, !isExpected || !isOfAnotherRun(open) {
      if isExpected, let index = index(of: open), records[index].run == nil, let expected {
        // The line of a run that was typed at a prompt with marks: it is the run, whatever the line looks like.
        records[index].run = expected.id
        records[index].command = expected.command
        records[index].evidence = .marker
        records[index].outputStart = position
        return Taken(run: .began(open))
      }
      if let told, let index = index(of: open), records[index].run == nil, let before = records[index].command,
        before.utf8.count + told.text.utf8.count < CommandLog.maximumCommand
      {
        records[index].command = before + "\n" + told.text
      }
      return Taken()
    }
    let interrupted = finish(from: current, exitStatus: nil, at: position, time: time)
    var command = isExpected ? expected?.command : mark.text.isEmpty ? nil : mark.text
    if !isExpected, let told {
      command = !told.isRepeat || typed() == told.text ? told.text : nil
    }
    signers[current].open = append(command, mark, isExpected, at: position, directory(), time)
    typist = nil
    phase = .running
    return Taken(finished: interrupted, run: isExpected ? .began(lastID) : nil)
  }

  /// Whether a run that is not waited for any more has begun it: the shell that it made of this one (`exec`) has taken a new run.
  private func isOfAnotherRun(_ record: Int) -> Bool {
    guard let run = self.record(record)?.run else { return false }
    return run != expected?.id
  }

  /// A new record; its number.
  private mutating func append(
    _ command: String?, _ mark: Mark, _ isExpected: Bool, at position: LinePosition, _ directory: String?,
    _ time: Timestamp
  ) -> Int {
    let cause = isExpected ? expected?.cause : typist
    records.append(
      CommandRecord(
        id: nextID, command: command, directory: directory, startedAt: time, outputStart: position,
        evidence: mark.options[CommandMarker.option] != nil ? .marker : mark.dialect == .osc633 ? .osc633 : .osc133,
        principal: cause?.principal, correlationID: cause?.correlationID, run: isExpected ? expected?.id : nil))
    nextID += 1
    if records.count > CommandLog.maximumRecords { records.removeFirst(records.count - CommandLog.maximumRecords) }
    return lastID
  }

  /// The run in the inner shell has ended; the command that has started that shell goes on.
  private mutating func endInside(exitStatus: Int?, at position: LinePosition, time: Timestamp) -> Taken {
    lastExitStatus = exitStatus
    let finished = insides.popLast().flatMap { close($0, exitStatus: exitStatus, at: position, time: time) }
    return Taken(finished: finished, run: .ended(status: exitStatus, record: finished))
  }

  /// A run that is not waited for any more has ended, and with it the shell that it had started: later runs were given to that one.
  private mutating func endOuter(_ record: Int, exitStatus: Int?, at position: LinePosition, time: Timestamp) -> Taken {
    lastExitStatus = exitStatus
    if let place = insides.firstIndex(of: record) {
      return Taken(finished: closeInsides(from: place, exitStatus: exitStatus, at: position, time: time))
    }
    guard let signer = signers.firstIndex(where: { $0.open == record }) else { return Taken() }
    current = signer
    phase = .unknown
    return Taken(finished: finish(from: signer, exitStatus: exitStatus, at: position, time: time))
  }

  /// Ends those runs in plain shells from that one on, the innermost first. Returns the outermost of them.
  private mutating func closeInsides(
    from place: Int, exitStatus: Int?, at position: LinePosition, time: Timestamp
  ) -> CommandRecord? {
    var outermost: CommandRecord?
    while insides.count > place, let inside = insides.popLast() {
      outermost = close(inside, exitStatus: exitStatus, at: position, time: time)
    }
    return outermost
  }

  /// What marks of the end of a command carry that are told by the shells around the one that a run is given to: `isInside` as in
  /// ``Expected``.
  func outerSigns(isInside: Bool) -> [String] {
    let nonces = signers[..<(isInside ? current + 1 : current)].compactMap(\.nonce)
    let runs = (insides + signers.compactMap(\.open)).compactMap { record($0)?.run }
    return nonces.map { "aid=\($0)" } + runs.map { "run=\($0)" }
  }

  /// The shell whose marks came last, as what it prints for a run is told from its prompt.
  var promptingShell: RunCapture.Shell? {
    signers[current].nonce.map { RunCapture.Shell(nonce: $0, prompt: signers[current].count) }
  }

  /// The record of a run that has begun and not ended.
  private func openRecord(of run: UInt64) -> Int? {
    (insides + signers.compactMap(\.open)).first { record($0)?.run == run }
  }

  /// Ends a record of which no mark will tell: `evidence` has.
  mutating func endUnseen(
    _ record: Int, by evidence: Evidence, at position: LinePosition, time: Timestamp
  ) -> CommandRecord? {
    if let place = insides.firstIndex(of: record) {
      _ = closeInsides(from: place, exitStatus: nil, at: position, time: time)
    } else if let signer = signers.firstIndex(where: { $0.open == record }) {
      _ = finish(from: signer, exitStatus: nil, at: position, time: time)
      phase = .unknown
    }
    guard let index = index(of: record) else { return nil }
    records[index].evidence = evidence
    return records[index]
  }

  private mutating func close(
    _ record: Int, exitStatus: Int?, at position: LinePosition, time: Timestamp
  ) -> CommandRecord? {
    guard let index = index(of: record) else { return nil }
    records[index].endedAt = time
    records[index].exitStatus = exitStatus
    records[index].outputEnd = max(position, records[index].outputStart)
    return records[index]
  }

  private mutating func end(_ mark: Mark, _ isExpected: Bool, at position: LinePosition, time: Timestamp) -> Taken {
    if isExpected, !insides.isEmpty, mark.options[CommandMarker.option] != nil {
      return endInside(exitStatus: mark.exitStatus, at: position, time: time)
    }
    let isOpen = signers[current].open != nil
    // The run's command is ended by its own mark and no other's.
    if !isExpected, mark.options["run"] != nil, mark.options[CommandMarker.option] == nil, let expected,
      let open = signers[current].open, record(open)?.run == expected.id
    {
      return Taken()
    }
    // A prompt that is painted again may tell once more what it told already.
    if !isOpen, !isExpected, signers[current].isSeen { return Taken() }
    lastExitStatus = mark.exitStatus
    let isLate = mark.options["late"] != nil
    let end = isLate ? beforePrompt(position) : position
    let finished = finish(from: current, exitStatus: mark.exitStatus, at: end, time: time)
    // A plain shell says nothing of its prompt.
    phase = mark.options[CommandMarker.option] == nil ? .betweenCommands : .unknown
    guard isExpected else { return Taken(finished: finished) }
    if isLate, let finished, finished.run == expected?.id {
      return Taken(finished: finished, run: .endedLate(status: mark.exitStatus, record: finished))
    }
    return Taken(
      finished: finished,
      run: .ended(status: mark.exitStatus, record: finished.flatMap { $0.run == expected?.id ? $0 : nil }))
  }

  private mutating func property(_ mark: Mark, _ isExpected: Bool) -> RunSignal? {
    switch mark.options["roost"] {
    case "none": isWithoutMarks = true
    case "here":
      isWithoutMarks = false
      signers[current].unansweredKeys = 0
      signers[current].needsCancel = mark.options["cancel"] != nil
      arrivals += 1
    case "busy" where isExpected: return .refused
    case "changed" where isExpected: return .changed
    case "again" where isExpected: return .postponed
    case "reads" where isExpected: return .editsLine
    case "taken" where isExpected:
      expected?.isTaken = true
      signers[current].unansweredKeys = 0
      return .taken(putBack: mark.options["saved"] != nil)
    case "incomplete" where isExpected: return .incomplete(isGivenUp: true)
    default:
      // The mark of a continuation prompt (`k=s`): only a run is waited for that way.
      guard mark.options["k"] == "s" else { break }
      // The first lines of a paste may run already while its last one is not complete.
      if expected?.isTaken == true, phase != .running || signers[current].open.map({ !isOfAnotherRun($0) }) == true {
        isContinuing = true
        return .incomplete(isGivenUp: false)
      }
      isContinuing = true
      // The prompt before it was another server's.
      if phase == .unknown, isSigned { phase = .atPrompt(at: LinePosition(line: mark.line, column: mark.column)) }
    }
    return nil
  }

  private func index(of id: Int) -> Int? {
    guard let first = records.first?.id, id >= first, id - first < records.count else { return nil }
    return id - first
  }

  /// Ends what runs in a shell and in those inside it. Returns the record of that shell.
  private mutating func finish(
    from signer: Int, exitStatus: Int?, at position: LinePosition, time: Timestamp
  ) -> CommandRecord? {
    var finished: CommandRecord?
    // Their shell, and so the last of them, has ended as the command that had started it.
    finished = closeInsides(from: 0, exitStatus: exitStatus, at: position, time: time)
    for inner in (signer..<signers.count).reversed() {
      guard let open = signers[inner].open else { continue }
      signers[inner].open = nil
      if let record = close(open, exitStatus: inner == signer ? exitStatus : nil, at: position, time: time) {
        finished = record
      }
    }
    return finished
  }

  /// The number of the latest command; 0 before the first.
  var lastID: Int { nextID - 1 }

  /// The command with this number, while it is kept.
  func record(_ id: Int) -> CommandRecord? { index(of: id).map { records[$0] } }

  /// The first command with at least this number, once it has ended.
  func ended(from id: Int) -> CommandRecord? { records.first { $0.id >= id && $0.endedAt != nil } }

  /// The session's program is gone: what ran has ended with it.
  @discardableResult
  mutating func end(exitStatus: Int?, at time: Timestamp, position: LinePosition) -> CommandRecord? {
    defer { phase = .unknown }
    // Whose end was told, and no prompt behind it: it has ended the shell.
    if phase == .betweenCommands, let last = records.indices.last { records[last].evidence = .exit }
    // The program of a shell that was given them is gone too.
    for inside in insides { if let index = index(of: inside) { records[index].evidence = .exit } }
    guard let finished = finish(from: 0, exitStatus: exitStatus, at: position, time: time),
      let index = index(of: finished.id)
    else { return nil }
    records[index].evidence = .exit
    return records[index]
  }

  /// The screen was cleared: what the command that runs prints begins anew at its top.
  mutating func cleared(line: Int) {
    guard phase == .running, let last = records.indices.last else { return }
    records[last].outputStart = LinePosition(line: line, column: 0)
  }
}

extension CommandLog: HoldsPositions {
  mutating func visitPositions(_ body: (inout LinePosition) -> Void) {
    for index in records.indices {
      body(&records[index].outputStart)
      if var end = records[index].outputEnd {
        body(&end)
        records[index].outputEnd = end
      }
    }
    if case .atPrompt(var position) = phase {
      body(&position)
      phase = .atPrompt(at: position)
    }
    if var last = lastPrompt {
      body(&last.position)
      lastPrompt = last
    }
  }
}
