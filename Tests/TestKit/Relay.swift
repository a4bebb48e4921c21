import Glibc
import Synchronization
import Sys

/// A stretch of network between two programs on this machine, which does to their connections what networks do: delays, stalls, goes silent,
/// cuts, turns bytes over. Listens on a port of its own for as long as it lives, whatever becomes of the server behind it.
package final class Relay: Sendable {
  package enum Direction: Sendable, CaseIterable {
    /// From the one who has connected.
    case forth
    case back
  }

  /// What it does from now on, to connections that are open too.
  package struct Behaviour: Sendable {
    /// How long each piece is on its way.
    package var delay = Duration.zero
    /// Every so many-th piece comes late by `lossPause`, and all behind it wait, as TCP does for one that was lost. 0: none.
    package var lossEvery = 0
    package var lossPause = Duration.milliseconds(200)
    /// Nothing moves in these directions, and nobody is told: with both it is a connection whose other side is gone without a word.
    package var silent: Set<Direction> = []
    /// Connections are accepted and reset.
    package var refuses = false

    package init() {}
  }

  package let port: Int
  private let control = RelayControl()
  /// The pump ends when this one is closed.
  private let wake: Descriptor

  /// - Parameter target: a port of this machine.
  package init(to target: Int = 0) throws {
    let listener = try RelaySocket.listen()
    port = try RelaySocket.port(of: listener.raw)
    let pipe = try makePipe()
    wake = Descriptor(owning: pipe.write)
    try setNonBlocking(pipe.write)
    control.state.withLock { $0.target = target }
    let pump = RelayPump(listener: listener.release(), wake: pipe.read, control: control)
    Task.detached { try? await onThread { pump.run() } }
  }

  /// Where connections from now on lead.
  package var target: Int {
    get { control.state.withLock { $0.target } }
    set { control.state.withLock { $0.target = newValue } }
  }

  package func behave(_ change: (inout Behaviour) -> Void) {
    control.state.withLock { change(&$0.behaviour) }
    poke()
  }

  /// Resets every connection, in both directions.
  package func cut() {
    control.state.withLock { $0.cuts += 1 }
    poke()
  }

  /// Turns over the bits of every byte of the next piece.
  package func corruptNext(_ direction: Direction) {
    _ = control.state.withLock { $0.corrupting.insert(direction) }
    poke()
  }

  /// Bytes that have passed.
  package func bytes(_ direction: Direction) -> Int { control.state.withLock { $0.passed[direction] ?? 0 } }
  /// Connections that were made, the broken ones included.
  package var connections: Int { control.state.withLock { $0.connections } }
  /// Those that are open.
  package var open: Int { control.state.withLock { $0.open } }

  private func poke() {
    _ = [UInt8(1)].withUnsafeBytes { writeBytes(wake.raw, from: $0) }
  }
}

/// What the relay and its pump share.
final class RelayControl: Sendable {
  struct State: Sendable {
    var behaviour = Relay.Behaviour()
    var target = 0
    var cuts = 0
    var corrupting: Set<Relay.Direction> = []
    var passed: [Relay.Direction: Int] = [:]
    var connections = 0
    var open = 0
  }

  let state = Mutex(State())
}

/// TCP on this machine, the kernel's way.
enum RelaySocket {
  static func listen() throws -> Descriptor {
    let socket = try make()
    var address = loopback(port: 0)
    guard withSockaddr(&address, { bind(socket.raw, $0, $1) }) == 0, Glibc.listen(socket.raw, 64) == 0 else {
      throw TestFailure("no relay: \(SystemError.last("bind"))")
    }
    try socket.setNonBlocking()
    return socket
  }

  /// Nil when nobody listens there.
  static func connect(to port: Int) -> CInt? {
    guard let socket = try? make() else { return nil }
    var address = loopback(port: port)
    guard withSockaddr(&address, { Glibc.connect(socket.raw, $0, $1) }) == 0 else { return nil }
    try? socket.setNonBlocking()
    noDelay(socket.raw)
    return socket.release()
  }

  static func port(of descriptor: CInt) throws -> Int {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let failed = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard failed == 0 else { throw TestFailure("no port: \(SystemError.last("getsockname"))") }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  static func noDelay(_ descriptor: CInt) {
    var on: CInt = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
  }

  /// Closes with a reset: what was queued is gone.
  static func reset(_ descriptor: CInt) {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    // A child that was started at the wrong moment may hold a duplicate, and the close alone would do nothing.
    var nobody = sockaddr_in()
    nobody.sin_family = sa_family_t(AF_UNSPEC)
    _ = withSockaddr(&nobody) { Glibc.connect(descriptor, $0, $1) }
    close(descriptor)
  }

  private static func make() throws -> Descriptor {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { throw TestFailure("no socket: \(SystemError.last("socket"))") }
    return Descriptor(owning: number)
  }

  private static func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  private static func withSockaddr(
    _ address: inout sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) -> CInt {
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }
}
