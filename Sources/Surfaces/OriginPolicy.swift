import Net
import Operations

/// An origin of another site as browsers state it (RFC 6454 §6.2).
package enum SiteOrigin {
  /// The origin in the one form that a browser sends: lower case, without the port that its scheme implies. `nil` for anything that is not
  /// `http://HOST[:PORT]` or `https://HOST[:PORT]`: `null` is what every sandboxed page and file says, and `*` is nobody's origin.
  package static func normalised(_ text: String) -> String? {
    guard let authority = Authority(origin: text), let end = text.firstRange(of: "://") else { return nil }
    let scheme = text[..<end.lowerBound].lowercased()
    let host = authority.host.contains(":") ? "[\(authority.host)]" : authority.host
    guard let port = authority.port, port != (scheme == "http" ? 80 : 443) else { return "\(scheme)://\(host)" }
    return "\(scheme)://\(host):\(port)"
  }
}

/// Keeps other people's web pages from using a browser on this machine against this server.
///
/// A page may send requests anywhere, with a body of its choice, and open WebSockets; what it cannot do is choose the `Origin` that
/// the browser states, or the `Host` under which it believes to speak to us. Both are checked on every request, upgrades and plain
/// ones alike. Programs that are no browsers send no `Origin` and a `Host` that they connected to.
struct OriginPolicy: Sendable {
  /// The names, lower case, by which this server may be addressed beside `localhost` and addresses.
  let hostNames: Set<String>
  /// Origins of other sites that were allowed by the operator, as they appear in the header.
  let allowedOrigins: Set<String>

  init(hostNames: Set<String>, allowedOrigins: Set<String>) {
    self.hostNames = Set(hostNames.map { $0.lowercased() })
    self.allowedOrigins = Set(allowedOrigins.map { $0.lowercased() })
  }

  /// Refuses what a hostile page could have caused.
  func check(_ request: HTTPRequest) throws(OperationError) {
    let hosts = request.headers.all("host")
    guard hosts.count <= 1 else {
      throw OperationError(.invalidRequest, "Invalid request: 'Host' is given more than once.")
    }
    let host = hosts.first
    if case .ip = request.peer, let host { try check(host: host) }
    let origins = request.headers.all("origin")
    guard origins.count <= 1 else {
      throw OperationError(.invalidRequest, "Invalid request: 'Origin' is given more than once.")
    }
    if let origin = origins.first { try check(origin: origin, host: host) }
  }

  /// A name that anybody may point at our address (DNS rebinding) makes a foreign page same-origin with us, so only names that are
  /// ours are answered to. An address as the host cannot be rebound.
  private func check(host: String) throws(OperationError) {
    if let authority = Authority(host),
      authority.isAddress || authority.host == "localhost" || hostNames.contains(authority.host)
    {
      return
    }
    throw OperationError(
      .hostNotAllowed, "Host not allowed: use an address, localhost or a name that this server was given.")
  }

  private func check(origin: String, host: String?) throws(OperationError) {
    if allows(crossOrigin: origin) { return }
    if let origin = Authority(origin: origin), let host = host.flatMap({ Authority($0) }) {
      if origin == host { return }
      // A page at http://localhost:7070 may call http://127.0.0.1:7070: the same server under its other name.
      if origin.isLoopback, host.isLoopback, origin.port == host.port { return }
    }
    throw OperationError(.originNotAllowed, "Origin not allowed.")
  }

  /// Whether the operator allowed this origin, which also makes answers readable to it (CORS).
  func allows(crossOrigin origin: String) -> Bool { allowedOrigins.contains(origin.lowercased()) }
}
