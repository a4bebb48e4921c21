import Formats
import Glibc
import Net

/// `roost events follow`: prints events as they happen, over a WebSocket.
///
/// A connection that is lost is made again and goes on behind the last event that was printed, so that none is missed and none comes twice.
/// While standard output is not read, neither is the socket.
actor EventFollower: WebSocketHandler {
  /// What may wait to be printed before the socket is no longer read: one write to a slow pipe.
  private static let inboxBytes = 256 * 1024
  /// A server that vanished without a word is noticed within twice this time.
  private static let pingInterval = Duration.seconds(20)

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  private let context: ClientContext
  private let query: EventQuery
  private let cursor: String?
  private var printer: EventPrinter
  /// How many events are still wanted; nil: no end.
  private var remaining: Int?
  /// The last event that need not be sent again.
  private var position: Int?
  private var socket: WebSocket?
  private var inbox: [[UInt8]] = []
  private var inboxBytes = 0
  private var closing: String?
  private var waiting: CheckedContinuation<Void, Never>?
  private var timer: LoopTimer?

  init(_ context: ClientContext) throws(CommandFailure) {
    self.context = context
    let invocation = context.invocation
    query = try EventQuery(invocation, now: EventQuery.now)
    cursor = invocation.text(Options.cursor)
    position = invocation.integer(Options.eventAfter)
    remaining = invocation.integer(Options.followLimit)
    printer = EventPrinter(context, isStream: true)
    loop = context.client.loop
  }

  func run() async throws(CommandFailure) -> ExitCode {
    endWithReader()
    var backoff = Backoff()
    var hasConnected = false
    var isTold = false
    while true {
      do throws(CommandFailure) {
        try await connect()
        if isTold { context.output.note("roost events follow: connected again") }
        (hasConnected, isTold) = (true, false)
        if try await printUntilClosed(&backoff) { return .ok }
      } catch {
        // A server that refuses will do so again; one that cannot be reached, or has trouble of its own, may come back.
        guard hasConnected, ![.refused, .usage, .notFound].contains(error.exitCode) else { throw error }
      }
      if !isTold {
        let reason = closing.map { $0.isEmpty ? "" : " (\(printable($0)))" } ?? ""
        context.output.note("roost events follow: the connection was lost\(reason); trying again")
        isTold = true
      }
      await sleep(backoff.next())
    }
  }

  private func connect() async throws(CommandFailure) {
    closing = nil
    inbox = []
    inboxBytes = 0
    let parameters = query.with([("after", position.map(String.init)), ("cursor", cursor)])
    socket = try await context.client.webSocket(
      "/events/ws", query: parameters, pingInterval: EventFollower.pingInterval, handler: self)
  }

  /// - Returns: true when as many events were printed as were wanted.
  private func printUntilClosed(_ backoff: inout Backoff) async throws(CommandFailure) -> Bool {
    while true {
      if inbox.isEmpty {
        if closing != nil { return false }
        await withCheckedContinuation { continuation in
          // Looked at here: something may come before a continuation is made.
          if inbox.isEmpty, closing == nil { waiting = continuation } else { continuation.resume() }
        }
        continue
      }
      let frames = inbox
      inbox = []
      inboxBytes = 0
      let before = position
      show(frames)
      if position != before { backoff.reset() }
      if remaining == 0 {
        socket?.close(code: WebSocketCloseCode.normal, reason: "")
        return true
      }
      socket?.resumeReading()
    }
  }

  private func show(_ frames: [[UInt8]]) {
    var events: [[UInt8]] = []
    for frame in frames where remaining != 0 {
      guard let json = try? JSON(parsing: frame, ambiguity: .tolerated) else { continue }
      if let sequence = json["seq"].integer {
        // What was on its way twice is shown once.
        guard sequence > position ?? -1 else { continue }
        position = sequence
        events.append(frame)
        remaining = remaining.map { $0 - 1 }
      } else if let last = json["gap"]["to"].integer {
        printer.print(events)
        events = []
        context.output.note(
          "roost events follow: events \(json["gap"]["from"].plainText) to \(last) were missed; 'roost events --after' may still have them"
        )
        position = max(position ?? 0, last)
      } else if let next = json["next"].integer, position == nil {
        position = next - 1
      }
    }
    guard !events.isEmpty else { return }
    printer.print(events)
    // Only what was printed is acknowledged: whoever goes on with this cursor misses nothing.
    if cursor != nil, let position { socket?.send(text: "{\"ack\":\(position)}") }
  }

  private func sleep(_ duration: Duration) async {
    await withCheckedContinuation { continuation in
      timer = loop.schedule(after: duration) { continuation.resume() }
    }
    timer = nil
  }

  /// A reader that goes away is noticed at once, and not only when the next event cannot be written.
  private nonisolated func endWithReader() {
    Task.detached {
      var entry = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
      while poll(&entry, 1, -1) < 0, errno == EINTR {}
      _exit(128 + SIGPIPE)
    }
  }

  private func wake() {
    waiting?.resume()
    waiting = nil
  }

  private func received(_ frame: [UInt8]) {
    inbox.append(frame)
    inboxBytes += frame.count
    if inboxBytes > EventFollower.inboxBytes { socket?.pauseReading() }
    wake()
  }

  private func closed(_ reason: String) {
    closing = reason
    socket = nil
    wake()
  }

  // MARK: WebSocketHandler

  nonisolated func webSocket(_ socket: any MessageSocket, text: [UInt8]) { assumeIsolated { $0.received(text) } }
  nonisolated func webSocket(_ socket: any MessageSocket, binary: [UInt8]) {}
  nonisolated func webSocketDrained(_ socket: any MessageSocket) {}
  nonisolated func webSocketClosed(_ socket: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.closed(reason) }
  }
}
