import Glibc

/// A listening socket. Accepts on its loop and hands connections to the server.
final class Listener: @unchecked Sendable {
  // Unchecked: `watch`, `pause` and `isClosed` are touched on the loop only; the rest is constant.

  /// Accepted per wake-up, so that a burst of connections does not starve those which are open.
  private static let acceptsPerTurn = 64
  /// With no descriptor left, accepting fails and the socket stays readable: wait instead of spinning.
  private static let exhaustedPause: Duration = .milliseconds(100)
  /// Strangers that push each other out come a few at a time: as fast as they can they would keep a processor busy.
  private static let crowdedAccepts = 3
  private static let crowdedPause: Duration = .milliseconds(1)

  private let server: HTTPServer
  private let loop: EventLoop
  private let fd: CInt
  private let kind: Socket.Kind
  let path: String?
  private let tls: TLSServerContext?
  private var watch: DescriptorWatch?
  private var pause: LoopTimer?
  private var isClosed = false

  init(server: HTTPServer, loop: EventLoop, fd: CInt, kind: Socket.Kind, path: String?, tls: TLSServerContext? = nil) {
    self.server = server
    self.loop = loop
    self.fd = fd
    self.kind = kind
    self.path = path
    self.tls = tls
  }

  /// The socket is already listening: connections wait in its backlog until the loop takes them.
  func start() async throws(NetError) {
    try await loop.run { [self] () throws(NetError) in
      guard !isClosed else { return }
      watch = try loop.watch(fd, .readable) { [unowned self] _ in ready() }
    }
  }

  /// Any thread. The socket's file, if it has one, goes too, unless the name is another's by now. Then those who came before are still taken.
  func close(keepingFile: Bool = false) {
    if let path, !keepingFile { unlink(path) }
    loop.execute { [self] in
      guard !isClosed else { return }
      if keepingFile { ready() }
      isClosed = true
      pause?.cancel()
      watch?.cancel()
      watch = nil
      Glibc.close(fd)
    }
  }

  private func ready() {
    var room = Listener.crowdedAccepts
    for _ in 0..<Listener.acceptsPerTurn {
      let client = accept(fd, nil, nil)
      if client >= 0 {
        // Programs are spawned with every descriptor above 2 closed, so the moment before this call does no harm.
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        if !server.accepted(client, kind, tls) { room -= 1 }
        if room == 0 { return rest(for: Listener.crowdedPause) }
        continue
      }
      switch errno {
      case EINTR, ECONNABORTED, EPROTO: continue
      case EMFILE, ENFILE, ENOBUFS, ENOMEM:
        return rest(for: Listener.exhaustedPause)
      default: return
      }
    }
  }

  private func rest(for duration: Duration) {
    watch?.interest = []
    pause = loop.schedule(after: duration) { [unowned self] in watch?.interest = .readable }
  }

  // MARK: Binding

  static func bind(_ address: SocketAddress) throws(NetError) -> CInt {
    let fd = try socket(address.family)
    var one: CInt = 1
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<CInt>.size))
    if address.family == AF_INET6 {
      var zero: CInt = 0
      setsockopt(fd, CInt(IPPROTO_IPV6), IPV6_V6ONLY, &zero, socklen_t(MemoryLayout<CInt>.size))
    }
    guard address.withSockaddr({ Glibc.bind(fd, $0, address.length) }) == 0, listen(fd, SOMAXCONN) == 0 else {
      let error = NetError(errno: errno, "listen")
      Glibc.close(fd)
      throw error
    }
    return fd
  }

  static func bind(unix path: String) throws(NetError) -> CInt {
    guard let address = SocketAddress(unix: path) else {
      throw NetError(.invalidArgument, "\(path): a socket path has 1 to 107 bytes")
    }
    let fd = try socket(AF_UNIX)
    // The file gets the mode of the socket: there is no moment at which others could connect.
    fchmod(fd, 0o600)
    var status = address.withSockaddr { Glibc.bind(fd, $0, address.length) }
    if status != 0, errno == EADDRINUSE, isStale(address) {
      unlink(path)
      status = address.withSockaddr { Glibc.bind(fd, $0, address.length) }
    }
    if status == 0 { status = chmod(path, 0o600) }
    if status == 0 { status = listen(fd, SOMAXCONN) }
    guard status == 0 else {
      let error = NetError(errno: errno, path)
      Glibc.close(fd)
      throw error
    }
    return fd
  }

  /// A socket file that refuses connections has no server behind it any more.
  private static func isStale(_ address: SocketAddress) -> Bool {
    guard let fd = try? socket(AF_UNIX) else { return false }
    defer { Glibc.close(fd) }
    let status = address.withSockaddr { connect(fd, $0, address.length) }
    return status != 0 && errno == ECONNREFUSED
  }

  private static func socket(_ family: CInt) throws(NetError) -> CInt {
    let type = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let fd = Glibc.socket(family, type, 0)
    guard fd >= 0 else { throw NetError(errno: errno, "socket") }
    return fd
  }
}
