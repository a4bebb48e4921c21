import Formats
import Glibc
import Net
import Sys

/// How a session is shown here.
struct AttachOptions: Sendable {
  /// Nil when no key detaches.
  var detachKey: DetachKey?
  var readOnly: Bool
}

/// Why showing a session ended.
enum AttachEnd: Sendable, Equatable {
  /// The detach key.
  case left
  /// The server detached us, for the reason it gave.
  case detached(reason: String)
  case exited(status: Int?, signal: String?)
  /// The connection is gone and nothing said why: the server has crashed, or the network.
  case lost(String)
  case terminalGone
  case signalled(CInt)
}

/// A session on the user's terminal: what the session writes is shown, what is typed is sent (subprotocol
/// `roost.attach.v1`: binary frames are terminal bytes, text frames are control messages in JSON).
///
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

  private let options: AttachOptions
  private let terminal = UserTerminal()
  private var replies = ReplyFilter()
  private var detachKey: DetachKeyMatcher
  private var socket: WebSocket?
  private var takesControl = true
  /// Output that came before the terminal was ready for it, and the end when that came before too.
  private var early: [UInt8] = []
  private var earlyEnd: AttachEnd?
  private var isShowing = false
  private var end: AttachEnd?
  /// What the server said last about why it ends; the close of the socket follows.
  private var announced: AttachEnd?
  private var finished: CheckedContinuation<AttachEnd, Never>?
  /// Why nothing comes at the moment.
  private var notice: WaitNotice?
  /// What comes next is a whole picture, and what was written before it is lost.
  private var isGap = false
  private var gaps = 0

  private var inputWatch: DescriptorWatch?
  private var outputWatch: DescriptorWatch?
  private var signalWatches: [SignalWatch] = []
  private var keyTimer: LoopTimer?
  private var drainTimer: LoopTimer?
  private var noticeTimer: LoopTimer?

  init(options: AttachOptions, loop: EventLoop) {
    self.options = options
    self.loop = loop
    detachKey = DetachKeyMatcher(options.detachKey)
  }

  /// Shows the session until it ends or is left, then says which, and gives the exit status for it.
  static func show(
    _ session: String, options: AttachOptions, context: ClientContext
  ) async throws(CommandFailure) -> ExitCode {
    let attached = AttachedTerminal(options: options, loop: context.client.loop)
    let end = try await attached.run(session, client: context.client)
    let name = printable(context.client.name(of: session))
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

  private func run(_ session: String, client: ServerClient) async throws(CommandFailure) -> AttachEnd {
    // With the size in the request the first picture fits already.
    let size = terminal.size
    let socket = try await client.webSocket(
      ServerClient.sessionPath(session, "ws/raw"),
      query: (options.readOnly ? [("readonly", "true")] : [])
        + [("rows", String(size.rows)), ("cols", String(size.columns))],
      subprotocols: [AttachedTerminal.subprotocol], handler: self)
    self.socket = socket
    // A server of another kind behind the one that is asked may know only the terminal's bytes: there, words to it would be typed.
    takesControl = socket.subprotocol == AttachedTerminal.subprotocol
    do {
      try begin()
    } catch {
      stopWatching()
      terminal.restore()
      socket.close(code: 1000, reason: "")
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
    terminal.restore()
    socket.close(code: 1000, reason: "detached")
    return end
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
    isShowing = true
    show(TerminalReset.enter(rows: Int(terminal.size.rows)))
    sendSize()
    let early = self.early
    self.early = []
    show(early)
    if let earlyEnd { finishAfterOutput(earlyEnd) }
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
    terminal.suspend()
    adjustFlow()
    raise(SIGSTOP)
  }

  /// Of what the terminal showed nothing may be left: the session is painted anew.
  private func takeTerminalAgain() {
    guard isShowing, end == nil else { return }
    try? terminal.enterRawModeAgain()
    show(TerminalReset.enter(rows: Int(terminal.size.rows)))
    sendSize()
    showNotice()
    askForPicture()
  }

  private func askForPicture() {
    if takesControl { socket?.send(text: JSON.object(["repaint": [:]]).text) }
  }

  private func stopWatching() {
    inputWatch?.cancel()
    outputWatch?.cancel()
    keyTimer?.cancel()
    drainTimer?.cancel()
    noticeTimer?.cancel()
    for watch in signalWatches { watch.cancel() }
    inputWatch = nil
    outputWatch = nil
    keyTimer = nil
    drainTimer = nil
    signalWatches = []
  }

  private func sizeChanged() {
    sendSize()
    if noticeTimer == nil { showNotice() }
  }

  private func sendSize() {
    guard takesControl else { return }
    let size = terminal.size
    let message: JSON = ["resize": ["rows": .integer(Int(size.rows)), "cols": .integer(Int(size.columns))]]
    socket?.send(text: message.text)
  }

  // MARK: Output

  private func show(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { show($0) }
  }

  private func show(_ bytes: UnsafeRawBufferPointer) {
    guard end == nil else { return }
    terminal.write(bytes)
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
    if wasShown, isShowing, end == nil { askForPicture() }
  }

  /// What comes now is a picture of the session, which the last of what was shown must not spoil, nor a notice outlive.
  private func gapEnds() {
    endWaiting()
    if isShowing, end == nil { terminal.unset() }
  }

  private func endWaiting() {
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
    pass(replies.feed(bytes, now: Clock.monotonic))
  }

  private func pass(_ typed: [UInt8]) {
    let (forward, detach) = detachKey.feed(typed, now: Clock.monotonic)
    send(forward)
    if detach {
      finish(.left)
    } else {
      setKeyTimer()
    }
  }

  /// Lets go of what only time shows to be no answer and no detach key.
  private func setKeyTimer() {
    keyTimer?.cancel()
    keyTimer = nil
    let deadlines = [replies.heldUntil, detachKey.heldUntil].compactMap { $0 }
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
    send(detachKey.expire(now: now))
    pass(typed)
  }

  private func send(_ bytes: [UInt8]) {
    guard !bytes.isEmpty, !options.readOnly, end == nil, let socket else { return }
    bytes.withUnsafeBytes { socket.send(binary: $0) }
    if socket.queuedBytes > AttachedTerminal.inputBound { inputWatch?.interest = [] }
  }

  // MARK: The end

  private func finish(_ end: AttachEnd) {
    guard self.end == nil else { return }
    self.end = end
    finished?.resume(returning: end)
    finished = nil
  }

  /// The session or the server has ended; what it wrote last is still shown.
  private func finishAfterOutput(_ end: AttachEnd) {
    guard isShowing else {
      earlyEnd = end
      return
    }
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
    default:
      // "attached" and "resized" tell nothing that has to be done here, and later servers may say more.
      break
    }
  }

  // MARK: WebSocketHandler

  nonisolated func webSocket(_ socket: any MessageSocket, text: [UInt8]) {
    assumeIsolated { $0.readControl(text) }
  }

  nonisolated func webSocket(_ socket: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { attached in
      if attached.isGap { attached.gapEnds() }
      if attached.isShowing {
        attached.show(binary)
      } else {
        attached.early += binary
      }
    }
  }

  nonisolated func webSocketDrained(_ socket: any MessageSocket) {
    assumeIsolated { $0.inputWatch?.interest = .readable }
  }

  nonisolated func webSocketClosed(_ socket: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { attached in
      let lost = AttachEnd.lost(reason)
      attached.finishAfterOutput(attached.announced ?? (code == 1000 ? .detached(reason: reason) : lost))
    }
  }
}
