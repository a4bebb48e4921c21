import Cluster
import Formats
import Net
import TerminalEngine

/// Joins a client's socket and one of a backend, on the loop where both live: what one says the other is told, one that does not read stops
/// the other from being read, and the end of one is the end of the other.
///
/// Where the way to the backend is lost, a relay that can opens another socket there (``Reopening``); any other ends with 1012.
actor SocketRelay {
  /// How a relay goes on after its backend was lost: terminal bytes, whose new socket begins with a picture of what was missed.
  struct Reopening: Sendable {
    /// Whether text from the client is control, and control may be sent to it.
    var isAttach: Bool
    /// Opens another socket like the first; the session gets that size, the one that the client gave last.
    var open: @Sendable (_ size: TerminalSize?) async throws(RemoteFailure) -> any MessageSocket
    /// How long it is tried.
    var patience: Duration = .seconds(60)
  }

  /// What may wait for one side before the other is not read: as much as a socket's user may queue elsewhere.
  static let highWater = 64 << 10
  /// What a client may say while there is no backend, before it is not read.
  private static let maximumHeld = 64 << 10
  /// Far more than a size takes; a longer text about it is not kept.
  private static let maximumResizing = 1 << 10
  private static let firstDelay = Duration.milliseconds(100)
  private static let longestDelay = Duration.seconds(5)

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  private enum Message {
    case text([UInt8])
    case binary([UInt8])
  }

  private let client: any MessageSocket
  /// `nil` while another one is looked for.
  private var remote: (any MessageSocket)?
  private let server: String
  private let reopening: Reopening?
  private let onClosed: @Sendable () -> Void
  /// The last size that the client gave, and how it said so: another backend is told the same.
  private var size: TerminalSize?
  private var resizing: [UInt8]?
  /// What the client said while there was no backend.
  private var held: [Message] = []
  private var heldBytes = 0
  private var isClientPaused = false
  private var isRemotePaused = false
  private var isOver = false
  private var search: Task<Void, Never>?

  /// - Parameter server: the name of the backend, for what the client is told.
  init(
    _ client: any MessageSocket, _ remote: any MessageSocket, server: String, reopening: Reopening? = nil,
    onClosed: @escaping @Sendable () -> Void = {}
  ) {
    loop = client.loop
    self.client = client
    self.remote = remote
    self.server = server
    self.reopening = reopening
    self.onClosed = onClosed
  }

  /// Called once, when the client's socket is open.
  package func start() {
    client.handler = ClientSide(self)
    guard let remote else { return }
    remote.handler = RemoteSide(self)
    remote.resumeReading()
  }

  // MARK: From the client

  fileprivate func fromClient(text: [UInt8]) {
    if isOver { return }
    if reopening?.isAttach == true { note(control: text) }
    guard let remote else { return hold(.text(text), text.count) }
    remote.send(text: text)
    pauseClientIfNeeded()
  }

  fileprivate func fromClient(binary: [UInt8]) {
    if isOver { return }
    guard let remote else { return hold(.binary(binary), binary.count) }
    remote.send(binary: binary)
    pauseClientIfNeeded()
  }

  private func note(control text: [UInt8]) {
    guard let resize = JSONText.members(of: text[...])?.last(where: { $0.name == "resize" })?.value,
      let sides = JSONText.members(of: resize)
    else { return }
    func side(_ name: String) -> Int { sides.last { $0.name == name }.flatMap { JSONText.integer($0.value) } ?? 0 }
    let (rows, columns) = (side("rows"), side("cols"))
    guard rows > 0, columns > 0 else { return }
    size = TerminalSize(rows: rows, columns: columns)
    resizing = text.count <= SocketRelay.maximumResizing ? text : nil
  }

  private func pauseClientIfNeeded() {
    guard !isClientPaused, let remote, remote.queuedBytes > SocketRelay.highWater else { return }
    isClientPaused = true
    client.pauseReading()
  }

  private func hold(_ message: Message, _ count: Int) {
    held.append(message)
    heldBytes += count + 32  // an empty message takes memory too
    if heldBytes > SocketRelay.maximumHeld, !isClientPaused {
      isClientPaused = true
      client.pauseReading()
    }
  }

  fileprivate func clientDrained() {
    guard isRemotePaused else { return }
    isRemotePaused = false
    remote?.resumeReading()
  }

  fileprivate func clientClosed(_ code: UInt16, _ reason: String) {
    if !isOver {
      isOver = true
      search?.cancel()
      let (code, reason) = SocketRelay.passedOn(code, reason, gone: "the client is gone")
      remote?.close(code: code, reason: reason)
    }
    held = []
    onClosed()
  }

  // MARK: From the backend

  fileprivate func fromRemote(text: [UInt8]) {
    if isOver { return }
    client.send(text: text)
    pauseRemoteIfNeeded()
  }

  fileprivate func fromRemote(binary: [UInt8]) {
    if isOver { return }
    client.send(binary: binary)
    pauseRemoteIfNeeded()
  }

  /// The backend's socket outlives its connection. Whoever sits at a terminal is told why nothing comes, since it may last for a minute.
  fileprivate func remoteWaits(_ reason: String?) {
    guard !isOver, reopening?.isAttach == true else { return }
    if let reason { control("waiting", "no word from \(server): \(reason)") } else { control("resumed", nil) }
  }

  private func pauseRemoteIfNeeded() {
    guard !isRemotePaused, client.queuedBytes > SocketRelay.highWater else { return }
    isRemotePaused = true
    remote?.pauseReading()
  }

  fileprivate func remoteDrained() {
    guard isClientPaused else { return }
    isClientPaused = false
    client.resumeReading()
  }

  fileprivate func remoteClosed(_ code: UInt16, _ reason: String) {
    guard !isOver else { return }
    remote = nil
    isRemotePaused = false
    // 1006: the way ended without a word.
    guard code == LinkStream.lost || code == WebSocketCloseCode.abnormal else {
      let (code, reason) = SocketRelay.passedOn(code, reason, gone: "")
      return end(code, reason)
    }
    guard let reopening else { return end(LinkStream.lost, lost) }
    if reopening.isAttach { control("gap", lost) }
    search = Task { [self] in await reopen(reopening) }
  }

  private var lost: String { "the connection to \(server) was lost" }

  /// Tells the client good-bye.
  private func end(_ code: UInt16, _ reason: String) {
    if isOver { return }
    isOver = true
    held = []
    client.close(code: code, reason: reason)
  }

  private func control(_ name: StaticString, _ reason: String?) {
    var json = JSONWriter()
    json.beginObject()
    json.key(name)
    json.beginObject()
    if let reason {
      json.key("reason")
      json.string(reason)
    }
    json.endObject()
    json.endObject()
    client.send(text: json.finish())
  }

  /// Codes that a connection's end stands for are never sent (RFC 6455 §7.4.1).
  private static func passedOn(_ code: UInt16, _ reason: String, gone: String) -> (UInt16, String) {
    switch code {
    case WebSocketCloseCode.noStatus: (WebSocketCloseCode.normal, "")
    case WebSocketCloseCode.abnormal, WebSocketCloseCode.tlsFailed: (WebSocketCloseCode.goingAway, gone)
    default: (code, reason)
    }
  }

  // MARK: Going on after a loss

  private func reopen(_ reopening: Reopening) async {
    let deadline = ContinuousClock.now + reopening.patience
    var delay = SocketRelay.firstDelay
    while !isOver {
      do throws(RemoteFailure) {
        adopt(try await reopening.open(size))
        return
      } catch {
        if isOver { return }
        // What will be no better in a minute is told at once.
        guard SocketRelay.passing.contains(error.code) else { return giveUp(error.message) }
        guard ContinuousClock.now + delay < deadline else { return end(LinkStream.lost, "\(lost): \(error.message)") }
      }
      // Many lose a backend at one moment; they need not come back at one.
      await pause(delay * Double.random(in: 0.5...1))
      delay = min(delay * 2, SocketRelay.longestDelay)
    }
  }

  private static let passing: Set<String> = [
    "server_unavailable", "gateway_timeout", "server_stopping", "resource_limit_reached",
  ]

  private func pause(_ delay: Duration) async {
    await withCheckedContinuation { continuation in loop.fire(after: delay) { continuation.resume() } }
  }

  private func adopt(_ socket: any MessageSocket) {
    search = nil
    guard !isOver else { return socket.close(code: WebSocketCloseCode.goingAway, reason: "the client is gone") }
    guard socket.subprotocol == client.subprotocol else {
      socket.close(code: WebSocketCloseCode.protocolError, reason: "another subprotocol than before")
      return end(LinkStream.lost, lost)
    }
    remote = socket
    socket.handler = RemoteSide(self)
    if let resizing { socket.send(text: resizing) }
    for message in held {
      switch message {
      case .text(let bytes): socket.send(text: bytes)
      case .binary(let bytes): socket.send(binary: bytes)
      }
    }
    held = []
    heldBytes = 0
    if client.queuedBytes > SocketRelay.highWater { isRemotePaused = true } else { socket.resumeReading() }
    if isClientPaused, socket.queuedBytes <= SocketRelay.highWater { remoteDrained() }
  }

  private func giveUp(_ why: String) {
    if reopening?.isAttach == true { control("detached", why) }
    end(WebSocketCloseCode.internalError, why)
  }
}

