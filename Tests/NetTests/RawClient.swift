import Glibc
import Synchronization

@testable import Net

/// A plain blocking socket, so that tests decide about every byte on the wire; with TLS about every byte in it.
final class RawClient: @unchecked Sendable {
  // Unchecked: a test may send in one task while it reads in another; the two share only the descriptor.

  enum Failure: Error { case connect(CInt), read(CInt), ended, malformed(String) }

  let fd: CInt
  private var buffer: [UInt8] = []
  private struct Engine: @unchecked Sendable {
    // Unchecked: whoever works with it holds the lock.
    var session: TLSSession?
  }
  private let tls = Mutex(Engine())
  private var isSecured = false
  /// Sends every byte in a segment of its own.
  var sendsSingly = false

  /// Does the handshake before it returns, unless told not to.
  convenience init(port: Int, tls settings: TLSClientSettings, handshakes: Bool = true) throws {
    try self.init(port: port)
    let session = try TLSSession(client: try TLSContext(settings), host: "127.0.0.1")
    setEngine(Engine(session: session))
    isSecured = true
    if handshakes { try handshake() }
  }

  /// The server's end of the next connection.
  init(accepting listener: CInt, tls context: TLSServerContext) throws {
    while true {
      let client = accept(listener, nil, nil)
      if client >= 0 {
        fd = client
        break
      }
      var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
      guard errno == EAGAIN, poll(&entry, 1, 60_000) == 1 else { throw Failure.connect(errno) }
    }
    let session = try TLSSession(server: context)
    setEngine(Engine(session: session))
    isSecured = true
  }

  private func setEngine(_ engine: Engine) { tls.withLock { $0 = engine } }

  func handshake() throws {
    while !tls.withLock({ $0.session?.isSecured ?? true }) { try fill() }
  }

