import CUV
import Glibc

/// Who is at the other end of a connection.
package enum PeerAddress: Sendable, Hashable, CustomStringConvertible {
  /// A process of this machine, as the kernel names it (`SO_PEERCRED`, at the time of its connect). `pid` is 0 when it
  /// is not visible from here.
  case unix(uid: UInt32, pid: Int32)
  /// `address` is numeric; IPv4 addresses mapped into IPv6 are written as IPv4.
  case ip(address: String, port: Int)

  /// Does the peer run on this machine? True for every Unix socket.
  package var isLoopback: Bool {
    switch self {
    case .unix: true
    case .ip(let address, _): address == "::1" || address.hasPrefix("127.")
    }
  }

  package var description: String {
    switch self {
    case .unix(let uid, let pid): "unix:uid=\(uid),pid=\(pid)"
    case .ip(let address, let port): address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
  }
}

extension PeerAddress {
  /// The peer of a connected socket; nil when it is already gone.
  init?(ofSocket fd: CInt) {
    guard let address = SocketAddress(peerOf: fd) else { return nil }
    if address.family == AF_UNIX {
      // struct ucred: pid, uid, gid.
      var credentials: (pid: Int32, uid: UInt32, gid: UInt32) = (0, 0, 0)
      var length = socklen_t(MemoryLayout.size(ofValue: credentials))
      guard getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else { return nil }
      self = .unix(uid: credentials.uid, pid: credentials.pid)
    } else {
      guard let (host, port) = address.numeric else { return nil }
      self = .ip(address: host, port: port)
    }
  }
}

/// A `sockaddr` of any family by value.
struct SocketAddress: @unchecked Sendable {
  // Unchecked: plain bytes.
  private var storage = sockaddr_storage()
  private(set) var length: socklen_t = 0

  var family: CInt { CInt(storage.ss_family) }

  init?(peerOf fd: CInt) {
    guard let address = SocketAddress(from: { getpeername(fd, $0, $1) }) else { return nil }
    self = address
  }

  init?(localOf fd: CInt) {
    guard let address = SocketAddress(from: { getsockname(fd, $0, $1) }) else { return nil }
    self = address
  }

  private init?(from call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt) {
    length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = withUnsafeMutablePointer(to: &length) { length in
      withUnsafeMutablePointer(to: &storage) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, length) }
      }
    }
    if status != 0 { return nil }
  }

  init?(copying address: UnsafePointer<sockaddr>, length: socklen_t) {
    guard Int(length) <= MemoryLayout<sockaddr_storage>.size else { return nil }
    self.length = length
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
    }
  }

  /// Numeric IPv4 or IPv6 text; nil for host names.
  init?(numeric host: String, port: UInt16) {
    var four = sockaddr_in()
    var six = sockaddr_in6()
    if uv_ip4_addr(host, CInt(port), &four) == 0 {
      self.init(raw: &four, size: MemoryLayout<sockaddr_in>.size)
    } else if uv_ip6_addr(host, CInt(port), &six) == 0 {
      self.init(raw: &six, size: MemoryLayout<sockaddr_in6>.size)
    } else {
      return nil
    }
  }

  /// A path of at most 107 bytes without NUL; nil otherwise.
  init?(unix path: String) {
    var address = sockaddr_un()
    let bytes = Array(path.utf8)
    let room = MemoryLayout.size(ofValue: address.sun_path) - 1
    guard !bytes.isEmpty, bytes.count <= room, !bytes.contains(0) else { return nil }
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    self.init(raw: &address, size: MemoryLayout<sockaddr_un>.size)
  }

  private init(raw: UnsafeRawPointer, size: Int) {
    length = socklen_t(size)
    withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: UnsafeRawBufferPointer(start: raw, count: size)) }
  }

  func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>) -> Result) -> Result {
    withUnsafePointer(to: storage) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) } }
  }

  /// Address and port in numbers; nil for Unix sockets.
  var numeric: (host: String, port: Int)? {
    var text = [CChar](repeating: 0, count: 64)  // INET6_ADDRSTRLEN is 46
    switch family {
    case AF_INET:
      let (status, port) = withUnsafePointer(to: storage) {
        $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
          (uv_ip4_name($0, &text, text.count), $0.pointee.sin_port)
        }
      }
      guard status == 0 else { return nil }
      return (SocketAddress.string(text), Int(UInt16(bigEndian: port)))
    case AF_INET6:
      let (status, port) = withUnsafePointer(to: storage) {
        $0.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
          (uv_ip6_name($0, &text, text.count), $0.pointee.sin6_port)
        }
      }
      guard status == 0 else { return nil }
      var host = SocketAddress.string(text)
      if host.hasPrefix("::ffff:"), host.contains(".") { host.removeFirst(7) }
      return (host, Int(UInt16(bigEndian: port)))
    default:
      return nil
    }
  }

  private static func string(_ text: [CChar]) -> String {
    String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
