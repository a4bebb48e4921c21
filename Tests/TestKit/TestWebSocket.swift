package import Formats
package import Net

/// Something that came in on a WebSocket.
package enum WebSocketEvent: Sendable, Equatable {
  case text(String)
  case binary([UInt8])
  case closed(code: UInt16, reason: String)

  /// The text as JSON; null for everything else.
  package var json: JSON {
    guard case .text(let text) = self else { return .null }
    return (try? JSON(parsing: text)) ?? .null
  }
}

/// A WebSocket whose messages are asked for one by one.
package struct TestWebSocket: Sendable {
  package let socket: WebSocket
  let inbox: WebSocketInbox

  /// The next message or the close, in the order they came.
  package func next(within duration: Duration = Deadline.standard) async throws -> WebSocketEvent {
    guard let event = await inbox.next(within: duration) else {
      throw TestFailure("no WebSocket message within \(duration)")
    }
    return event
  }

  /// The next text message as JSON; others before it are passed over.
  package func nextJSON(within duration: Duration = Deadline.standard) async throws -> JSON {
    let deadline = Deadline(duration)
    while true {
      switch try await next(within: .milliseconds(Int(deadline.milliseconds))) {
      case .text(let text): return try JSON(parsing: text)
      case .binary: continue
      case .closed(let code, let reason): throw TestFailure("the WebSocket was closed: \(code) \(reason)")
      }
    }
  }

  /// The first text message that fits; others are passed over.
  package func nextJSON(
    within duration: Duration = Deadline.standard, where fits: (JSON) -> Bool
  ) async throws -> JSON {
    let deadline = Deadline(duration)
    while true {
      let json = try await nextJSON(within: .milliseconds(Int(deadline.milliseconds)))
      if fits(json) { return json }
    }
  }

  /// Collects terminal bytes until the text is among them; JSON messages are passed over.
  /// - Returns: all bytes since the call.
  @discardableResult
  package func bytes(until text: String, within duration: Duration = Deadline.standard) async throws -> [UInt8] {
    let deadline = Deadline(duration)
    let needle = Array(text.utf8)
    var bytes: [UInt8] = []
    var searched = 0
    // What was looked at is not looked at again: a flood has millions of bytes.
    while bytes[searched...].firstRange(of: needle) == nil {
      searched = max(0, bytes.count - needle.count)
      do {
        switch try await next(within: .milliseconds(Int(deadline.milliseconds))) {
        case .binary(let more): bytes += more
        case .text: continue
        case .closed(let code, let reason): throw TestFailure("the WebSocket was closed: \(code) \(reason)")
        }
      } catch let failure as TestFailure {
        let seen = String(decoding: bytes, as: UTF8.self).debugDescription
        throw TestFailure("\(failure.description), waiting for \(text.debugDescription) in \(seen)")
      }
    }
    return bytes
  }

  /// Waits for the close; messages before it are passed over.
  package func waitForClose(within duration: Duration = Deadline.standard) async throws -> (
    code: UInt16, reason: String
  ) {
    let deadline = Deadline(duration)
    while true {
      if case .closed(let code, let reason) = try await next(within: .milliseconds(Int(deadline.milliseconds))) {
        return (code, reason)
      }
    }
  }

  package func send(_ json: JSON) async {
    await inbox.perform { [socket] in socket.send(text: json.text) }
  }

  package func send(text: String) async {
    await inbox.perform { [socket] in socket.send(text: text) }
  }

  package func send(binary bytes: [UInt8]) async {
    await inbox.perform { [socket] in socket.send(binary: bytes) }
  }

  package func type(_ text: String) async {
    await send(binary: Array(text.utf8))
  }

  /// A viewer that never reads: nothing more is taken from the socket.
  package func stopReading() async {
    await inbox.perform { [socket] in socket.pauseReading() }
  }

  package func resumeReading() async {
    await inbox.perform { [socket] in socket.resumeReading() }
  }

  package func close(code: UInt16 = 1000, reason: String = "") async {
    await inbox.perform { [socket] in socket.close(code: code, reason: reason) }
  }
}

/// Keeps what comes in until it is asked for.
actor WebSocketInbox: WebSocketHandler {
  nonisolated var unownedExecutor: UnownedSerialExecutor { TestLoop.shared.asUnownedSerialExecutor() }

  private var events: [WebSocketEvent] = []
  private var waiting: (continuation: CheckedContinuation<WebSocketEvent?, Never>, timer: LoopTimer)?

  func next(within duration: Duration) async -> WebSocketEvent? {
    if !events.isEmpty { return events.removeFirst() }
    return await withCheckedContinuation { continuation in
      let timer = TestLoop.shared.schedule(after: duration) { [weak self] in
        self?.assumeIsolated { $0.answer(nil) }
      }
      waiting = (continuation, timer)
    }
  }

  func perform(_ body: @Sendable () -> Void) {
    body()
  }

  private func answer(_ event: WebSocketEvent?) {
    guard let (continuation, timer) = waiting else {
      if let event { events.append(event) }
      return
    }
    waiting = nil
    timer.cancel()
    continuation.resume(returning: event)
  }

  nonisolated func webSocket(_ socket: any MessageSocket, text: [UInt8]) {
    assumeIsolated { $0.answer(.text(String(decoding: text, as: UTF8.self))) }
  }

  nonisolated func webSocket(_ socket: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.answer(.binary(binary)) }
  }

  nonisolated func webSocketDrained(_ socket: any MessageSocket) {}

  nonisolated func webSocketClosed(_ socket: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.answer(.closed(code: code, reason: reason)) }
  }
}
