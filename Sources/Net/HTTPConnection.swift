/// A connection the server keeps count of.
protocol ServedConnection: AnyObject, Sendable {
  var loop: EventLoop { get }
  /// Ends as soon as what is under way is done. On the loop.
  func shutDown()
  /// Makes room for another connection, if nothing is under way. On the loop.
  func giveWay()
  /// Ends now. On the loop.
  func abort()
}

/// The server's end of one HTTP connection: reads requests, has them answered one after the other, writes the answers.
final class HTTPConnection: ServedConnection, @unchecked Sendable {
  // Unchecked: all state is touched on the loop only; `Socket` checks.

  /// Input that came ahead of its turn (pipelined requests) is kept up to this; then the peer waits. Reading goes on
  /// below it so that a disconnect is seen while a handler runs.
  private static let maxUnreadBytes = 64 * 1024
  /// How often it is looked whether a peer that has sent that much is still there while a handler runs.
  private static let lookMilliseconds: UInt64 = 1000
  /// What the kernel may hold of a peer that is not known yet, and of one that is: for that, as much as it likes.
  private static let unreadOfStranger: CInt = 16 * 1024
  private static let unreadOfKnown: CInt = 16 * 1024 * 1024
  /// A head as a rule, and little of a body that nobody may have wanted.
  private static let readOfStranger = 4 * 1024
  /// Longer bodies are handed to the socket so much at a time: what the kernel does not take is copied, and others on the loop wait meanwhile.
  private static let bodyAtOnce = 256 * 1024
  /// Responses queued for a peer that does not read: beyond this its further requests wait.
  private static let maxQueuedBytes = 1024 * 1024
  /// A connection moves after so many requests in a row for things of one other loop. One could be chance; moving costs a request's time.
  private static let requestsBeforeMove = 2
  /// Of a connection that is where it belongs, one request in so many and one is looked at for whether it still does.
  private static let requestsAtHome = 3

  let loop: EventLoop
  private let server: HTTPServer
  private let socket: Socket
  private var decoder: HTTPRequestDecoder
  private var unread: [UInt8] = []

  private enum State {
    /// Between requests, or within one that is still arriving.
    case reading
    /// Within a request whose head is looked at before more of its body is taken.
    case admitting
    /// A handler is at work.
    case answering
    /// A response body is being written piece by piece.
    case streaming
    /// The rest of a long answer goes out.
    case sending
    /// The 101 is out; the connection waits to leave this loop, or has left.
    case upgraded
    case finished
  }

  /// What must be known of a request until it is answered.
  private struct Exchange {
    var method: String
    var headers: HTTPHeaders
    var keepsAlive: Bool
    var isVersion10: Bool
    var isHead: Bool { method == "HEAD" }
  }

  private let standing: ConnectionStanding
  /// The server has been told that it is known who is behind the connection.
  private var isKnown: Bool

  private var state = State.reading
  private var exchange: Exchange?
  private var task: Task<Void, Never>?
  private var reply: HTTPReply?
  /// What is kept for the body of the request under way, until it is answered.
  private var bodyLease: (any Sendable)?
  /// What is kept for answers that the peer has not taken yet.
  private var unsent: [any Sendable] = []
  /// What is still to be sent of a long answer.
  private var rest: Rest?

  private struct Rest {
    var body: [UInt8]
    var sent: Int
    var closes: Bool
  }

  private var writer: HTTPBodyWriter?
  private var departure: (() -> Void)?
  /// Where the latest requests would have been answered without a hop, if not here, and how many they were.
  private var home: EventLoop?
  private var requestsAway = 0
  /// Requests that are not looked at for that: the last one was at home here, and the next will be, too.
  private var unlooked = 0
  private var isPumping = false
  private var isBlocked = false
  /// The next request is here already, and others on the loop have their turn before it is looked at.
  private var isYielding = false
  private var peerEnded = false
  private var isShuttingDown = false
  /// Another has its place: when it has been answered, it is closed without waiting for the peer.
  private var hasGivenWay = false

