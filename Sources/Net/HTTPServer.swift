import Glibc
import Synchronization

/// Serves HTTP/1.1 and WebSockets on any number of listening sockets.
package final class HTTPServer: Sendable {
  /// At most this long after connections were cut do we wait for their loops to say so.
  private static let abortWait: Duration = .seconds(1)

  struct Timeouts: Sendable {
    let header: UInt64
    let body: UInt64
    let idle: UInt64
    /// As `idle`, while it is not known who is behind the connection.
    let stranger: UInt64
    let handshake: UInt64
  }

  let loops: LoopGroup
  let handler: any HTTPHandler
  let limits: HTTPLimits
  let timeouts: Timeouts
  let errorBody: @Sendable (HTTPFault, HTTPHeaders?) -> HTTPResponse

  private struct State {
    var listeners: [Listener] = []
    var places: ConnectionPlaces
    var isClosing = false
    var whenEmpty: [CheckedContinuation<Void, Never>] = []
  }

  private let state: Mutex<State>
  /// As in the state, for those who look at it with every answer.
  private let closing = Atomic<Bool>(false)

  /// `errorBody` makes the response for protocol-level faults; its status should be the fault's. It is given the request's header fields
  /// when they could be read.
  package init(
    loops: LoopGroup, handler: any HTTPHandler, limits: HTTPLimits = .init(),
    errorBody: @escaping @Sendable (HTTPFault, HTTPHeaders?) -> HTTPResponse
  ) {
    ignoreBrokenPipe()
    self.loops = loops
    self.handler = handler
    self.limits = limits
    self.errorBody = errorBody
    state = Mutex(State(places: ConnectionPlaces(limits: limits)))
    timeouts = Timeouts(
      header: limits.headerTimeout.wholeMilliseconds, body: limits.bodyTimeout.wholeMilliseconds,
      idle: limits.idleTimeout.wholeMilliseconds,
      stranger: min(limits.idleTimeout, limits.strangerTimeout).wholeMilliseconds,
      handshake: limits.handshakeTimeout.wholeMilliseconds)
  }

  /// Listens on a Unix socket of mode 0600. A socket file on which nobody answers any more is replaced; one that answers
  /// gives `.addressInUse`.
  package func listen(unix path: String) async throws(NetError) {
    let fd = try Listener.bind(unix: path)
    try await add(Listener(server: self, loop: loops.loops[0], fd: fd, kind: .unix, path: path))
  }

  /// Listens on a Unix socket once more whose file was taken away: nobody can find the one that it named. Connections stay as they are.
  package func listenAgain(unix path: String) async throws(NetError) {
    let fd = try Listener.bind(unix: path)
    let nameless = state.withLock { state in
      let nameless = state.listeners.filter { $0.path == path }
      state.listeners.removeAll { $0.path == path }
      return nameless
    }
    for listener in nameless { listener.close(keepingFile: true) }
    try await add(Listener(server: self, loop: loops.loops[0], fd: fd, kind: .unix, path: path))
  }

  /// Listens on an address or on the first address of a name that can be bound, IPv4 or IPv6 (`::` takes both).
  /// Returns the port, which the system chooses when `port` is 0. With `tls` nothing else is spoken there.
  package func listen(host: String, port: Int, tls: TLSServerContext? = nil) async throws(NetError) -> Int {
    guard let number = UInt16(exactly: port) else { throw NetError(.invalidArgument, "port \(port)") }
    let addresses = try await NameResolution.addresses(of: host, port: number, on: loops.loops[0])
    var failure = NetError(.notFound, "\(host): no address")
    for address in addresses {
      do throws(NetError) {
        let fd = try Listener.bind(address)
        let bound = SocketAddress(localOf: fd)?.numeric?.port ?? port
        try await add(Listener(server: self, loop: loops.loops[0], fd: fd, kind: .tcp, path: nil, tls: tls))
        return bound
      } catch {
        failure = error
      }
    }
    throw failure
  }

  private func add(_ listener: Listener) async throws(NetError) {
    let closing = state.withLock { state in
      if !state.isClosing { state.listeners.append(listener) }
      return state.isClosing
    }
    if closing {
      listener.close()
      throw NetError(.closed, "the server is closing")
    }
    do {
      try await listener.start()
    } catch {
      state.withLock { state in state.listeners.removeAll { $0 === listener } }
      listener.close()
      throw error
    }
  }

  /// Connections of both kinds now open.
  package var connectionCount: Int { state.withLock { $0.places.count } }

  // MARK: Connections

  /// Takes an accepted descriptor to the next loop. Called on a listener's loop.
  /// - Returns: Whether there was a place for it that nobody had to give up.
  func accepted(_ fd: CInt, _ kind: Socket.Kind, _ tls: TLSServerContext?) -> Bool {
    guard let peer = PeerAddress(ofSocket: fd) else {
      Glibc.close(fd)
      return true
    }
    let address = HTTPServer.address(of: peer)
    let (isAdmitted, giving) = state.withLock { state -> (Bool, (any ServedConnection)?) in
      state.isClosing ? (false, nil) : state.places.admit(address)
    }
    if let giving { giving.loop.execute { giving.giveWay() } }
    guard isAdmitted else {
      if tls == nil { refuse(fd) } else { Glibc.close(fd) }
      return false
    }
    let detached = DetachedSocket(fd: fd, kind: kind, peer: peer)
    let loop = loops.next()
    if loop.isCurrent {
      adopt(detached, on: loop, tls)
    } else {
      loop.execute { [self] in adopt(detached, on: loop, tls) }
    }
    return giving == nil
  }

  private func adopt(_ detached: DetachedSocket, on loop: EventLoop, _ tls: TLSServerContext?) {
    if let tls { return secure(detached, on: loop, tls) }
    let connection = (try? detached.attach(to: loop)).map { HTTPConnection(server: self, socket: $0) }
    arrive(connection, detached.peer)
    connection?.start()
    if isClosing { connection?.shutDown() }
  }

  /// Has the handshake done before there is a connection for HTTP.
  private func secure(_ detached: DetachedSocket, on loop: EventLoop, _ tls: TLSServerContext) {
    guard let socket = try? detached.attach(to: loop) else { return arrive(nil, detached.peer) }
    guard let session = try? TLSSession(server: tls) else {
      socket.close()
      return arrive(nil, detached.peer)
    }
    let handshake = TLSHandshake(socket, session)
    arrive(handshake, detached.peer)
    handshake.start(within: timeouts.handshake) { [self, unowned handshake] error in
      if error != nil { return remove(handshake) }
      let connection = HTTPConnection(server: self, socket: socket)
      let isClosing = replace(handshake, by: connection)
      connection.start()
      if isClosing { connection.shutDown() }
    }
    if isClosing { handshake.shutDown() }
  }

  /// Counts a connection that has come to its loop; nil when it got lost on the way.
  private func arrive(_ connection: (any ServedConnection)?, _ peer: PeerAddress) {
    let waiting = state.withLock { state in
      state.places.arrive(connection, HTTPServer.address(of: peer))
      return Self.takeWaiting(&state)
    }
    for waiter in waiting { waiter.resume() }
  }

  /// What is answered from now on says that its connection ends, also where it has not been told so yet.
  var isClosing: Bool { closing.load(ordering: .acquiring) }

  /// Says 503 as far as the socket takes it at once, and closes.
  private func refuse(_ fd: CInt) {
    let response = errorBody(.unavailable, nil)
    var bytes: [UInt8] = []
    HTTPEncoder.append(
      head: response, framing: .length(response.body.count), closes: true, confirmsKeepAlive: false,
      date: HTTPDate.format(time(nil)), to: &bytes)
    bytes += response.body
    _ = send(fd, bytes, bytes.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL))
    shutdown(fd, CInt(SHUT_WR))
    Glibc.close(fd)
  }

  func remove(_ connection: any ServedConnection) {
    let waiting = state.withLock { state in
      state.places.remove(connection)
      return Self.takeWaiting(&state)
    }
    for waiter in waiting { waiter.resume() }
  }

  /// It is known now who is behind a connection.
  func know(_ connection: any ServedConnection) { state.withLock { $0.places.know(connection) } }

  /// `nil` for a process of this machine, over a Unix socket.
  private static func address(of peer: PeerAddress) -> AddressKey? {
    switch peer {
    case .unix: nil
    case .ip: AddressKey(peer)
    }
  }

  /// An upgraded connection takes the place of the one it came from. Is the server closing?
  func replace(_ old: any ServedConnection, by new: any ServedConnection) -> Bool {
    state.withLock { state in
      state.places.replace(old, by: new)
      return state.isClosing
    }
  }

  private static func takeWaiting(_ state: inout sending State) -> [CheckedContinuation<Void, Never>] {
    guard state.places.isEmpty else { return [] }
    let waiting = state.whenEmpty
    state.whenEmpty = []
    return waiting
  }

  // MARK: Closing

  /// Stops accepting, lets requests under way be answered and WebSockets close with 1001, and cuts what is left after
  /// `graceful`.
  package func close(graceful: Duration) async {
    let (listeners, connections) = state.withLock { state in
      state.isClosing = true
      closing.store(true, ordering: .releasing)
      let listeners = state.listeners
      state.listeners = []
      return (listeners, state.places.connections)
    }
    for listener in listeners { listener.close() }
    for connection in connections { connection.loop.execute { connection.shutDown() } }
    let loop = loops.loops[0]
    let timer = CloseTimer()
    loop.execute { [self] in
      timer.timer = loop.schedule(after: graceful) { [self] in
        abortAll()
        timer.timer = loop.schedule(after: Self.abortWait) { [self] in resumeAll() }
      }
    }
    await withCheckedContinuation { continuation in
      let isEmpty = state.withLock { state in
        if !state.places.isEmpty { state.whenEmpty.append(continuation) }
        return state.places.isEmpty
      }
      if isEmpty { continuation.resume() }
    }
    loop.execute { timer.cancel() }
  }

  private final class CloseTimer: @unchecked Sendable {
    // Unchecked: touched on one loop only.
    var timer: LoopTimer?
    func cancel() { _ = take(&timer) }
  }

  private func abortAll() {
    let connections = state.withLock { $0.places.connections }
    for connection in connections { connection.loop.execute { connection.abort() } }
  }

  private func resumeAll() {
    let waiting = state.withLock { state in
      let waiting = state.whenEmpty
      state.whenEmpty = []
      return waiting
    }
    for waiter in waiting { waiter.resume() }
  }
}
