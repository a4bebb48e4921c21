import Cluster
import Net
import Operations

/// A socket of another server that a caller of this one wants.
struct RelayedRequest: Sendable {
  var endpoint: FixedEndpoint
  var work = Work.reads
  /// Percent-encoded, below the backend's base.
  var path: String
  /// Decoded, without `server`.
  var query: [(name: String, value: String)]
  /// The subprotocols that the client knows.
  var offered: [String] = []
  /// The audit event that this hop leaves of it, if it leaves one.
  var causationID: String?
}

extension HTTPSurface {
  /// The backend that a query names; `nil` when what is asked for is for this server.
  func backend(in query: [(name: String, value: String)]) throws(OperationError) -> Member? {
    guard let name = query.first(where: { $0.name == "server" })?.value,
      case .member(let member) = try catalogue.place(of: name)
    else { return nil }
    return member
  }

  /// Opens a socket at a backend. An error names the servers on the way.
  func open(
    _ wanted: RelayedRequest, at member: Member, for call: Call
  ) async throws(OperationError) -> any MessageSocket {
    let remote = try catalogue.way(to: member, for: wanted.work, wanted.endpoint.name, call)
    let request = RemoteSocketRequest(
      path: wanted.path, query: QueryText.encode(wanted.query), subprotocols: wanted.offered,
      context: RemoteAccess.context(
        for: call, member: member, causationID: wanted.causationID, serverID: catalogue.cluster?.serverID ?? ""))
    do throws(RemoteFailure) {
      return try await remote.open(request)
    } catch {
      throw OperationError(error, from: catalogue.ownName, at: member.name)
    }
  }
}