  private var deadline: Deadline?
  private var timedPhase = HTTPRequestDecoder.Phase.idle
  private var takenAtDeadline: UInt64 = 0

  /// - Parameter standing: what is known already of who is behind it.
  init(server: HTTPServer, socket: Socket, standing: ConnectionStanding? = nil) {
    self.server = server
    self.socket = socket
    loop = socket.loop
    if let standing {
      self.standing = standing
    } else if case .unix = socket.peer {
      self.standing = ConnectionStanding(isKnown: true)
    } else {
      self.standing = ConnectionStanding()
    }
    isKnown = self.standing.isKnown
    decoder = HTTPRequestDecoder(limits: server.limits)
  }

  func start() {
    socket.setOwner(self)
    if !isKnown {
      socket.limitUnread(to: HTTPConnection.unreadOfStranger, atOnce: HTTPConnection.readOfStranger, isStranger: true)
    }
    deadline = Deadline(loop: loop) { [unowned self] in deadlinePassed() }
    deadline?.set(after: idleTimeout)
    socket.startReading()
  }

  private var idleTimeout: UInt64 { isKnown ? server.timeouts.idle : server.timeouts.stranger }

  func shutDown() {
    isShuttingDown = true
    if state == .reading { finish() }
  }

  func giveWay() {
    isShuttingDown = true
    hasGivenWay = true
    if state == .reading || state == .finished { socket.close(nil) }
  }

  func abort() { socket.close(nil) }

  private func finish() {
    state = .finished
    deadline?.close()
    unread = []
    socket.finish()
    if hasGivenWay, socket.queuedBytes == 0 { socket.close(nil) }
  }

  // MARK: Requests

  private func pump(_ input: inout UnsafeRawBufferPointer) {
    isPumping = true
    defer { isPumping = false }
    while true {
      if let reply {
        self.reply = nil
        perform(reply, &input)
        if state == .reading, !input.isEmpty { yield() }
        continue
      }
      guard state == .reading, !isBlocked, !isYielding, !input.isEmpty else { break }
      do throws(HTTPFault) {
        guard let event = try decoder.next(&input) else { break }
        switch event {
        case .awaitsBody(let head, let expectsContinue): admit(head, expectsContinue)
        case .request(let parsed): begin(parsed)
        }
      } catch {
        fail(error)
      }
    }
    if state == .finished { input = UnsafeRawBufferPointer(rebasing: input[input.count...]) }
    if requestsAway >= HTTPConnection.requestsBeforeMove, state == .reading, input.isEmpty { moveHome() }
    setDeadline()
  }

  private func yield() {
    isYielding = true
    loop.turns.wait(isKnown ? .known : .stranger) { [self] in
      isYielding = false
      if !isPumping { pumpUnread() }
    }
  }

  private func pumpUnread() {
    let bytes = unread
    unread = []
    bytes.withUnsafeBytes { bytes in
      var input = bytes
      pump(&input)
      if !input.isEmpty { unread.append(contentsOf: input) }
    }
    if state != .finished, state != .upgraded {
      if unread.count < HTTPConnection.maxUnreadBytes { socket.startReading() } else { stopReading() }
    }
    // A peer that sent its last request and then ended is done once that is answered.
    if peerEnded, state == .reading, reply == nil, !isBlocked, !isYielding { finish() }
  }

  /// Has the handler look at a head whose body is still to come.
  private func admit(_ head: HTTPRequestDecoder.Parsed, _ expectsContinue: Bool) {
    if case .unix = socket.peer { return goOn(expectsContinue) }
    state = .admitting
    let request = HTTPRequest(
      method: head.method, target: head.target, headers: head.headers, peer: socket.peer, standing: standing)
    let task = loop.isolation.assumeIsolated { $0.admit(request, expectsContinue, of: self, server.handler) }
    if state == .admitting { self.task = task }
  }

