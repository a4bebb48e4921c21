import Cluster
import Formats
import Net
import Operations

extension HTTPSurface {
  /// `/events/stream` of another server: a stream here, a WebSocket there. `nil` for a request that is for this server.
  func relayedEventStream(
    _ request: HTTPRequest, _ query: [(name: String, value: String)], for call: Call
  ) async throws(OperationError) -> HTTPReply? {
    guard let member = try backend(in: query) else { return nil }
    var wanted = query.filter { $0.name != "server" }
    // Read here too: what is wrong with it is said by whoever was asked, and where a client goes on is no parameter there.
    let following = try EventFollowing(wanted, lastEventID: request.headers[first: "last-event-id"])
    wanted.removeAll { $0.name == "after" }
    if let after = following.after { wanted.append(("after", String(after))) }
    let place = try eventFollower(for: call)
    let socket: any MessageSocket
    do throws(OperationError) {
      socket = try await open(
        RelayedRequest(endpoint: .eventStream, path: "/events/ws", query: wanted), at: member, for: call)
    } catch {
      guard error.isRefusal else { throw error }
      throw refused(error, at: .eventStream, nil, server: member.name, for: call)
    }
    let (unclaimed, authenticator, tenures) = (UnclaimedSocket(socket), authenticator, catalogue.tenures)
    let loop = socket.loop
    return .stream(Responses.eventStream()) { writer in
      let stream = RelayedEventStream(on: loop) { (try? await authenticator.authenticate(request)) != nil }
      let tenure = tenures?.hold(call) { loop.execute { stream.assumeIsolated { $0.wake() } } }
      await stream.run(unclaimed, into: writer, until: { tenure?.ended != nil })
      tenure?.release()
      place.leave()
    }
  }
}

/// Server-sent events (HTML §9.2) made of what the WebSocket for events of another server says.
actor RelayedEventStream {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  /// Whether whoever opened the stream may still read it.
  private let isAllowed: @Sendable () async -> Bool
  private var messages: [[UInt8]] = []
  private var waitingBytes = 0
  private var isPaused = false
  private var isOver = false
  private var waiter: CheckedContinuation<Void, Never>?
  /// Whether something has happened while nobody waited for it.
  private var isWoken = false
  /// Whether it is time to say that the stream lives.
  private var isKeptAlive = false
  private var timer: LoopTimer?

  /// - Parameter loop: the backend's socket lives there.
  init(on loop: EventLoop, isAllowed: @escaping @Sendable () async -> Bool) {
    self.loop = loop
    self.isAllowed = isAllowed
  }

  /// Writes until the client goes away, its token has come to an end (`isEnded`), or the way to the backend is lost: then the client comes
  /// again, with the last number that it has.
  func run(_ unclaimed: UnclaimedSocket, into writer: HTTPBodyWriter, until isEnded: @Sendable () -> Bool) async {
    guard let socket = unclaimed.claim() else { return }
    socket.handler = self
    socket.resumeReading()
    timer = loop.schedule(after: EventStream.keepalive, every: EventStream.keepalive) { [weak self] in
      self?.assumeIsolated {
        $0.isKeptAlive = true
        $0.wake()
      }
    }
    await pass(from: socket, to: writer, until: isEnded)
    await end(socket)
  }

  /// A call of its own, which begins with a hop to the loop: where a write has failed, optimized code (Swift 6.3) went on where the client's
  /// connection lives, and what was ended there belongs here.
  private func end(_ socket: any MessageSocket) async {
    timer?.cancel()
    timer = nil
    socket.close(code: WebSocketCloseCode.normal, reason: "")
  }

  private func pass(
    from socket: any MessageSocket, to writer: HTTPBodyWriter, until isEnded: @Sendable () -> Bool
  ) async {
    do throws(NetError) {
      while !Task.isCancelled, !isEnded() {
        if isKeptAlive {
          isKeptAlive = false
          guard await isAllowed() else { return }
          try await writer.write(Array(": keepalive\n\n".utf8))
        }
        let taken = messages
        messages = []
        waitingBytes = 0
        if isPaused {
          isPaused = false
          socket.resumeReading()
        }
        var text: [UInt8] = []
        for message in taken {
          // Whoever says something else than events is not passed on.
          guard let piece = RelayedEventStream.text(of: message) else { return }
          text += piece
        }
        if !text.isEmpty { try await writer.write(text) }
        if !messages.isEmpty { continue }
        if isOver { return }
        if !isKeptAlive, !isEnded() { await ready() }
      }
    } catch {
      // The client is gone.
    }
  }

  /// A message as an event of the stream. Its text is another server's: it is made one line, so that nothing in it ends the event early.
  static func text(of message: [UInt8]) -> [UInt8]? {
    guard let line = JSONText.compact(message[...]), let members = JSONText.members(of: line[...]) else { return nil }
    func value(_ name: String) -> ArraySlice<UInt8>? { members.first { $0.name == name }?.value }
    if let next = value("next").flatMap(JSONText.integer), value("connected") != nil {
      return Array(": following from \(next)\n\n".utf8)
    }
    if let gap = value("gap") {
      guard
        let last = JSONText.members(of: gap)?.first(where: { $0.name == "to" }).flatMap({ JSONText.integer($0.value) })
      else { return nil }
      return Array("id: \(last)\nevent: gap\ndata: ".utf8) + gap + "\n\n".utf8
    }
    guard let type = value("type").flatMap(JSONText.string), type.unicodeScalars.allSatisfy({ $0.value >= 0x20 }) else {
      return nil
    }
    // CloudEvents have it as text.
    let number =
      value("seq").flatMap(JSONText.integer) ?? value("sequence").flatMap(JSONText.string).flatMap { Int($0) }
    let id = number.map { "id: \($0)\n" } ?? ""
    return Array("\(id)event: \(type)\ndata: ".utf8) + line + "\n\n".utf8
  }

  /// Returns when something has come, at the next keepalive, or when the client is gone.
  private func ready() async {
    await withTaskCancellationHandler {
      preconditionIsolated()
      await withCheckedContinuation { continuation in
        if !messages.isEmpty || isOver || isWoken || Task.isCancelled {
          continuation.resume()
        } else {
          waiter = continuation
        }
        isWoken = false
      }
    } onCancel: {
      loop.execute { self.assumeIsolated { $0.wake() } }
    }
  }

  func wake() {
    isWoken = waiter == nil
    waiter?.resume()
    waiter = nil
  }

  private func received(_ message: [UInt8], from socket: any MessageSocket) {
    messages.append(message)
    waitingBytes += message.count
    if waitingBytes > SocketRelay.highWater, !isPaused {
      isPaused = true
      socket.pauseReading()
    }
    wake()
  }

  private func closed() {
    isOver = true
    wake()
  }
}

extension RelayedEventStream: WebSocketHandler {
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) {
    assumeIsolated { $0.received(text, from: ws) }
  }
  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {}
  nonisolated func webSocketDrained(_ ws: any MessageSocket) {}
  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.closed() }
  }
}
