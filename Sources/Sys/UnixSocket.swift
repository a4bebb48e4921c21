import CSys
import Glibc

/// Unix-domain sockets and the descriptors that travel over them (unix(7)).
package enum UnixSocket {
  package enum Kind: Sendable { case stream, packets }

  /// The longest path: `sun_path` holds 108 bytes, one of them the final NUL.
  package static let longestPath = 107
  /// The most descriptors in one message.
  package static let mostDescriptors = Int(csys_max_descriptors)

  /// Listens with mode 0600, close-on-exec, non-blocking. A socket file on which nobody answers is replaced; one on
  /// which somebody does gives EADDRINUSE. Callers racing for one path must hold a lock.
  package static func listen(_ path: String, _ kind: Kind, backlog: CInt = 64) throws(SystemError) -> Descriptor {
    var address = try address(of: path)
    let socket = try make(kind, flags: CInt(SOCK_NONBLOCK.rawValue))
    // bind gives the file the mode of the socket's inode, so it is never open to others, not even for a moment.
    guard fchmod(socket.raw, 0o600) == 0 else { throw .last("fchmod") }
    var result = bind(socket.raw, &address)
    if result != 0, errno == EADDRINUSE, isAbandoned(path, kind) {
      unlink(path)
      result = bind(socket.raw, &address)
    }
    guard result == 0 else { throw .last("bind \(path)") }
    guard Glibc.listen(socket.raw, backlog) == 0 else { throw .last("listen \(path)") }
    return socket
  }

  /// How long a connection may wait to be made: only where so many wait already that the listener is stopped or stuck.
  private static let connectsWithin = timeval(tv_sec: 5, tv_usec: 0)

  /// Connects; the socket is blocking and close-on-exec. ECONNREFUSED and ENOENT mean that nobody listens, EAGAIN that whoever listens takes no
  /// connection.
  package static func connect(_ path: String, _ kind: Kind) throws(SystemError) -> Descriptor {
    var address = try address(of: path)
    let socket = try make(kind, flags: 0)
    limitSending(socket.raw, connectsWithin)
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(socket.raw, $0, length) }
    }
    guard result == 0 else { throw .last("connect \(path)") }
    limitSending(socket.raw, timeval())
    return socket
  }

  /// The next waiting connection, close-on-exec and non-blocking; nil when none waits.
  package static func accept(_ listener: CInt) throws(SystemError) -> CInt? {
    while true {
      let accepted = Glibc.accept(listener, nil, nil)
      if accepted >= 0 {
        let flags = fcntl(accepted, F_GETFL)
        guard fcntl(accepted, F_SETFD, FD_CLOEXEC) == 0, fcntl(accepted, F_SETFL, flags | O_NONBLOCK) == 0 else {
          close(accepted)
          throw SystemError(code: EINVAL, call: "fcntl")
        }
        return accepted
      }
      switch errno {
      case EINTR, ECONNABORTED: continue
      case EAGAIN: return nil
      default: throw .last("accept")
      }
    }
  }

  /// Two connected sockets, close-on-exec; the caller closes both.
  package static func pair(_ kind: Kind) throws(SystemError) -> (CInt, CInt) {
    var ends: [CInt] = [-1, -1]
    guard socketpair(AF_UNIX, type(of: kind) | CInt(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw .last("socketpair")
    }
    return (ends[0], ends[1])
  }

  /// Who is at the other end, as it was when the connection was made.
  package static func peerCredentials(_ socket: CInt) -> (pid: ProcessID, uid: UInt32)? {
    var pid: ProcessID = 0
    var uid: UInt32 = 0
    guard csys_peer_credentials(socket, &pid, &uid) == 0 else { return nil }
    return (pid, uid)
  }

  /// Asks for room for messages of this size; the kernel's own limit may give less.
  package static func setSendBuffer(_ socket: CInt, bytes: Int) {
    var size = CInt(clamping: bytes)
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<CInt>.size))
  }

  /// Sends one message with duplicates of the given descriptors. On a packet socket all or nothing is sent.
  package static func send(_ socket: CInt, _ bytes: [UInt8], descriptors: [CInt] = []) -> TransferResult {
    let sent = bytes.withUnsafeBytes {
      csys_send(socket, $0.baseAddress, $0.count, descriptors, CInt(clamping: descriptors.count))
    }
    if sent >= 0 { return .bytes(sent) }
    switch errno {
    // ETOOMANYREFS: more descriptors are under way than the limit of open files; they become fewer as the peer reads.
    case EAGAIN, ETOOMANYREFS: return .wouldBlock
    case EPIPE, ECONNRESET: return .endOfFile
    case let code: return .failed(SystemError(code: code, call: "sendmsg"))
    }
  }

  /// One received message. Whoever takes it owns its descriptors.
  package struct Message: Sendable, Equatable {
    package var bytes: [UInt8]
    package var descriptors: [CInt]
    /// The message was larger than the buffer or carried more descriptors than allowed; the rest is lost.
    package var truncated: Bool

    package func closeDescriptors() {
      for descriptor in descriptors { close(descriptor) }
    }
  }

  package enum ReceiveResult: Sendable, Equatable {
    case message(Message)
    case wouldBlock
    case endOfFile
    case failed(SystemError)
  }

  /// Receives one message into `buffer` (which bounds it) and copies out what came.
  package static func receive(_ socket: CInt, buffer: UnsafeMutableRawBufferPointer) -> ReceiveResult {
    var descriptors = [CInt](repeating: -1, count: mostDescriptors)
    var count = CInt(descriptors.count)
    var truncated: CInt = 0
    let received = csys_receive(socket, buffer.baseAddress, buffer.count, &descriptors, &count, &truncated)
    if received < 0 {
      switch errno {
      case EAGAIN: return .wouldBlock
      case ECONNRESET: return .endOfFile
      case let code: return .failed(SystemError(code: code, call: "recvmsg"))
      }
    }
    descriptors.removeLast(descriptors.count - Int(count))
    // An empty packet looks like the end; nobody has a reason to send one.
    if received == 0 {
      for descriptor in descriptors { close(descriptor) }
      return .endOfFile
    }
    return .message(
      Message(
        bytes: [UInt8](UnsafeRawBufferPointer(rebasing: buffer[..<received])), descriptors: descriptors,
        truncated: truncated != 0))
  }

  private static func limitSending(_ socket: CInt, _ time: timeval) {
    var time = time
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
  }

  private static func type(of kind: Kind) -> CInt {
    switch kind {
    case .stream: CInt(SOCK_STREAM.rawValue)
    case .packets: CInt(SOCK_SEQPACKET.rawValue)
    }
  }

  private static func make(_ kind: Kind, flags: CInt) throws(SystemError) -> Descriptor {
    let made = socket(AF_UNIX, type(of: kind) | CInt(SOCK_CLOEXEC.rawValue) | flags, 0)
    guard made >= 0 else { throw .last("socket") }
    return Descriptor(owning: made)
  }

  private static func address(of path: String) throws(SystemError) -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count <= longestPath else {
      throw SystemError(
        code: ENAMETOOLONG, call: "socket path of \(bytes.count) bytes (at most \(longestPath)) \(path)")
    }
    guard !bytes.isEmpty, !bytes.contains(0) else { throw SystemError(code: EINVAL, call: "socket path") }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return address
  }

  private static func bind(_ socket: CInt, _ address: inout sockaddr_un) -> CInt {
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(socket, $0, length) }
    }
  }

  /// Whether the file is a socket that nobody listens on.
  private static func isAbandoned(_ path: String, _ kind: Kind) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return false }
    do {
      _ = try connect(path, kind)
      return false
    } catch {
      return error.code == ECONNREFUSED
    }
  }
}