private final class ClientSide: WebSocketHandler {
  private let relay: SocketRelay

  init(_ relay: SocketRelay) { self.relay = relay }

  func webSocket(_ ws: any MessageSocket, text: [UInt8]) { relay.assumeIsolated { $0.fromClient(text: text) } }
  func webSocket(_ ws: any MessageSocket, binary: [UInt8]) { relay.assumeIsolated { $0.fromClient(binary: binary) } }
  func webSocketDrained(_ ws: any MessageSocket) { relay.assumeIsolated { $0.clientDrained() } }
  func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    relay.assumeIsolated { $0.clientClosed(code, reason) }
  }
}

private final class RemoteSide: WebSocketHandler {
  private let relay: SocketRelay

  init(_ relay: SocketRelay) { self.relay = relay }

  func webSocket(_ ws: any MessageSocket, text: [UInt8]) { relay.assumeIsolated { $0.fromRemote(text: text) } }
  func webSocket(_ ws: any MessageSocket, binary: [UInt8]) { relay.assumeIsolated { $0.fromRemote(binary: binary) } }
  func webSocket(_ ws: any MessageSocket, waits reason: String?) { relay.assumeIsolated { $0.remoteWaits(reason) } }
  func webSocketDrained(_ ws: any MessageSocket) { relay.assumeIsolated { $0.remoteDrained() } }
  func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    relay.assumeIsolated { $0.remoteClosed(code, reason) }
  }
}
