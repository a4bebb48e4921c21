import Formats
import Glibc
import Net
import Sys

/// `roost events replay`: the events of a time once more, with the time between them divided by the speed.
actor EventReplay {
  /// The position is stored this often while events go out, and at the end: after a crash at most so much comes twice.
  private static let storeEvery: UInt64 = 1_000_000_000
  private static let progressEvery: UInt64 = 100_000_000

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  private let context: ClientContext
  private let query: EventQuery
  private let speed: Double?
  private let toBus: Bool
  private let name: String?
  private var pace: ReplayPace
  private var printer: EventPrinter
  /// The last event that went out.
  private var position: Int?
  private var stored: (position: Int?, at: UInt64) = (nil, 0)
  private var count = 0
  private var shownProgress: UInt64 = 0
  private let showsProgress: Bool
  private var keys: ReplayKeys?
  private var signals: [SignalWatch] = []
  /// Why it ends before its end: a signal, or 0 for the key.
  private var interruption: CInt?
  private var waiting: CheckedContinuation<Void, Never>?
  private var isWoken = false
  private var timer: LoopTimer?
  private var isOutputWatched = false

  init(_ context: ClientContext) throws(CommandFailure) {
    self.context = context
    let invocation = context.invocation
    query = try EventQuery(invocation, now: EventQuery.now)
    speed = try EventReplay.speed(invocation.text(Options.speed))
    toBus = invocation.text(Options.replayTo) == "bus"
    name = invocation.text(Options.resume)
    pace = ReplayPace(speed: speed)
    printer = EventPrinter(context, isStream: true)
    position = invocation.integer(Options.eventAfter)
    showsProgress = isatty(STDERR_FILENO) == 1 && (toBus || !context.output.isTerminal)
    loop = context.client.loop
  }

  /// `10`, `0.5`, `10x`; nil for `max`.
  static func speed(_ text: String?) throws(CommandFailure) -> Double? {
    guard let text else { return 1 }
    if text == "max" { return nil }
    guard let factor = Double(text.hasSuffix("x") ? text.dropLast() : text[...]), factor.isFinite,
      (1e-6...1e9).contains(factor)
    else {
      throw CommandFailure(
        .usage, "--speed: '\(printable(text))' is not a number above 0",
        hint: "Write 10 for ten times as fast, or 'max'.")
    }
    return factor
  }

  func run() async throws(CommandFailure) -> ExitCode {
    try await findPosition()
    begin()
    defer { finish() }
    do throws(CommandFailure) {
      try await replay()
      if interruption == nil {
        // The name is free for the next one.
        if let path = cursorPath { _ = try? await context.client.call("DELETE", path) }
        return .ok
      }
      try await store()
    } catch {
      try? await store()
      finish()
      if position != nil { tellHowToGoOn() }
      throw error
    }
    finish()
    tellHowToGoOn()
    return interruption == 0 ? .ok : ExitCode(rawValue: 128 + (interruption ?? 0))
  }

  private func replay() async throws(CommandFailure) {
    var pages = EventPages(context.client, query.parameters, isAscending: true, from: position)
    while interruption == nil, let events = try await pages.next() {
      for event in events {
        guard let record = EventRecord(event) else { continue }
        await waitFor(record)
        if interruption != nil { return }
        try await send(record)
        pace.sent(record.time, now: Clock.monotonic)
        position = record.sequence
        count += 1
        try await storeNowAndThen()
        showProgress(record)
      }
    }
  }

  private func waitFor(_ record: EventRecord) async {
    while interruption == nil {
      if !pace.isPaused {
        let delay = pace.delay(before: record.time, now: Clock.monotonic)
        if delay == 0 {
          if toBus || isOutputReady() { return }
        } else {
          // A long wait is cut into days: a timer's milliseconds have an end.
          timer = loop.schedule(after: .nanoseconds(Int(min(delay, 86_400_000_000_000)))) { [weak self] in
            self?.assumeIsolated { $0.wake() }
          }
        }
      }
      await withCheckedContinuation { continuation in
        // Something may have come before there was a continuation.
        if isWoken { continuation.resume() } else { waiting = continuation }
        isWoken = false
      }
      timer?.cancel()
      timer = nil
    }
  }

  private func send(_ record: EventRecord) async throws(CommandFailure) {
    guard toBus else { return printer.print([record.raw]) }
    _ = try await context.client.call("POST", "/events/replay", body: ["id": .string(record.id)])
  }

  // MARK: Position

  private var cursorPath: String? { name.map { "/events/cursors/" + PercentEncoding.encode("replay-" + $0) } }

  private func findPosition() async throws(CommandFailure) {
    guard let cursorPath else { return }
    do throws(CommandFailure) {
      let sequence = try await context.client.call("GET", cursorPath)["seq"].integer
      if let sequence, sequence > position ?? -1 {
        position = sequence
        context.output.note("roost events replay: going on behind event \(sequence)")
      }
    } catch {
      guard error.exitCode == .notFound else { throw error }
    }
    stored.position = position
  }

  private func storeNowAndThen() async throws(CommandFailure) {
    guard name != nil, Clock.monotonic &- stored.at >= EventReplay.storeEvery else { return }
    try await store()
  }

  private func store() async throws(CommandFailure) {
    guard let cursorPath, let position, position != stored.position else { return }
    _ = try await context.client.call("PUT", cursorPath, body: ["seq": .integer(position)])
    stored = (position, Clock.monotonic)
  }

  private func tellHowToGoOn() {
    var words = ["roost", "events", "replay"]
    if let server = context.client.server { words += [Options.server.name, server] }
    if let since = query.since { words += ["--since", LocalTime.rfc3339(since)] }
    if let until = query.until { words += ["--until", LocalTime.rfc3339(until)] }
    let invocation = context.invocation
    for option in [Options.subject, Options.eventType] {
      for text in invocation.texts(option) { words += [option.name, text] }
    }
    for option in [Options.origin, Options.correlation, Options.speed, Options.replayTo] {
      if let text = invocation.text(option) { words += [option.name, text] }
    }
    if let name { words += ["--resume", name] } else if let position { words += ["--after", String(position)] }
    let line = words.map {
      $0.contains { !($0.isASCII && ($0.isLetter || $0.isNumber || "-_.:/".contains($0))) } ? shellQuoted($0) : $0
    }
    context.output.note(
      "\(count) \(count == 1 ? "event" : "events") replayed. To go on: \(printable(line.joined(separator: " ")))")
  }

  // MARK: Keys and signals

  private func begin() {
    if context.output.isTerminal || toBus {
      keys = ReplayKeys(loop) { [weak self] key in self?.assumeIsolated { $0.pressed(key) } }
    }
    for number in [SIGINT, SIGTERM, SIGHUP] {
      let watch = try? loop.onSignal(number) { [weak self] in self?.assumeIsolated { $0.interrupt(number) } }
      if let watch { signals.append(watch) }
    }
    let resumed = try? loop.onSignal(SIGCONT) { [weak self] in self?.assumeIsolated { $0.keys?.enter() } }
    if let resumed { signals.append(resumed) }
  }

  private func finish() {
    endProgress()
    keys?.restore()
    keys = nil
    for watch in signals { watch.cancel() }
    signals = []
  }

  private func pressed(_ key: UInt8) {
    switch key {
    case UInt8(ascii: " "):
      let now = Clock.monotonic
      if pace.isPaused { pace.resume(now: now) } else { pace.pause(now: now) }
      endProgress()
      context.output.note(pace.isPaused ? "[paused: space goes on, q ends]" : "[going on]")
    case UInt8(ascii: "q"): interruption = 0
    default: return
    }
    wake()
  }

  private func interrupt(_ signal: CInt) {
    interruption = signal
    wake()
  }

  private func wake() {
    isWoken = waiting == nil
    waiting?.resume()
    waiting = nil
  }

  // MARK: Standard output

  /// Whether something can be written now. When not, it is waited for apart from the loop, which goes on taking keys and signals.
  private func isOutputReady() -> Bool {
    var entry = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
    if poll(&entry, 1, 0) != 0 { return true }
    guard !isOutputWatched else { return false }
    isOutputWatched = true
    Task.detached {
      var entry = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
      while poll(&entry, 1, -1) < 0, errno == EINTR {}
      await self.outputIsReady()
    }
    return false
  }

  private func outputIsReady() {
    isOutputWatched = false
    wake()
  }

  // MARK: Progress

  private func showProgress(_ record: EventRecord) {
    let now = Clock.monotonic
    guard showsProgress, now &- shownProgress >= EventReplay.progressEvery else { return }
    shownProgress = now
    let speed = speed.map { " \(JSON.number($0).text)×" } ?? ""
    try? writeAll(
      STDERR_FILENO,
      Array("\r\u{1B}[K\(LocalTime.system.text(record.time))  #\(record.sequence)  \(count) events\(speed)".utf8))
  }

  private func endProgress() {
    guard showsProgress, shownProgress > 0 else { return }
    try? writeAll(STDERR_FILENO, Array("\r\u{1B}[K".utf8))
    shownProgress = 0
  }
}