  init(port: Int) throws {
    guard let address = SocketAddress(numeric: "127.0.0.1", port: UInt16(port)) else { throw Failure.connect(0) }
    fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var one: CInt = 1
    setsockopt(fd, CInt(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    try finishConnecting(address)
  }

  init(path: String) throws {
    guard let address = SocketAddress(unix: path) else { throw Failure.connect(0) }
    fd = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    try finishConnecting(address)
  }

  private func finishConnecting(_ address: SocketAddress) throws {
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    guard address.withSockaddr({ connect(fd, $0, address.length) }) == 0 else { throw Failure.connect(errno) }
  }

  deinit { Glibc.close(fd) }

  func send(_ bytes: [UInt8]) {
    sendRaw(
      isSecured
        ? tls.withLock { engine in
          _ = bytes.withUnsafeBytes { engine.session?.seal($0) }
          return RawClient.output(of: engine.session)
        } : bytes)
  }

  /// What the session has for the network.
  private static func output(of session: TLSSession?) -> [UInt8] {
    guard let session else { return [] }
    let bytes = Array(UnsafeRawBufferPointer(start: session.output.base, count: session.output.count))
    session.emptyOutput()
    return bytes
  }

  /// Past TLS.
  func sendRaw(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(fd, $0.baseAddress, sendsSingly ? 1 : $0.count, CInt(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  /// Closes the sending side only.
  func endSending() {
    if isSecured {
      sendRaw(
        tls.withLock { engine in
          engine.session?.sayGoodbye()
          return RawClient.output(of: engine.session)
        })
    }
    shutdown(fd, CInt(SHUT_WR))
  }

  /// Closes with a reset.
  func reset() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
    shutdown(fd, CInt(SHUT_RDWR))
  }

  /// Sends as much as the kernel takes while nobody reads, and closes: the end is behind all of it.
  func fillAndClose() {
    let bytes = [UInt8](repeating: 7, count: 65536)
    while bytes.withUnsafeBytes({ Glibc.send(fd, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL | MSG_DONTWAIT)) }) > 0 {}
    let nothing = open("/dev/null", O_RDONLY)
    dup2(nothing, fd)
    close(nothing)
  }

  private func fill() throws {
    if isSecured { return try fillSecured() }
    var chunk = [UInt8](repeating: 0, count: 65536)
    let count = recv(fd, &chunk, chunk.count, 0)
    if count == 0 { throw Failure.ended }
    if count < 0 { throw Failure.read(errno) }
    buffer.append(contentsOf: chunk[..<count])
  }

  private func fillSecured() throws {
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let (event, output) = tls.withLock { engine in
        let event = chunk.withUnsafeMutableBytes { engine.session?.next(into: $0) }
        return (event, RawClient.output(of: engine.session))
      }
      sendRaw(output)
      switch event {
      case .secured, nil: return
      case .bytes(let count): return buffer.append(contentsOf: chunk[..<count])
      case .ended: throw Failure.ended
      case .failed(let error): throw error
      case .wantsMore:
        let count = recv(fd, &chunk, chunk.count, 0)
        // An end without a goodbye is none.
        if count == 0 { throw Failure.read(ECONNRESET) }
        if count < 0 { throw Failure.read(errno) }
        tls.withLock { engine in
          chunk[..<count].withUnsafeBytes { engine.session?.feed($0) }
          engine.session?.keepRest()
        }
      }
    }
  }

  /// Exactly so many bytes.
  func read(_ count: Int) throws -> [UInt8] {
    while buffer.count < count { try fill() }
    let bytes = Array(buffer[..<count])
    buffer.removeFirst(count)
    return bytes
  }

  /// Everything until the server closes.
  func readToEnd() throws -> [UInt8] {
    do {
      while true { try fill() }
    } catch Failure.ended {
      let bytes = buffer
      buffer = []
      return bytes
    }
  }

  func readLine() throws -> String {
    while true {
      if let end = buffer.indices.dropLast().first(where: { buffer[$0] == 13 && buffer[$0 + 1] == 10 }) {
        let line = String(decoding: buffer[..<end], as: UTF8.self)
        buffer.removeFirst(end + 2)
        return line
      }
      try fill()
    }
  }

  struct Response: Equatable {
    var status: Int
    var headers: [String: String]
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  /// One response, body by `Content-Length` or chunks.
  func readResponse(toHead: Bool = false) throws -> Response {
    let statusLine = try readLine()
    let parts = statusLine.split(separator: " ")
    guard parts.count >= 2, let status = Int(parts[1]) else { throw Failure.malformed(statusLine) }
    var headers: [String: String] = [:]
    while true {
      let line = try readLine()
      if line.isEmpty { break }
      guard let colon = line.firstIndex(of: ":") else { throw Failure.malformed(line) }
      headers[line[..<colon].lowercased()] = String(line[line.index(colon, offsetBy: 2)...])
    }
    var body: [UInt8] = []
    if toHead || status < 200 || status == 204 || status == 304 {
      return Response(status: status, headers: headers, body: [])
    }
    if headers["transfer-encoding"] == "chunked" {
      while true {
        guard let size = Int(try readLine(), radix: 16) else { throw Failure.malformed("chunk") }
        body += try read(size)
        _ = try readLine()
        if size == 0 { break }
      }
    } else if let length = headers["content-length"].flatMap({ Int($0) }) {
      body = try read(length)
    } else {
      body = try readToEnd()
    }
    return Response(status: status, headers: headers, body: body)
  }

  // MARK: WebSocket

  /// Sends a handshake and reads the `101`.
  func upgrade(_ target: String = "/ws", extra: String = "") throws -> Response {
    send(RawClient.handshake(target, extra: extra))
    return try readResponse()
  }

  static func handshake(_ target: String = "/ws", extra: String = "") -> String {
    "GET \(target) HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
      + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\(extra)\r\n"
  }

  struct Frame: Equatable {
    var opcode: UInt8
    var isFinal: Bool
    var payload: [UInt8]
    var closeCode: Int? { payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil }
  }

  func readFrame() throws -> Frame {
    let start = try read(2)
    var length = Int(start[1] & 0x7F)
    if length == 126 {
      length = try read(2).reduce(0) { $0 << 8 | Int($1) }
    } else if length == 127 {
      length = try read(8).reduce(0) { $0 << 8 | Int($1) }
    }
    return Frame(opcode: start[0] & 15, isFinal: start[0] & 128 != 0, payload: try read(length))
  }

  /// A client's frame, masked unless asked otherwise.
  static func frame(
    _ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, mask: [UInt8]? = [0x11, 0xA2, 0x03, 0xF4]
  ) -> [UInt8] {
    var out: [UInt8] = [(isFinal ? 0x80 : 0) | opcode]
    let maskBit: UInt8 = mask == nil ? 0 : 0x80
    if payload.count < 126 {
      out.append(maskBit | UInt8(payload.count))
    } else if payload.count < 65536 {
      out += [maskBit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    } else {
      out.append(maskBit | 127)
      for shift in stride(from: 56, through: 0, by: -8) { out.append(UInt8(payload.count >> shift & 255)) }
    }
    guard let mask else { return out + payload }
    return out + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
  }
}