  fileprivate func deliver(_ admission: HTTPAdmission, _ expectsContinue: Bool) {
    task = nil
    guard state == .admitting else { return }
    state = .reading
    noteStanding()
    switch admission {
    case .admitted(let lease):
      bodyLease = lease
      // Whoever he is, his body is wanted.
      if !isKnown { socket.limitUnread(to: HTTPConnection.unreadOfKnown) }
      if isShuttingDown { return finish() }
      goOn(expectsContinue)
      if !isPumping { pumpUnread() }
    case .refused(let response):
      // Nobody knows where the next request begins before the body has come.
      exchange = Exchange(method: "GET", headers: .init(), keepsAlive: false, isVersion10: false)
      send(response)
    }
  }

  private func goOn(_ expectsContinue: Bool) {
    if expectsContinue { socket.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
  }

  private func noteStanding() {
    if isKnown || !standing.isKnown { return }
    isKnown = true
    socket.limitUnread(to: HTTPConnection.unreadOfKnown)
    server.know(self)
  }

  private func begin(_ parsed: HTTPRequestDecoder.Parsed) {
    state = .answering
    timedPhase = .idle  // the next head has its own time
    exchange = Exchange(
      method: parsed.method, headers: parsed.headers, keepsAlive: parsed.keepsAlive, isVersion10: parsed.isVersion10)
    let request = HTTPRequest(
      method: parsed.method, target: parsed.target, headers: parsed.headers, body: parsed.body, peer: socket.peer,
      standing: standing)
    if unlooked == 0 { noteHome(server.handler.home(of: request)) } else { unlooked -= 1 }
    // Runs here and now up to the handler's first suspension; most answers need none.
    let task = loop.isolation.assumeIsolated { $0.answer(request, of: self, server.handler) }
    if reply == nil, state == .answering || state == .streaming { self.task = task }
  }

  /// The handler's answer. Called on the loop, within `begin` or later.
  fileprivate func deliver(_ reply: HTTPReply) {
    task = nil
    guard state == .answering else { return }
    noteStanding()
    self.reply = reply
    if !isPumping { pumpUnread() }
  }

  private func perform(_ reply: HTTPReply, _ input: inout UnsafeRawBufferPointer) {
    switch reply {
    case .response(let response): send(response)
    case .upgrade(let upgrade): accept(upgrade, &input)
    case .stream: break  // never delivered: see `answer`
    }
  }

  // MARK: Responses

  private func send(_ response: HTTPResponse) {
    guard let exchange else { return }
    let closes = mustClose(exchange, response)
    loop.scratch.removeAll(keepingCapacity: true)
    let date = loop.date.now()
    HTTPEncoder.append(
      head: response, framing: HTTPStatus.hasNoBody(response.status) ? .none : .length(response.body.count),
      closes: closes, confirmsKeepAlive: exchange.isVersion10, date: date, to: &loop.scratch)
    loop.scratch.withUnsafeBytes { head in
      if exchange.isHead || HTTPStatus.hasNoBody(response.status) {
        socket.write(head)
      } else {
        response.body.withUnsafeBytes {
          socket.write(head, UnsafeRawBufferPointer(rebasing: $0.prefix(HTTPConnection.bodyAtOnce)))
        }
        if response.body.count > HTTPConnection.bodyAtOnce {
          rest = Rest(body: response.body, sent: HTTPConnection.bodyAtOnce, closes: closes)
        }
      }
    }
    if let kept = response.keeping, rest != nil || socket.queuedBytes > 0 { unsent.append(kept) }
    guard rest == nil else {
      state = .sending
      task = nil
      bodyLease = nil
      if socket.queuedBytes == 0 { sendRestLater() }
      return
    }
    endExchange(closes: closes)
  }

  private func sendRestLater() { loop.turns.wait(.known) { [self] in sendRest() } }

  /// Sends the next part of a long answer. Called when the socket has taken the last.
  private func sendRest() {
    guard state == .sending, let sent = rest?.sent, let count = rest?.body.count, !socket.isClosed else { return }
    let end = min(count, sent + HTTPConnection.bodyAtOnce)
    rest?.body.withUnsafeBytes { socket.write(UnsafeRawBufferPointer(rebasing: $0[sent..<end])) }
    if socket.isClosed { return }
    rest?.sent = end
    if end < count {
      if socket.queuedBytes == 0 { sendRestLater() }
      return setDeadline()
    }
    let closes = rest?.closes ?? true
    rest = nil
    if socket.queuedBytes == 0 { unsent = [] }
    endExchange(closes: closes || isEnding)
    if state == .reading, !isPumping { pumpUnread() }
  }

  /// The server closes, whether it has got here to say so or not.
  private var isEnding: Bool { isShuttingDown || server.isClosing }

  private func mustClose(_ exchange: Exchange, _ response: HTTPResponse) -> Bool {
    !exchange.keepsAlive || isEnding
      || (!response.headers.isEmpty && response.headers.list("connection", has: "close"))
  }

  private func endExchange(closes: Bool) {
    exchange = nil
    task = nil
    bodyLease = nil
    writer = nil
    if closes || socket.isClosed {
      finish()
    } else {
      state = .reading
      isBlocked = socket.queuedBytes > HTTPConnection.maxQueuedBytes
    }
  }

  /// Answers by itself what breaks the protocol, and closes: after a fault nobody knows where the next request begins.
  private func fail(_ fault: HTTPFault) {
    let response = server.errorBody(fault, exchange?.headers ?? decoder.headers)
    if exchange == nil {
      exchange = Exchange(method: "GET", headers: .init(), keepsAlive: false, isVersion10: false)
    }
    exchange?.keepsAlive = false
    send(response)
  }

  // MARK: Streams

  /// Can a body still be written? (The end of the socket is told in a later job, so look at it too.)
  var isStreaming: Bool { state == .streaming && !socket.isClosed }
  var queuedBytes: Int { socket.queuedBytes }

  fileprivate func beginStream(_ response: HTTPResponse) -> HTTPBodyWriter? {
    guard state == .answering, let exchange, !socket.isClosed else { return nil }
    state = .streaming
    noteStanding()
    if exchange.isVersion10 { self.exchange?.keepsAlive = false }
    let hasNoBody = exchange.isHead || HTTPStatus.hasNoBody(response.status)
    loop.scratch.removeAll(keepingCapacity: true)
    let date = loop.date.now()
    HTTPEncoder.append(
      head: response,
      framing: HTTPStatus.hasNoBody(response.status) ? .none : exchange.isVersion10 ? .untilClose : .chunked,
      closes: mustClose(exchange, response) || exchange.isVersion10, confirmsKeepAlive: false, date: date,
      to: &loop.scratch)
    socket.write(loop.scratch)
    if mustClose(exchange, response) { self.exchange?.keepsAlive = false }
    if !hasNoBody, !response.body.isEmpty { writePiece(response.body) }
    let writer = HTTPBodyWriter(self)
    self.writer = writer
    return writer
  }

  func writePiece(_ bytes: [UInt8]) {
    guard let exchange, !exchange.isHead else { return }
    bytes.withUnsafeBytes { bytes in
      if exchange.isVersion10 {
        socket.write(bytes)
        return
      }
      loop.scratch.removeAll(keepingCapacity: true)
      loop.scratch.append(hexadecimal: bytes.count)
      loop.scratch.append("\r\n")
      let end: StaticString = "\r\n"
      loop.scratch.withUnsafeBytes { head in
        socket.write(head, bytes, UnsafeRawBufferPointer(start: end.utf8Start, count: 2))
      }
    }
  }

  fileprivate func endStream() {
    guard state == .streaming, let exchange else { return }
    if !exchange.isVersion10, !exchange.isHead { socket.write(Array("0\r\n\r\n".utf8)) }
    endExchange(closes: !exchange.keepsAlive || isEnding)
    if !isPumping { pumpUnread() }
  }

  // MARK: Upgrades

  private func accept(_ upgrade: WebSocketUpgrade, _ input: inout UnsafeRawBufferPointer) {
    guard let exchange else { return }
    let head: [UInt8]
    do throws(HTTPFault) {
      head = try WebSocketHandshake.answer(
        method: exchange.method, isVersion10: exchange.isVersion10, headers: exchange.headers, upgrade: upgrade)
    } catch {
      var response = server.errorBody(error, exchange.headers)
      if error == .upgradeRequired {
        response.headers.set("Sec-WebSocket-Version", "13")
        response.headers.set("Upgrade", "websocket")
      }
      send(response)
      return
    }
    socket.write(head)
    state = .upgraded
    bodyLease = nil
    deadline?.close()
    // While pumping, bytes that wait are either in `input` or in `unread`, never in both.
    let rest = unread + input
    unread = []
    input = UnsafeRawBufferPointer(rebasing: input[input.count...])
    if let target = upgrade.loop, target !== loop {
      socket.stopReading()
      departure = { [self] in depart(to: target, upgrade, rest) }
      if socket.queuedBytes == 0 { leave() }
    } else {
      HTTPConnection.open(socket, upgrade, rest, instead: self, server)
    }
  }

  private func leave() {
    take(&departure)?()
  }

  /// Moves the connection: a duplicate of the descriptor opens on the other loop after this one has let go of it.
  private func depart(to target: EventLoop, _ upgrade: WebSocketUpgrade, _ rest: [UInt8]) {
    guard let detached = socket.detach() else {
      socket.close(NetError(.exhausted, "no descriptor left"))
      return
    }
    target.execute { [self, server] in
      do throws(NetError) {
        HTTPConnection.open(try detached.attach(to: target), upgrade, rest, instead: self, server)
      } catch {
        server.remove(self)
      }
    }
  }

  private static func open(
    _ socket: Socket, _ upgrade: WebSocketUpgrade, _ rest: [UInt8], instead old: HTTPConnection, _ server: HTTPServer
  ) {
    let webSocket = WebSocket(
      socket: socket, role: .server, subprotocol: upgrade.subprotocol, maxMessageBytes: upgrade.maxMessageBytes,
      pingInterval: upgrade.pingInterval, pongTimeout: upgrade.pongTimeout)
    webSocket.holdsMessage = upgrade.holdsMessage
    let standing = old.standing
    webSocket.whenGone { [unowned webSocket] in
      server.remove(webSocket)
      // What it holds is let go with the connection.
      withExtendedLifetime(standing) {}
    }
    let isClosing = server.replace(old, by: webSocket)
    upgrade.opened(webSocket)
    webSocket.start(unread: rest)
    if isClosing { webSocket.shutDown() }
  }

  // MARK: Moving

  private func noteHome(_ home: EventLoop?) {
    guard let home, home !== loop else {
      // What lives nowhere in particular, such as /health, says nothing about where the connection belongs.
      if home != nil {
        requestsAway = 0
        unlooked = HTTPConnection.requestsAtHome
      }
      return
    }
    requestsAway = home === self.home ? requestsAway + 1 : 1
    self.home = home
  }

  /// Goes to the loop that the latest requests were for. Between requests only, when nothing is queued either way: what the peer sends
  /// meanwhile waits in the kernel.
  private func moveHome() {
    guard let home, decoder.phase == .idle, unread.isEmpty, !peerEnded, !isShuttingDown, let detached = socket.detach()
    else { return }
    state = .finished
    deadline?.close()
    home.execute { [self, server, standing] in
      guard let socket = try? detached.attach(to: home) else { return server.remove(self) }
      let successor = HTTPConnection(server: server, socket: socket, standing: standing)
      let isClosing = server.replace(self, by: successor)
      successor.start()
      if isClosing { successor.shutDown() }
    }
  }

  // MARK: Time

  private func setDeadline() {
    guard let deadline else { return }
    switch state {
    case .admitting, .answering, .streaming:
      deadline.clear()
      timedPhase = .idle
    case .sending:
      timedPhase = .idle
      takenAtDeadline = socket.takenBytes
      deadline.set(after: idleTimeout)
    case .reading:
      let phase = decoder.phase
      guard phase == .idle || phase != timedPhase else { return }
      timedPhase = phase
      takenAtDeadline = socket.takenBytes
      switch phase {
      case .idle: deadline.set(after: idleTimeout)
      case .head: deadline.set(after: server.timeouts.header)
      case .body: deadline.set(after: server.timeouts.body)
      }
    case .upgraded, .finished:
      break
    }
  }

  /// What the peer sends waits in the kernel, and its end behind that.
  private func stopReading() {
    socket.stopReading()
    if state == .answering || state == .streaming { deadline?.set(after: HTTPConnection.lookMilliseconds) }
  }

  /// As when its end has been read: nobody need work for one that has left.
  private func lookForPeer() {
    if socket.peerHasLeft { task?.cancel() } else { deadline?.set(after: HTTPConnection.lookMilliseconds) }
  }

  private func deadlinePassed() {
    if state == .answering || state == .streaming { return lookForPeer() }
    if state == .sending {
      if socket.takenBytes != takenAtDeadline { return setDeadline() }
      return socket.close(NetError(.timedOut, "the peer does not read"))
    }
    guard state == .reading else { return }
    switch decoder.phase {
    case .idle:
      // A slow reader of a long response is no idler.
      if socket.queuedBytes > 0, socket.takenBytes != takenAtDeadline {
        takenAtDeadline = socket.takenBytes
        deadline?.set(after: idleTimeout)
      } else if socket.queuedBytes > 0 {
        socket.close(NetError(.timedOut, "the peer does not read"))
      } else {
        finish()
      }
    case .head, .body:
      fail(.requestTimeout)
    }
  }
}

extension HTTPConnection: SocketOwner {
  func socket(_ socket: Socket, received bytes: UnsafeRawBufferPointer) {
    guard state == .reading, !isBlocked, unread.isEmpty else {
      unread.append(contentsOf: bytes)
      if unread.count >= HTTPConnection.maxUnreadBytes { stopReading() }
      return
    }
    var input = bytes
    pump(&input)
    if !input.isEmpty { unread.append(contentsOf: input) }
  }

