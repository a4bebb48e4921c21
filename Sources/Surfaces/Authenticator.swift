package import Causality
import Net
package import Operations

/// Looks up the bearer of a token.
package protocol TokenVerifying: Sendable {
  /// Who holds this token and what it allows; `nil` when it is unknown, revoked or expired.
  func verify(_ secret: String) async -> (Principal, Access)?

  /// The same of a token by its id: `nil` when it is no longer good.
  func holder(ofToken id: String) async -> (Principal, Access)?
}

extension TokenVerifying {
  package func holder(ofToken id: String) async -> (Principal, Access)? { nil }
}

/// Says who a request comes from.
///
/// On the Unix socket the kernel tells: our own user and root may do everything, nobody else gets in. A process in a session that was made for somebody
/// else may do what he may and no more (``MakerRights``). Over TCP a bearer token is needed, on
/// the loopback interface too, since every user of the machine can reach it.
package struct Authenticator: Sendable {
  /// The user whose processes are let in over the Unix socket, with root.
  let ownUID: UInt32
  let tokens: any TokenVerifying
  /// Anybody may do anything over TCP. The composition grants this on the loopback interface only.
  let noAuth: Bool
  let tickets: Tickets
  let accounts: Accounts
  /// Says in which session a process is; `nil` where that makes no difference.
  private let origin: (@Sendable (_ pid: Int32) async -> ProcessOrigin)?
  let throttle = FailureThrottle()
  let sockets = OpenSockets()

  /// No token of ours is longer; what is longer is not looked up.
  static let maximumTokenBytes = 512

  package init(
    ownUID: UInt32, tokens: any TokenVerifying, noAuth: Bool, tickets: Tickets, accounts: Accounts,
    origin: (@Sendable (_ pid: Int32) async -> ProcessOrigin)? = nil
  ) {
    self.ownUID = ownUID
    self.tokens = tokens
    self.noAuth = noAuth
    self.tickets = tickets
    self.accounts = accounts
    self.origin = origin
  }

  /// Ends what a token has opened, when it is revoked: its WebSockets are closed (1008), its tickets are void.
  package func forget(token id: String) {
    tickets.forget(token: id)
    sockets.close(token: id)
  }

  /// Who asks, or why nobody is let in. `ticket` is the one in the query of a WebSocket upgrade; `nil` for every other request.
  /// Whatever is thrown is a refusal.
  func authenticate(_ request: HTTPRequest, ticket: String? = nil, trace: RequestTrace? = nil)
    async throws(OperationError) -> Call
  {
    let trace = trace ?? RequestTrace(request.headers)
    let (principal, access) = try await caller(request, ticket: ticket)
    try vouch(request, for: principal)
    return Call(
      principal: principal, access: access, peer: request.peer.shortText, correlationID: trace.correlationID,
      traceParent: trace.traceParent)
  }

  /// Says on the connection, at its first request that is let in, that it is known who is behind it.
  private func vouch(_ request: HTTPRequest, for principal: Principal) throws(OperationError) {
    guard let standing = request.standing, !standing.isKnown else { return }
    standing.vouch(keeping: try accounts.take(.connections, for: principal))
  }

  private func caller(_ request: HTTPRequest, ticket: String?) async throws(OperationError) -> (Principal, Access) {
    switch request.peer {
    case .unix(let uid, let pid):
      guard uid == ownUID || uid == 0 else {
        throw OperationError(.authInvalid, "This socket serves the user who started the server, and nobody else.")
      }
      if let origin, let rights = try await rights(of: pid, origin, request) {
        return try await caller(rights)
      }
      return (.localUser(uid: uid), .everything)
    case .ip(let address, _):
      if noAuth { return (.anonymous, .everything) }
      return try await bearer(of: request, ticket: ticket, address: address)
    }
  }

  /// What a process in a session may do at most; `nil` for everything. It is looked at once for each connection.
  private func rights(
    of pid: Int32, _ origin: @Sendable (Int32) async -> ProcessOrigin, _ request: HTTPRequest
  ) async throws(OperationError) -> MakerRights? {
    if let known = request.standing?.held as? KnownOrigin { return known.rights }
    var rights: MakerRights?
    switch await origin(pid) {
    case .outside: break
    case .session(let maker):
      if let maker {
        guard let read = MakerRights(text: maker) else { throw Authenticator.unknownOrigin }
        rights = read
      }
    case .someSession: throw Authenticator.unknownOrigin
    }
    request.standing?.vouch(keeping: KnownOrigin(rights: rights))
    return rights
  }

  private struct KnownOrigin: Sendable {
    let rights: MakerRights?
  }

  private static var unknownOrigin: OperationError {
    OperationError(
      .authInvalid,
      "This process has come out of a session, and which cannot be said: ask from within one, or with a token over TCP."
    )
  }

  /// The maker of a session, as far as he still has any rights.
  private func caller(_ rights: MakerRights) async throws(OperationError) -> (Principal, Access) {
    if rights.ofHubsToken {
      throw OperationError(
        .authInvalid,
        """
        This session was made for a token of another server, whose end is not heard of here, so nothing may be asked of the server from within it: \
        ask that server, with the token.
        """)
    }
    guard let (principal, access) = await tokens.holder(ofToken: rights.token) else {
      throw OperationError(
        .authInvalid,
        "The token for which this session was made is no longer valid, so nothing may be asked of the server from within it."
      )
    }
    return rights.narrow(principal, access)
  }

  private func bearer(
    of request: HTTPRequest, ticket: String?, address: String
  ) async throws(OperationError) -> (Principal, Access) {
    let headers = request.headers.all("authorization")
    guard headers.count <= 1 else {
      throw OperationError(.invalidRequest, "Invalid request: 'Authorization' is given more than once.")
    }
    let secret = headers.first.flatMap(Authenticator.bearerToken)
    guard secret != nil || ticket != nil else {
      throw OperationError(.authRequired, "Authentication required. Provide a token via the Authorization header.")
    }
    if let secret {
      if secret.utf8.count <= Authenticator.maximumTokenBytes, let found = await tokens.verify(secret) { return found }
    } else if let ticket, let found = tickets.redeem(ticket, now: .now) {
      return found
    }
    if let wait = throttle.failed(address, now: .now) {
      throw OperationError(
        .resourceLimitReached,
        "Resource limit reached: this token is not valid, and there were too many of that kind from this address; wait a minute."
      ).retrying(after: wait)
    }
    throw OperationError(
      .authInvalid, secret == nil ? "Invalid or used ticket." : "Invalid authentication token.")
  }

  /// The token of `Bearer <token>` (RFC 6750 §2.1); the scheme's name is case-insensitive. Another scheme is no token.
  static func bearerToken(_ header: String) -> String? {
    let text = header.utf8.drop { $0 == 0x20 }
    let scheme = text.prefix { $0 != 0x20 }
    guard scheme.count == 6, Substring(scheme).lowercased() == "bearer" else { return nil }
    let token = Substring(text[scheme.endIndex...].drop { $0 == 0x20 })
    return token.isEmpty ? nil : String(token)
  }
}

extension PeerAddress {
  /// For people: `unix`, `127.0.0.1:51234`.
  var shortText: String {
    switch self {
    case .unix: "unix"
    case .ip(let address, let port): address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
  }
}
