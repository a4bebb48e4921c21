import Net
import Synchronization
import Testing

@testable import Cluster

/// Two sides of a link in one process, over real WebSockets on a Unix socket, which can be cut and made anew.
final class LinkRig: Sendable {
  let loops: LoopGroup
  let server: HTTPServer
  private let client: HTTPClient
  private let door: Door
  let dialler: Link
  let acceptor: Link
  let accepted: Inbox<(LinkStream, [UInt8])>
  let lost = Inbox<String>()
  let ended = Inbox<Int>()

  /// The loops of the dialler and the acceptor.
  var near: EventLoop { loops.loops[0] }
  var far: EventLoop { loops.loops[1] }

  init(limits: LinkLimits = LinkLimits(), serve: (@Sendable (LinkStream, [UInt8]) -> Void)? = nil) async throws {
    loops = try LoopGroup(count: 2)
    door = Door(loop: loops.loops[1])
    server = HTTPServer(loops: loops, handler: door) { fault, _ in HTTPResponse(status: fault.status) }
    let path = "/tmp/roost-link-\(UInt64.random(in: 0...UInt64.max)).sock"
    try await server.listen(unix: path)
    client = HTTPClient(endpoint: .unix(path: path), loop: loops.loops[0])
    let accepted = Inbox<(LinkStream, [UInt8])>()
    self.accepted = accepted
    let (lost, ended) = (lost, ended)
    let peer = PeerAddress.unix(uid: 0, pid: 0)
    dialler = Link(
      loop: loops.loops[0], side: .dialler, peer: peer, limits: limits,
      events: .init(accepted: { _, _ in }, lost: { lost.put($0) }, ended: { ended.put(0) }))
    acceptor = Link(
      loop: loops.loops[1], side: .acceptor, peer: peer, limits: limits,
      events: .init(
        accepted: { stream, head in
          if let serve { serve(stream, head) } else { stream.handler = Collector() }
          accepted.put((stream, head))
        }, lost: { _ in }, ended: { ended.put(1) }))
  }

  /// Connects the two sides, as a resumption does.
  func connect() async throws {
    let mine = try await client.webSocket(target: "/", handler: Collector())
    let theirs = await door.sockets.next()
    await near.run { mine.pauseReading() }
    let received = await dialler.receivedBatches
    let (acceptor, dialler) = (acceptor, dialler)
    let theirReceived: UInt64 = await far.run {
      acceptor.assumeIsolated { link in
        let fits = link.attach(theirs, received: received)
        #expect(fits)
        theirs.resumeReading()
        return link.receivedBatches
      }
    }
    await near.run {
      dialler.assumeIsolated { link in
        let fits = link.attach(mine, received: theirReceived)
        #expect(fits)
        mine.resumeReading()
      }
    }
  }

  /// Cuts the connection without a word, on both sides.
  func cut() async {
    await dialler.disconnect("cut")
    await acceptor.disconnect("cut")
  }

  func open(_ head: String, isCall: Bool = false, _ handler: any WebSocketHandler) async -> LinkStream {
    let dialler = dialler
    return await near.run {
      dialler.assumeIsolated { link in
        let stream = link.open(Array(head.utf8), isCall: isCall)
        stream.handler = handler
        return stream
      }
    }
  }

  func close() async {
    await dialler.end("over")
    await acceptor.end("over")
    await client.close()
    await server.close(graceful: .seconds(1))
    loops.stop()
  }

  private struct Door: HTTPHandler {
    let sockets = Inbox<any MessageSocket>()
    let loop: EventLoop

    func respond(to request: HTTPRequest, on loop: EventLoop) async -> HTTPReply {
      let sockets = sockets
      var upgrade = WebSocketUpgrade(loop: self.loop) { socket in
        socket.pauseReading()
        socket.handler = Collector()
        sockets.put(socket)
      }
      upgrade.pingInterval = .zero
      return .upgrade(upgrade)
    }
  }
}

/// What comes from somewhere, to be waited for.
final class Inbox<Element: Sendable>: Sendable {
  private struct State {
    var elements: [Element] = []
    var waiting: [CheckedContinuation<Element, Never>] = []
  }

  private let state = Mutex(State())

  func put(_ element: Element) {
    let waiting = state.withLock { state -> CheckedContinuation<Element, Never>? in
      if state.waiting.isEmpty {
        state.elements.append(element)
        return nil
      }
      return state.waiting.removeFirst()
    }
    waiting?.resume(returning: element)
  }

  func next() async -> Element {
    await withCheckedContinuation { continuation in
      let ready = state.withLock { state -> Element? in
        if !state.elements.isEmpty { return state.elements.removeFirst() }
        state.waiting.append(continuation)
        return nil
      }
      if let ready { continuation.resume(returning: ready) }
    }
  }

  var isEmpty: Bool { state.withLock { $0.elements.isEmpty } }
}

/// A handler that collects what it is told.
final class Collector: WebSocketHandler {
  enum Told: Sendable, Equatable {
    case text(String)
    case binary([UInt8])
    case drained
    case closed(UInt16, String)
  }

  let told = Inbox<Told>()
  /// Whether `drained` is told too.
  let tellsDrained: Bool

  init(tellsDrained: Bool = false) { self.tellsDrained = tellsDrained }

  func webSocket(_ ws: any MessageSocket, text: [UInt8]) { told.put(.text(String(decoding: text, as: UTF8.self))) }
  func webSocket(_ ws: any MessageSocket, binary: [UInt8]) { told.put(.binary(binary)) }
  func webSocketDrained(_ ws: any MessageSocket) { if tellsDrained { told.put(.drained) } }
  func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) { told.put(.closed(code, reason)) }
}

/// Sends back what it is sent.
final class Echo: WebSocketHandler {
  func webSocket(_ ws: any MessageSocket, text: [UInt8]) { ws.send(text: text) }
  func webSocket(_ ws: any MessageSocket, binary: [UInt8]) { ws.send(binary: binary) }
  func webSocketDrained(_ ws: any MessageSocket) {}
  func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {}
}