  func socketEnded(_ socket: Socket) {
    peerEnded = true
    switch state {
    case .reading:
      if isBlocked || isYielding { return }  // answers are still on their way, or to be given
      if decoder.phase == .idle { finish() } else { socket.close(nil) }
    case .admitting:
      socket.close(nil)
    case .answering, .streaming, .sending:
      // The client may only have closed its sending side, so an answer that comes all the same is still written.
      task?.cancel()
    case .upgraded, .finished:
      break
    }
  }

  func socketDrained(_ socket: Socket) {
    if state == .sending { return sendRest() }
    unsent = []
    if state == .upgraded { leave() }
    writer?.wake()
    if isBlocked {
      isBlocked = false
      if state == .reading { pumpUnread() }
    }
  }

  func socketClosed(_ socket: Socket, error: NetError?) {
    state = .finished
    deadline?.close()
    _ = take(&departure)
    unread = []
    take(&task)?.cancel()
    bodyLease = nil
    unsent = []
    rest = nil
    writer?.wake()
    writer = nil
    server.remove(self)
  }
}

extension LoopIsolation {
  /// As `answer`, for a head alone.
  fileprivate func admit(
    _ request: HTTPRequest, _ expectsContinue: Bool, of connection: HTTPConnection, _ handler: any HTTPHandler
  ) -> Task<Void, Never> {
    Task.immediate(executorPreference: loop) {
      connection.deliver(await handler.admit(request, on: self.loop), expectsContinue)
    }
  }

  /// One task per request, in the isolation of the loop.
  fileprivate func answer(
    _ request: HTTPRequest, of connection: HTTPConnection, _ handler: any HTTPHandler
  ) -> Task<Void, Never> {
    // What is begun at once has no executor that the runtime knows of: where it waits, it would go on in the global pool, two threads'
    // wake-ups away, if the loop were not preferred.
    Task.immediate(executorPreference: loop) {
      let reply = await handler.respond(to: request, on: self.loop)
      guard case .stream(let response, let body) = reply else {
        connection.deliver(reply)
        return
      }
      guard let writer = connection.beginStream(response) else { return }
      await body(writer)
      connection.endStream()
    }
  }
}
