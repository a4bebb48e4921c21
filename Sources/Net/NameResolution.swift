import CUV
import Glibc

/// Host names to addresses, without blocking the loop (`getaddrinfo` on libuv's pool).
enum NameResolution {
  private final class Query {
    let continuation: CheckedContinuation<Result<[SocketAddress], NetError>, Never>
    let host: String
    init(_ continuation: CheckedContinuation<Result<[SocketAddress], NetError>, Never>, _ host: String) {
      self.continuation = continuation
      self.host = host
    }
  }

  /// The addresses of `host` in the order in which to try them. Numeric addresses need no lookup.
  static func addresses(
    of host: String, port: UInt16, on loop: EventLoop
  ) async throws(NetError) -> [SocketAddress] {
    if let address = SocketAddress(numeric: host, port: port) { return [address] }
    guard !host.isEmpty, host.utf8.count <= 255, !host.utf8.contains(0) else {
      throw NetError(.invalidArgument, "\(host): not a host name")
    }
    let result = await withCheckedContinuation { continuation in
      loop.execute { look(up: host, port: port, on: loop, continuation) }
    }
    return try result.get()
  }

  private static func look(
    up host: String, port: UInt16, on loop: EventLoop,
    _ continuation: CheckedContinuation<Result<[SocketAddress], NetError>, Never>
  ) {
    let request = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)
    let query = Unmanaged.passRetained(Query(continuation, host))
    request.pointee.data = query.toOpaque()
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_ADDRCONFIG
    let status = uv_getaddrinfo(
      loop.uv, request,
      { request, status, list in
        guard let request, let data = request.pointee.data else { return }
        let query = Unmanaged<Query>.fromOpaque(data).takeRetainedValue()
        request.deallocate()
        query.continuation.resume(returning: NameResolution.result(status, list, query.host))
        uv_freeaddrinfo(list)
      }, host, String(port), &hints)
    if status != 0 {
      request.deallocate()
      query.takeRetainedValue().continuation.resume(returning: .failure(NetError(uv: status, host)))
    }
  }

  private static func result(
    _ status: CInt, _ list: UnsafeMutablePointer<addrinfo>?, _ host: String
  ) -> Result<[SocketAddress], NetError> {
    guard status == 0 else { return .failure(NetError(uv: status, host)) }
    var found: [SocketAddress] = []
    var next = list
    while let entry = next {
      if let address = entry.pointee.ai_addr,
        let copy = SocketAddress(copying: address, length: entry.pointee.ai_addrlen)
      {
        found.append(copy)
      }
      next = entry.pointee.ai_next
    }
    return found.isEmpty ? .failure(NetError(.notFound, "\(host): no address")) : .success(found)
  }
}
