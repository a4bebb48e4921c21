import Formats
import Glibc
import Net
import Sys

/// A session on the user's terminal: what the session writes is shown, what is typed is sent (subprotocol
/// `roost.attach.v1`: binary frames are terminal bytes, text frames are control messages in JSON).
///
/// With a status line the server paints the session on the rows above it; without one it passes on the program's own bytes.
/// Nothing is buffered without bound: when the terminal is slow the socket is not read, when the server is slow the
/// keyboard is not.
actor AttachedTerminal: WebSocketHandler {
  static let subprotocol = "roost.attach.v1"
  /// Output that waits for the terminal before reading from the server pauses: a few screens.
  private static let outputBound = 256 * 1024
  /// Input that waits for the server before reading from the keyboard pauses: a generous paste.
  private static let inputBound = 256 * 1024
  /// How long the last output may take to reach the terminal when the session has ended.
  private static let drainTime = Duration.seconds(2)

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  let options: AttachOptions
  /// What is shown now, and what was before.
  var target: AttachTarget
  var lastShown: SessionEntry?
  let terminal = UserTerminal()
  private var replies = ReplyFilter()
  var outer = OuterTerminal()
  private var keys: AttachKeys
  /// The same while something else than the session has the keyboard.
  private var detachKeys: AttachKeys
  var socket: WebSocket?
  private var takesControl = true
  /// The server of this session can paint it and leave rows to us.
  var reservesRows = false
  /// It has begun to: before that history may go by on every row.
  var isPainted = false
  /// What came before its socket was ours, or before the terminal was ready for it.
  private var early: [SocketEvent] = []
  var isOpening = true
  private(set) var isShowing = false
  private(set) var end: AttachEnd?
  /// What the server said last about why it ends; the close of the socket follows.
  private var announced: AttachEnd?
  private var finished: CheckedContinuation<AttachEnd, Never>?
  /// Why nothing comes at the moment.
  private var notice: WaitNotice?
  /// What comes next is a whole picture, and what was written before it is lost.
  private var isGap = false
  private var gaps = 0

  /// What has the keyboard instead of the session.
  var overlay: Overlay?
  var keyReader = KeyReader()
  /// Counts what is fetched for overlays: an answer that nobody waits for any more is dropped.
  var overlayTicket = 0
  /// Typed while another session was being opened.
  private var heldInput: [UInt8] = []
  var isSwitching = false

  var status: StatusLine
  /// The row as it stands on the terminal.
  var paintedStatus: [UInt8] = []
  var directory = SessionDirectory()
  var marks = SessionMarks()
  /// The server has no list of all servers' sessions for us.
  var hasFleet = true
  var isListing = false
  var statusTimer: LoopTimer?
  var typistTimer: LoopTimer?
  var messageTimer: LoopTimer?

  private var inputWatch: DescriptorWatch?
  private var outputWatch: DescriptorWatch?
  private var signalWatches: [SignalWatch] = []
  private var keyTimer: LoopTimer?
  private var drainTimer: LoopTimer?
  private var noticeTimer: LoopTimer?
  private var questionTimer: LoopTimer?
  private var asking: CheckedContinuation<Void, Never>?

  private enum SocketEvent {
    case text([UInt8])
    case binary([UInt8])
    case closed(code: UInt16, reason: String)
  }

  init(_ target: AttachTarget, options: AttachOptions, loop: EventLoop) {
    self.target = target
    self.options = options
    self.loop = loop
    keys = AttachKeys(detach: options.detachKey, prefix: options.prefix)
    detachKeys = AttachKeys(detach: options.detachKey)
    status = StatusLine(title: target.title)
    status.isReadOnly = options.readOnly
  }

  /// Shows the session until it ends or is left, then says which, and gives the exit status for it.
  /// - Parameter record: the session, as its server told of it.
  static func show(
    _ record: JSON, options: AttachOptions, context: ClientContext
  ) async throws(CommandFailure) -> ExitCode {
    let target = AttachTarget(
      client: context.client, server: context.client.server, name: record["name"].string ?? "",
      id: record["id"].string ?? "")
    let attached = AttachedTerminal(target, options: options, loop: context.client.loop)
    let end = try await attached.run()
    // It may have been renamed, or be another one by now.
    let name = printable(await attached.target.title)
    if await attached.gaps > 0 {
      context.output.note(
        "[the way to \(name) was lost for a while: what it wrote then is not in this terminal, but 'roost scrollback \(name)' has it]"
      )
    }
    switch end {
    case .left:
      context.output.note("[detached from \(name)]")
    case .detached(let reason):
      context.output.note("[detached from \(name)\(reason.isEmpty ? "" : ": \(printable(reason))")]")
    case .exited(let status, let signal):
      let how = signal.map { "ended by \(printable($0))" } ?? status.map { "exit status \($0)" } ?? "ended"
      context.output.note("[\(name) has ended: \(how)]")
    case .lost(let reason):
      throw CommandFailure(
        .noServer, "the connection to the server was lost\(reason.isEmpty ? "" : ": \(reason)")",
        hint: "The session may well go on: 'roost attach \(name)' finds it when the server is back.")
    case .terminalGone:
      return ExitCode(rawValue: 128 + SIGHUP)
    case .signalled(let number):
      return ExitCode(rawValue: 128 + number)
    }
    return .ok
  }

  private func run() async throws(CommandFailure) -> AttachEnd {
    do throws(CommandFailure) {
      try begin()
      await askTerminal()
      if end == nil {
        let scrollback = options.scrollback.lines(rows: Int(terminal.size.rows))
        let socket = try await open(target, scrollback: scrollback)
        take(socket)
        beginShowing()
      }
    } catch {
      stopWatching()
      terminal.abandon()
      throw error
    }
    let end = await withCheckedContinuation { continuation in
      if let end = self.end {
        continuation.resume(returning: end)
      } else {
        finished = continuation
      }
    }
    stopWatching()
    if isShowing {
      wipe()
      terminal.restore()
    } else {
      terminal.abandon()
    }
    socket?.close(code: WebSocketCloseCode.normal, reason: "detached")
    return end
  }

  // MARK: The socket

  /// Opens the socket of a session. With the size in the request the first picture fits already.
  func open(_ target: AttachTarget, scrollback: Int) async throws(CommandFailure) -> WebSocket {
    let size = terminal.size
    isOpening = true
    func sized(_ rows: Int) -> [(String, String?)] {
      [
        ("readonly", options.readOnly ? "true" : nil), ("rows", String(rows)), ("cols", String(size.columns)),
      ]
    }
    var more: [(String, String?)] = []
    if scrollback > 0 { more.append(("scrollback", String(scrollback))) }
    let reserved = hasRoomForStatus ? 1 : 0
    if options.showsStatus { more.append(("reserved_rows", String(reserved))) }
    if !more.isEmpty {
      do throws(CommandFailure) {
        let socket = try await connect(target, sized(Int(size.rows) - reserved) + more)
        reservesRows = options.showsStatus
        return socket
      } catch {
        // A server that does not know these: it is asked without.
        guard error.serverCode == "invalid_request" else { throw error }
      }
    }
    reservesRows = false
    return try await connect(target, sized(Int(size.rows)))
  }

  private func connect(
    _ target: AttachTarget, _ query: [(String, String?)]
  ) async throws(CommandFailure) -> WebSocket {
    try await target.client.webSocket(
      ServerClient.sessionPath(target.name, "ws/raw"), query: query, subprotocols: [AttachedTerminal.subprotocol],
      handler: self)
  }

  /// From now on that socket is the session's.
  func take(_ socket: WebSocket) {
    self.socket = socket
    isOpening = false
    // A server of another kind behind the one that is asked may know only the terminal's bytes: there, words to it would be typed.
    takesControl = socket.subprotocol == AttachedTerminal.subprotocol
    reservesRows = reservesRows && takesControl
    isPainted = false
  }

  /// Whether a row is kept for the status line now.
  var hasStatus: Bool { reservesRows && hasRoomForStatus }

  /// Whether there could be one: on a terminal that is high enough, and that has answered. What does not answer is none that places text as it is
  /// told, or a program that plays one and counts rows.
  private var hasRoomForStatus: Bool {
    guard let leastRows = options.leastRowsWithStatus else { return false }
    return outer.isComplete && Int(terminal.size.rows) >= leastRows
  }

  func tell(_ message: JSON) {
    if takesControl { socket?.send(text: message.text) }
  }

  // MARK: The terminal

  private func begin() throws(CommandFailure) {
    do {
      try terminal.enterRawMode()
      try watchSignals()
      inputWatch = try loop.watch(terminal.inputDescriptor, .readable) { [weak self] _ in
        self?.assumeIsolated { $0.readKeyboard() }
      }
      outputWatch = try loop.watch(terminal.outputDescriptor, []) { [weak self] _ in
        self?.assumeIsolated { $0.continueOutput() }
      }
    } catch let error as SystemError {
      throw CommandFailure(.failed, "the terminal cannot be used: \(error)")
    } catch {
      throw CommandFailure(.failed, "the terminal cannot be watched: \(error)")
    }
  }

  /// Asks the terminal what has to be known before a session is shown on it, and waits for its answer, but not for long.
  private func askTerminal() async {
    replies.expectsPosition = true
    write(OuterTerminal.questions)
    await withCheckedContinuation { continuation in
      guard end == nil, !outer.isComplete else { return continuation.resume() }
      asking = continuation
      questionTimer = loop.schedule(after: OuterTerminal.patience) { [weak self] in
        self?.assumeIsolated { $0.terminalHasAnswered() }
      }
    }
    replies.expectsPosition = false
  }

  private func terminalHasAnswered() {
    questionTimer?.cancel()
    questionTimer = nil
    asking?.resume()
    asking = nil
  }

  private func beginShowing() {
    guard end == nil else { return }
    isShowing = true
    write(TerminalReset.enter(rows: Int(terminal.size.rows), used: outer.rowsUsed))
    sendSize()
    sendColors()
    sendEnvironment()
    replay()
    followSessions()
    paintStatus()
    passHeldInput()
  }

  /// What came too early.
  func replay() {
    let events = early
    early = []
    for event in events { handle(event) }
  }

  private func watchSignals() throws {
    signalWatches.append(
      try loop.onSignal(SIGWINCH) { [weak self] in self?.assumeIsolated { $0.sizeChanged() } })
    for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
      signalWatches.append(
        try loop.onSignal(number) { [weak self] in self?.assumeIsolated { $0.finish(.signalled(number)) } })
    }
    // Somebody stops us from outside, and the shell takes the terminal over in the meantime. (The key that stops a
    // program is a key for the session here.)
    signalWatches.append(
      try loop.onSignal(SIGTSTP) { [weak self] in self?.assumeIsolated { $0.suspend() } })
    signalWatches.append(
      try loop.onSignal(SIGCONT) { [weak self] in self?.assumeIsolated { $0.takeTerminalAgain() } })
  }

  private func suspend() {
    guard isShowing, end == nil else { return }
    wipe()
    terminal.suspend()
    adjustFlow()
    raise(SIGSTOP)
  }

  /// Of what the terminal showed nothing may be left: the session is painted anew.
  private func takeTerminalAgain() {
    guard isShowing, end == nil else { return }
    try? terminal.enterRawModeAgain()
    write(TerminalReset.enter(rows: Int(terminal.size.rows), used: nil))
    sendSize()
    showNotice()
    paintedStatus = []
    if overlay == nil { askForPicture() } else { paintOverlay() }
    paintStatus()
  }

  func askForPicture() {
    if takesControl {
      tell(["repaint": [:]])
    } else if let socket {
      // One that takes no words paints whoever comes: the same session once more.
      switchSession(to: target, because: socket)
    }
  }

  /// Nothing of ours may be left on the terminal when it is given back.
  private func wipe() {
    guard isShowing else { return }
    if overlay != nil {
      write(Array("\u{1b}[0m\u{1b}[H\u{1b}[2J".utf8))
    } else if hasStatus {
      write(Array("\u{1b}[\(terminal.size.rows);1H\u{1b}[0m\u{1b}[2K".utf8))
    }
  }

  private func stopWatching() {
    inputWatch?.cancel()
    outputWatch?.cancel()
    for timer in [
      keyTimer, drainTimer, noticeTimer, questionTimer, statusTimer, typistTimer, messageTimer,
    ] { timer?.cancel() }
    for watch in signalWatches { watch.cancel() }
    inputWatch = nil
    outputWatch = nil
    keyTimer = nil
    drainTimer = nil
    statusTimer = nil
    signalWatches = []
  }

  private func sizeChanged() {
    guard isShowing, end == nil else { return }
    sendSize()
    if noticeTimer == nil { showNotice() }
    paintedStatus = []
    if overlay != nil { paintOverlay() }
    paintStatus()
  }

  /// Tells the server what there is for the session.
  func sendSize() {
    let size = terminal.size
    let reserved = hasStatus ? 1 : 0
    tell(
      .object([
        "resize": .object([
          "rows": .integer(Int(size.rows) - reserved), "cols": .integer(Int(size.columns)),
          "reserved_rows": reservesRows ? .integer(reserved) : nil, "synchronized": reservesRows ? true : nil,
        ])
      ]))
  }

  private func sendColors() {
    guard !options.readOnly, let colors = outer.colors else { return }
    tell(.object(["colors": colors]))
  }

  private func sendEnvironment() {
    guard !options.readOnly, !options.environment.isEmpty else { return }
    tell(.object(["environment": .object(options.environment)]))
  }

  // MARK: Output

  /// What the session writes. While something else has the screen it is dropped: a picture is asked for afterwards.
  private func show(_ bytes: [UInt8]) {
    guard overlay == nil, end == nil else { return }
    let mode = terminal.alternateMode
    write(bytes)
    // Changing the screen takes all of it, our row too.
    if mode != terminal.alternateMode, hasStatus {
      paintedStatus = []
      paintStatus()
    }
  }

  func write(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { terminal.write($0) }
    adjustFlow()
  }

  private func continueOutput() {
    guard terminal.flush() else {
      finish(.terminalGone)
      return
    }
    adjustFlow()
    if terminal.queuedBytes == 0, let announced { finish(announced) }
  }

  private func adjustFlow() {
    let queued = terminal.queuedBytes
    outputWatch?.interest = queued > 0 ? .writable : []
    if queued > AttachedTerminal.outputBound {
      socket?.pauseReading()
    } else if queued == 0 {
      socket?.resumeReading()
    }
  }

  // MARK: When nothing comes

  /// The server has lost the session and looks for it, or waits for the way to it. Often it is there again at once, so people are told only
  /// when it takes a moment.
  private func beginWaiting(_ reason: String, isGap: Bool) {
    guard end == nil, notice == nil || isGap else { return }
    if isGap, !self.isGap { gaps += 1 }
    self.isGap = isGap
    let isShown = notice != nil && noticeTimer == nil
    notice = WaitNotice(reason: reason, detachKey: options.detachKey)
    if isShown { return showNotice() }
    noticeTimer?.cancel()
    noticeTimer = loop.schedule(after: WaitNotice.delay) { [weak self] in
      self?.assumeIsolated { attached in
        attached.noticeTimer = nil
        attached.showNotice()
      }
    }
  }

  private func showNotice() {
    guard let notice, isShowing else { return }
    show(notice.bytes(columns: Int(terminal.size.columns)))
  }

  /// Nothing was lost: only the notice has to go, if it was shown.
  private func resumed() {
    guard notice != nil, !isGap else { return }
    let wasShown = noticeTimer == nil
    endWaiting()
    if wasShown, isShowing, end == nil, overlay == nil { askForPicture() }
  }

  /// What comes now is a picture of the session, which the last of what was shown must not spoil, nor a notice outlive.
  private func gapEnds() {
    endWaiting()
    guard isShowing, end == nil, overlay == nil else { return }
    terminal.unset()
    paintedStatus = []
  }

  func endWaiting() {
    notice = nil
    isGap = false
    noticeTimer?.cancel()
    noticeTimer = nil
  }

  // MARK: Input

  private func readKeyboard() {
    guard let bytes = terminal.read() else {
      finish(.terminalGone)
      return
    }
    let typed = replies.feed(bytes, now: Clock.monotonic)
    takeReplies()
    pass(typed)
  }

  private func takeReplies() {
    let taken = replies.takeReplies()
    guard !outer.isComplete, !taken.isEmpty else { return }
    for reply in taken { outer.take(reply) }
    guard outer.isComplete else { return }
    guard isShowing else { return terminalHasAnswered() }
    // Late, over a slow line: now there may be a status line.
    sendColors()
    sendSize()
    followSessions()
    paintStatus()
  }

  private func pass(_ typed: [UInt8]) {
    if isSwitching || overlay != nil || !isShowing {
      // Leaving is possible from everywhere.
      let reading = detachKeys.feed(typed, now: Clock.monotonic)
      passElsewhere(reading.forward)
      if reading.command == .detach { finish(.left) }
    } else {
      let reading = keys.feed(typed, now: Clock.monotonic)
      send(reading.forward)
      if let command = reading.command {
        perform(command)
        // Behind the last word to a session nothing is meant for anybody.
        if end == nil, !reading.rest.isEmpty { pass(reading.rest) }
      }
      showPrefix(keys.isWaiting)
    }
    setKeyTimer()
  }

  /// What is typed while the session does not have the keyboard.
  private func passElsewhere(_ typed: [UInt8]) {
    if !isSwitching, isShowing {
      press(keyReader.feed(typed, now: Clock.monotonic))
    } else if heldInput.count + typed.count <= AttachedTerminal.inputBound {
      heldInput += typed
    }
  }

  /// Lets go of what only time shows to be no answer and no key of ours.
  private func setKeyTimer() {
    keyTimer?.cancel()
    keyTimer = nil
    let deadlines = [replies.heldUntil, keys.heldUntil, detachKeys.heldUntil, keyReader.heldUntil].compactMap { $0 }
    guard let deadline = deadlines.min(), end == nil else { return }
    let now = Clock.monotonic
    let remaining = deadline > now ? deadline - now : 0
    // A millisecond more: a timer that fires early would be set again and again.
    keyTimer = loop.schedule(after: .nanoseconds(Int64(clamping: remaining)) + .milliseconds(1)) { [weak self] in
      self?.assumeIsolated { $0.keyTimeIsOver() }
    }
  }

  private func keyTimeIsOver() {
    let now = Clock.monotonic
    let typed = replies.expire(now: now)
    send(keys.expire(now: now))
    let late = detachKeys.expire(now: now)
    if !late.isEmpty { passElsewhere(late) }
    if overlay != nil { press(keyReader.expire(now: now)) }
    pass(typed)
  }

  private func send(_ bytes: [UInt8]) {
    guard !bytes.isEmpty, !options.readOnly, end == nil, let socket else { return }
    bytes.withUnsafeBytes { socket.send(binary: $0) }
    if socket.queuedBytes > AttachedTerminal.inputBound { inputWatch?.interest = [] }
  }

  /// What was typed while there was no session to type into.
  func passHeldInput() {
    let typed = heldInput
    heldInput = []
    inputWatch?.interest = .readable
    if !typed.isEmpty { pass(typed) }
  }

  // MARK: The end

  func finish(_ end: AttachEnd) {
    guard self.end == nil else { return }
    self.end = end
    terminalHasAnswered()
    finished?.resume(returning: end)
    finished = nil
  }

  /// The session or the server has ended; what it wrote last is still shown.
  private func finishAfterOutput(_ end: AttachEnd) {
    guard terminal.queuedBytes > 0 else {
      finish(end)
      return
    }
    announced = end
    guard drainTimer == nil else { return }
    drainTimer = loop.schedule(after: AttachedTerminal.drainTime) { [weak self] in
      self?.assumeIsolated { $0.finish(end) }
    }
  }

  private func readControl(_ text: [UInt8]) {
    guard let message = try? JSON(parsing: text), let member = message.members?.first else { return }
    switch member.name {
    case "exited":
      announced = .exited(
        status: member.value["exit_status"].integer, signal: member.value["exit_signal"].string)
    case "detached":
      announced = .detached(reason: member.value["reason"].string ?? "")
    case "gap", "waiting":
      beginWaiting(member.value["reason"].string ?? "", isGap: member.name == "gap")
    case "resumed":
      resumed()
    case "window":
      isPainted = member.value["painted"].bool == true
    case "clients":
      status.others = max(0, (member.value["attached"].integer ?? 1) - 1)
      paintStatus()
    case "renamed":
      if let name = member.value["session"].string, !name.isEmpty { rename(to: name) }
    case "typed":
      noteTypist(Typist.name(of: member.value))
    default:
      // "attached" and "resized" tell nothing that has to be done here, and later servers may say more.
      break
    }
  }

  func rename(to name: String) {
    target.name = name
    status.title = target.title
    paintStatus()
  }

  // MARK: WebSocketHandler

  private func received(_ event: SocketEvent, from socket: any MessageSocket) {
    if let own = self.socket, own === socket {
      if isShowing { handle(event) } else { early.append(event) }
    } else if isOpening {
      // That of a session that is about to be shown.
      early.append(event)
    }
  }

  private func handle(_ event: SocketEvent) {
    switch event {
    case .text(let text): readControl(text)
    case .binary(let bytes):
      if isGap { gapEnds() }
      show(bytes)
      if paintedStatus.isEmpty { paintStatus() }
    case .closed(let code, let reason):
      finishAfterOutput(announced ?? (code == WebSocketCloseCode.normal ? .detached(reason: reason) : .lost(reason)))
    }
  }

  private func drained(_ socket: any MessageSocket) {
    if let own = self.socket, own === socket { inputWatch?.interest = .readable }
  }

  nonisolated func webSocket(_ socket: any MessageSocket, text: [UInt8]) {
    assumeIsolated { $0.received(.text(text), from: socket) }
  }

  nonisolated func webSocket(_ socket: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.received(.binary(binary), from: socket) }
  }

  nonisolated func webSocketDrained(_ socket: any MessageSocket) {
    assumeIsolated { $0.drained(socket) }
  }

  nonisolated func webSocketClosed(_ socket: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.received(.closed(code: code, reason: reason), from: socket) }
  }
}
