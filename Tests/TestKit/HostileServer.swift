import Formats
import Glibc
import Store
import Synchronization
import Sys

/// A TCP server that says whatever a test wants it to, byte by byte: for what no library would ever send.
package final class HostileServer: Sendable {
  /// What is done with each connection, on a thread of its own. The connection ends with it.
  package typealias Script = @Sendable (HostileConnection) throws -> Void

  package let port: Int
  private let state: State
  /// The server ends when this is closed.
  private let wake: Descriptor

  private final class State: Sendable {
    let script: Mutex<Script>
    let connections = Mutex(0)

    init(_ script: @escaping Script) { self.script = Mutex(script) }
  }

  package init(_ script: @escaping Script) throws {
    let listener = try RelaySocket.listen()
    port = try RelaySocket.port(of: listener.raw)
    let pipe = try makePipe()
    wake = Descriptor(owning: pipe.write)
    let (state, descriptor, end) = (State(script), listener.release(), pipe.read)
    self.state = state
    Task.detached { try? await onThread { HostileServer.serve(descriptor, until: end, state) } }
  }

  package var address: String { "http://127.0.0.1:\(port)" }
  package var path: String { "/servers/\(PercentEncoding.encode(address))" }
  /// Connections so far.
  package var connections: Int { state.connections.withLock { $0 } }

  private static func serve(_ listener: CInt, until end: CInt, _ state: State) {
    defer {
      close(listener)
      close(end)
    }
    while true {
      var entries = [
        pollfd(fd: listener, events: Int16(POLLIN), revents: 0), pollfd(fd: end, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&entries, 2, -1) > 0 || errno == EINTR else { return }
      if entries[1].revents != 0 { return }
      guard let accepted = (try? UnixSocket.accept(listener)) ?? nil else { continue }
      let connection = HostileConnection(accepted)
      state.connections.withLock { $0 += 1 }
      Task.detached { try? await onThread { try state.script.withLock { $0 }(connection) } }
    }
  }
}

/// A connection to a ``HostileServer``. Used by the thread of its script alone. Everything throws once the other side is gone.
package final class HostileConnection: Sendable {
  private let descriptor: Descriptor
  /// What has come behind the frame that was read last.
  private let unread = Mutex<[UInt8]>([])

  init(_ descriptor: CInt) { self.descriptor = Descriptor(owning: descriptor) }

  deinit { shutdown(descriptor.raw, Int32(SHUT_RDWR)) }

  // MARK: Bytes

  package func send(_ text: String) throws { try send(Array(text.utf8)) }

  package func send(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes { Glibc.send(descriptor.raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if sent > 0 {
        rest = rest.dropFirst(sent)
      } else if errno == EAGAIN || errno == EINTR {
        var entry = pollfd(fd: descriptor.raw, events: Int16(POLLOUT), revents: 0)
        poll(&entry, 1, -1)
      } else {
        throw TestFailure("the other side is gone")
      }
    }
  }

  package func receive() throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      switch buffer.withUnsafeMutableBytes({ readBytes(descriptor.raw, into: $0) }) {
      case .bytes(let count): return Array(buffer[..<count])
      case .wouldBlock:
        var entry = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
        poll(&entry, 1, -1)
      case .endOfFile, .failed: throw TestFailure("the other side is gone")
      }
    }
  }

  /// Says nothing until the other side goes.
  package func waitForEnd() throws { while true { _ = try receive() } }

  // MARK: HTTP and WebSocket

  /// The head of a request; there is nothing behind it.
  package func head() throws -> String {
    var bytes: [UInt8] = []
    while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) { bytes += try receive() }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Takes a WebSocket, with the first subprotocol that is offered.
  package func webSocket() throws {
    let head = try head()
    func field(_ name: String) -> String {
      let line = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("\(name):") } ?? ""
      return String(line.drop { $0 != ":" }.dropFirst().drop { $0 == " " })
    }
    let key = field("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    let accept = String(decoding: Base64.encode(Digest.sha1(Array(key.utf8))), as: UTF8.self)
    try send(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \(accept)\r\n"
        + "Sec-WebSocket-Protocol: \(field("sec-websocket-protocol"))\r\n\r\n")
  }

  /// A message in one frame. `claiming` is the length that its head gives, whatever follows.
  package func frame(_ opcode: UInt8, _ payload: [UInt8], claiming length: UInt64? = nil) throws {
    let length = length ?? UInt64(payload.count)
    // As short as can be (RFC 6455 §5.2).
    let (first, count): (UInt8, UInt64) =
      length < 126 ? (UInt8(length), 0) : length < 65_536 ? (126, 2) : (127, 8)
    let bytes = (0..<count).reversed().map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    try send([0x80 | opcode, first] + bytes + payload)
  }

  /// The next frame of the client, unmasked (RFC 6455 §5.2, §5.3).
  package func nextFrame() throws -> (opcode: UInt8, payload: [UInt8]) {
    func take(_ count: Int) throws -> [UInt8] {
      while unread.withLock({ $0.count }) < count {
        let more = try receive()
        unread.withLock { $0 += more }
      }
      return unread.withLock { unread in
        defer { unread.removeFirst(count) }
        return Array(unread[..<count])
      }
    }
    let head = try take(2)
    var length = Int(head[1] & 0x7F)
    if length >= 126 { length = try take(length == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) } }
    let mask = head[1] & 0x80 == 0 ? [0, 0, 0, 0] : try take(4)
    var bytes = try take(length)
    for index in bytes.indices { bytes[index] ^= mask[index & 3] }
    return (head[0] & 0x0F, bytes)
  }

  package func text(_ text: String) throws { try frame(1, Array(text.utf8)) }
  package func binary(_ bytes: [UInt8]) throws { try frame(2, bytes) }
}
