import Glibc

/// Where a server is.
package enum Endpoint: Sendable, Hashable, CustomStringConvertible {
  case unix(path: String)
  case tcp(host: String, port: Int)

  package var description: String {
    switch self {
    case .unix(let path): path
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
  }

  /// The name that a certificate of the server must be for.
  var host: String {
    switch self {
    case .unix: "localhost"
    case .tcp(let host, _): host
    }
  }

  /// The `Host` field of requests to it.
  var authority: String {
    switch self {
    case .unix: "localhost"
    case .tcp: description
    }
  }
}

/// Something a time-out or a cancelled task can end.
protocol Abortable: AnyObject {
  func abort(_ error: NetError)
}

/// One attempt to connect to one address. On the loop only.
final class Connecting: Abortable {
  private let loop: EventLoop
  private var fd: CInt
  private var watch: DescriptorWatch?
  private var done: ((Result<CInt, NetError>) -> Void)?

  /// Begins at once; `done` is called once, possibly before this returns.
  init(
    to address: SocketAddress, named name: String, on loop: EventLoop,
    _ done: @escaping (Result<CInt, NetError>) -> Void
  ) {
    loop.preconditionCurrent()
    self.loop = loop
    self.done = done
    let type = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    fd = socket(address.family, type, 0)
    guard fd >= 0 else {
      end(.failure(NetError(errno: errno, "socket")))
      return
    }
    if address.withSockaddr({ connect(fd, $0, address.length) }) == 0 {
      end(nil)
      return
    }
    let failure = errno
    guard failure == EINPROGRESS else {
      end(.failure(NetError(errno: failure, name)))
      return
    }
    do throws(NetError) {
      watch = try loop.watch(fd, .writable) { [unowned self] _ in
        var failure: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length)
        end(failure == 0 ? nil : .failure(NetError(errno: failure, name)))
      }
    } catch {
      end(.failure(error))
    }
  }

  func abort(_ error: NetError) { end(.failure(error)) }

  /// Nil means connected.
  private func end(_ failure: Result<CInt, NetError>?) {
    guard let done else { return }
    self.done = nil
    watch?.cancel()
    watch = nil
    if let failure {
      if fd >= 0 { close(fd) }
      done(failure)
    } else {
      done(.success(fd))
    }
  }
}
