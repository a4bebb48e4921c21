import Glibc
package import Net
import Sys

/// A stream socket without a client's manners: sends any bytes, stops in the middle, never reads.
package final class RawConnection: Sendable {
  private let descriptor: Descriptor
  /// What was received and not asked for yet, by those who read piece by piece.
  private let rest = LockedText()

  /// - Parameter receiveBuffer: What the kernel takes for it while nobody reads, in bytes, about.
  package init(_ endpoint: Endpoint, receiveBuffer: Int32? = nil) throws {
    switch endpoint {
    case .unix(let path): descriptor = try RawConnection.connect(path: path)
    case .tcp(_, let port): descriptor = try RawConnection.connect(port: port)
    @unknown default: throw TestFailure("no way to connect to \(endpoint)")
    }
    if var receiveBuffer {
      setsockopt(descriptor.raw, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
    }
  }

  /// What asks for a WebSocket (RFC 6455 §4.1).
  package static let upgrade = [
    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
  ]

  /// A request with `Host`, and `Content-Length` when there is a body.
  package static func request(
    _ method: String, _ target: String, headers: [String] = [], body: String = "", host: String = "localhost"
  ) -> String {
    var lines = ["\(method) \(target) HTTP/1.1", "Host: \(host)"] + headers
    if !body.isEmpty { lines.append("Content-Length: \(body.utf8.count)") }
    return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
  }

  package func send(_ text: String) async throws {
    try await send(Array(text.utf8))
  }

  /// Sends all of it, or as much as the other side took before it closed.
  /// - Returns: How many bytes that was.
  @discardableResult
  package func send(_ bytes: [UInt8]) async throws -> Int {
    try await onThread { [self] in
      var rest = bytes[...]
      while !rest.isEmpty {
        let sent = rest.withUnsafeBytes { Glibc.send(descriptor.raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard sent > 0 else { break }
        rest = rest.dropFirst(sent)
      }
      return bytes.count - rest.count
    }
  }

  /// Says that nothing more will be sent.
  package func finish() { shutdown(descriptor.raw, Int32(SHUT_WR)) }

  /// The rest of the connection, until the other side closes it.
  package func receiveAll(within duration: Duration = Deadline.standard) async throws -> String {
    try await receive(within: duration) { _ in false }
  }

  /// One response: its head, and its body as `Content-Length` says.
  package func receiveResponse(within duration: Duration = Deadline.standard) async throws -> RawResponse {
    let text = try await receive(within: duration) { RawResponse($0) != nil }
    guard let response = RawResponse(text) else { throw TestFailure("no whole response: \(text.debugDescription)") }
    return response
  }

  /// The bytes up to the end of `mark`, as text; what comes behind them is kept for the next call.
  package func receive(through mark: String, within duration: Duration = Deadline.standard) async throws -> String {
    try await receivePiece(within: duration) { $0.take(through: mark) }
  }

  /// So many bytes; what comes behind them is kept for the next call.
  package func receive(count: Int, within duration: Duration = Deadline.standard) async throws -> [UInt8] {
    try await receivePiece(within: duration) { $0.take(count: count) }
  }

  private func receivePiece<Piece: Sendable>(
    within duration: Duration, _ take: @escaping @Sendable (LockedText) -> Piece?
  ) async throws -> Piece {
    if let piece = take(rest) { return piece }
    return try await onThread { [self] in
      let deadline = Deadline(duration)
      var buffer = [UInt8](repeating: 0, count: 65536)
      while true {
        if let piece = take(rest) { return piece }
        var entry = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, deadline.milliseconds) > 0 else {
          throw TestFailure("the connection is silent after \(duration)")
        }
        let count = recv(descriptor.raw, &buffer, buffer.count, 0)
        guard count > 0 else { throw TestFailure("the connection was closed") }
        rest.add(buffer[..<count])
      }
    }
  }

  private func receive(within duration: Duration, until isEnough: @escaping @Sendable (String) -> Bool) async throws
    -> String
  {
    return try await onThread { [self] in
      let deadline = Deadline(duration)
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65536)
      while true {
        let text = String(decoding: bytes, as: UTF8.self)
        if isEnough(text) { return text }
        var entry = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, deadline.milliseconds) > 0 else {
          throw TestFailure("the connection is silent after \(duration): \(text.debugDescription)")
        }
        let count = recv(descriptor.raw, &buffer, buffer.count, 0)
        if count <= 0 { return text }
        bytes += buffer[..<count]
      }
    }
  }

  private static func connect(path: String) throws -> Descriptor {
    let descriptor = Descriptor(owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw TestFailure("\(path) is too long")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    try connect(descriptor, &address)
    return descriptor
  }

  private static func connect(port: Int) throws -> Descriptor {
    let descriptor = Descriptor(owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    try connect(descriptor, &address)
    return descriptor
  }

  private static func connect<Address>(_ descriptor: borrowing Descriptor, _ address: inout Address) throws {
    let size = socklen_t(MemoryLayout<Address>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor.raw, $0, size) }
    }
    guard result == 0 else { throw TestFailure("no connection: \(SystemError.last("connect"))") }
  }
}

/// An HTTP response as it came.
package struct RawResponse {
  package let status: Int
  package let head: String
  package let body: String

  /// Nil while it is not whole.
  package init?(_ text: String) {
    guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
    head = String(text[..<end.lowerBound])
    let words = head.split(separator: " ", maxSplits: 2)
    guard words.count >= 2, let status = Int(words[1]) else { return nil }
    self.status = status
    let length =
      head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
      .flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
    let rest = text[end.upperBound...]
    guard rest.utf8.count >= length else { return nil }
    body = String(decoding: Array(rest.utf8.prefix(length)), as: UTF8.self)
  }
}
