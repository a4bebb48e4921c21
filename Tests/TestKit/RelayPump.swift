import Glibc
import Synchronization
import Sys

/// The thread of a ``Relay``: moves bytes between pairs of sockets until the relay is gone.
final class RelayPump: @unchecked Sendable {
  // Made on one thread and handed to another, which alone uses it.

  /// Held for one direction at most: the bandwidth of a delayed connection is this per delay.
  private static let mostHeld = 8 << 20
  private static let piece = 32 << 10

  /// One direction of a connection.
  private struct Flow {
    var pieces: [(due: ContinuousClock.Instant, bytes: ArraySlice<UInt8>)] = []
    var held = 0
    var count = 0
    var isAtEnd = false
    var hasShutDown = false

    var isDone: Bool { hasShutDown }
  }

  private final class Connection {
    let client: CInt
    let server: CInt
    var forth = Flow()
    var back = Flow()
    var isBroken = false

    init(client: CInt, server: CInt) {
      self.client = client
      self.server = server
    }
  }

  private let listener: CInt
  private let wake: CInt
  private let control: RelayControl
  private var connections: [Connection] = []
  private var cuts = 0

  init(listener: CInt, wake: CInt, control: RelayControl) {
    self.listener = listener
    self.wake = wake
    self.control = control
  }

  func run() {
    while turn() {}
    for connection in connections { end(connection) }
    close(listener)
    close(wake)
  }

  /// False when the relay is gone.
  private func turn() -> Bool {
    let state = control.state.withLock { $0 }
    if state.cuts != cuts {
      cuts = state.cuts
      for connection in connections { connection.isBroken = true }
      sweep()
    }
    let behaviour = state.behaviour
    var entries = [
      pollfd(fd: wake, events: Int16(POLLIN), revents: 0), pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
    ]
    let now = ContinuousClock.now
    var next: ContinuousClock.Instant?
    for connection in connections {
      let client = events(in: connection.forth, out: connection.back, .forth, .back, behaviour, now, &next)
      let server = events(in: connection.back, out: connection.forth, .back, .forth, behaviour, now, &next)
      // Where nothing is wanted the socket is left alone: poll would tell of its end again and again.
      entries.append(pollfd(fd: client == 0 ? -1 : connection.client, events: client, revents: 0))
      entries.append(pollfd(fd: server == 0 ? -1 : connection.server, events: server, revents: 0))
    }
    let timeout = next.map { max(0, CInt(now.duration(to: $0) / .milliseconds(1)) + 1) } ?? -1
    guard poll(&entries, nfds_t(entries.count), timeout) >= 0 || errno == EINTR else { return false }
    if entries[0].revents & Int16(POLLHUP) != 0 { return false }
    if entries[0].revents != 0 { drain() }
    for (index, connection) in connections.enumerated() {
      let client = entries[2 + 2 * index].revents
      let server = entries[3 + 2 * index].revents
      if client & ~Int16(POLLOUT) != 0 { take(connection, .forth, behaviour) }
      if server & ~Int16(POLLOUT) != 0 { take(connection, .back, behaviour) }
      give(connection, .forth, behaviour)
      give(connection, .back, behaviour)
    }
    sweep()
    if entries[1].revents != 0 { accept(behaviour) }
    control.state.withLock { $0.open = connections.count }
    return true
  }

  private func events(
    in taken: Flow, out given: Flow, _ taking: Relay.Direction, _ giving: Relay.Direction,
    _ behaviour: Relay.Behaviour, _ now: ContinuousClock.Instant, _ next: inout ContinuousClock.Instant?
  ) -> Int16 {
    var events: Int16 = 0
    if !taken.isAtEnd, taken.held < RelayPump.mostHeld, !behaviour.silent.contains(taking) { events |= Int16(POLLIN) }
    if let first = given.pieces.first, !behaviour.silent.contains(giving) {
      if first.due <= now { events |= Int16(POLLOUT) } else { next = min(next ?? first.due, first.due) }
    }
    return events
  }

  private func drain() {
    var buffer = [UInt8](repeating: 0, count: 64)
    _ = buffer.withUnsafeMutableBytes { readBytes(wake, into: $0) }
  }

  private func accept(_ behaviour: Relay.Behaviour) {
    guard let client = (try? UnixSocket.accept(listener)) ?? nil else { return }
    let target = control.state.withLock { state in
      state.connections += 1
      return state.target
    }
    guard !behaviour.refuses, let server = RelaySocket.connect(to: target) else { return RelaySocket.reset(client) }
    RelaySocket.noDelay(client)
    connections.append(Connection(client: client, server: server))
  }

  private func take(_ connection: Connection, _ direction: Relay.Direction, _ behaviour: Relay.Behaviour) {
    let isForth = direction == .forth
    var flow = isForth ? connection.forth : connection.back
    defer { if isForth { connection.forth = flow } else { connection.back = flow } }
    if flow.isAtEnd { return }
    var buffer = [UInt8](repeating: 0, count: RelayPump.piece)
    switch buffer.withUnsafeMutableBytes({ readBytes(isForth ? connection.client : connection.server, into: $0) }) {
    case .bytes(let count):
      var bytes = buffer[..<count]
      let corrupts = control.state.withLock { $0.corrupting.remove(direction) != nil }
      if corrupts { for index in bytes.indices { bytes[index] ^= 0xFF } }
      flow.count += 1
      var due = ContinuousClock.now + behaviour.delay
      if behaviour.lossEvery > 0, flow.count % behaviour.lossEvery == 0 { due += behaviour.lossPause }
      // The order stays.
      if let last = flow.pieces.last?.due { due = max(due, last) }
      flow.pieces.append((due, bytes))
      flow.held += count
    case .wouldBlock: break
    case .endOfFile: flow.isAtEnd = true
    case .failed: connection.isBroken = true
    }
  }

  private func give(_ connection: Connection, _ direction: Relay.Direction, _ behaviour: Relay.Behaviour) {
    if behaviour.silent.contains(direction) { return }
    let isForth = direction == .forth
    var flow = isForth ? connection.forth : connection.back
    defer { if isForth { connection.forth = flow } else { connection.back = flow } }
    let socket = isForth ? connection.server : connection.client
    let now = ContinuousClock.now
    while let first = flow.pieces.first, first.due <= now {
      let sent = first.bytes.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard sent > 0 else {
        if sent < 0, errno != EAGAIN, errno != EINTR { connection.isBroken = true }
        return
      }
      flow.held -= sent
      control.state.withLock { $0.passed[direction, default: 0] += sent }
      if sent == first.bytes.count {
        flow.pieces.removeFirst()
      } else {
        flow.pieces[0].bytes = first.bytes.dropFirst(sent)
      }
    }
    if flow.isAtEnd, flow.pieces.isEmpty, !flow.hasShutDown {
      flow.hasShutDown = true
      shutdown(socket, Int32(SHUT_WR))
    }
  }

  private func sweep() {
    connections.removeAll { connection in
      let isOver = connection.isBroken || connection.forth.isDone && connection.back.isDone
      if isOver { end(connection) }
      return isOver
    }
  }

  private func end(_ connection: Connection) {
    if connection.isBroken {
      RelaySocket.reset(connection.client)
      RelaySocket.reset(connection.server)
    } else {
      close(connection.client)
      close(connection.server)
    }
  }
}
