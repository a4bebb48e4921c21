import Cluster
import Store

/// The one door to streams, whatever carries them: scope, role, `server`, limits and audit, as for calls.
extension Catalogue {
  /// Looks whether a caller may have a stream, and whether there is what he asks for. What comes back is on this server or on another one: to
  /// who starts it that is the same.
  /// - Parameter subprotocols: those that the client knows.
  package func open(
    _ binding: StreamBinding, through entrance: Stream.Entrance, _ arguments: Arguments,
    offering subprotocols: [String] = [],
    for call: Call
  ) async throws(OperationError) -> StreamOpening {
    let stream = binding.stream
    let (needs, place) = try admit(stream, entrance, arguments, call)
    let lease = try stream.share.map { (share) throws(OperationError) in try accounts.take(share, for: call.principal) }
    let opening: StreamOpening
    switch place {
    case .here:
      do {
        let request = StreamRequest(call: call, subprotocols: subprotocols, catalogue: self)
        opening = try await binding.open(request, arguments)
      } catch {
        throw OperationError(wrapping: error)
      }
    case .member(let member):
      opening = try await StreamRelay(
        catalogue: self, stream: stream, entrance: entrance, member: member, call: call, needs: needs,
        arguments: arguments, subprotocols: subprotocols
      ).open()
    }
    return opening.keeping(lease)
  }

  /// What a stream needs and where it is, for a caller who may have it. Who may not leaves a record.
  private func admit(
    _ stream: Stream, _ entrance: Stream.Entrance, _ arguments: Arguments, _ call: Call
  ) throws(OperationError) -> (Stream.Needs, Place) {
    var server: String?
    do throws(OperationError) {
      // Whatever let it in: a stream that is opened too late would tell what it has to tell at once.
      if let refusal = tenures?.refusal(of: call) { throw refusal }
      try requireNoCircle(call)
      let needs = try stream.needs(arguments)
      if let refusal = RemoteAccess.refusal(needs.work, entrance.name, for: call) { throw refusal }
      let place = try self.place(of: arguments)
      if case .member(let member) = place { server = member.name }
      try requireScopes(needs.scopes, stream, entrance, call)
      if let instead = stream.insteadOfHub, server != nil || !call.via.isEmpty {
        throw OperationError(.unsupported, "\(entrance.name) is not passed on to other servers. \(instead)")
      }
      return (needs, place)
    } catch {
      throw error.isRefusal ? refused(error, entrance, arguments, server: server, for: call) : error
    }
  }

  private func requireScopes(
    _ scopes: [Scope], _ stream: Stream, _ entrance: Stream.Entrance, _ call: Call
  ) throws(OperationError) {
    for scope in scopes where !call.access.allows(scope) {
      let hint = stream.hints[scope].map { " \($0)" } ?? ""
      throw OperationError(
        .insufficientScope,
        "This token may not do \(entrance.name): it needs the scope '\(scope.rawValue)'.\(hint)")
    }
  }

  /// Records that a stream was refused.
  func refused(
    _ error: OperationError, _ entrance: Stream.Entrance, _ arguments: Arguments, server: String?, for call: Call
  ) -> OperationError {
    audit?.refuse(
      AuditEntry(
        operation: entrance.name, target: arguments.target(of: entrance.route), server: server, error: error,
        address: call.peer, via: call.via),
      call)
    return error
  }
}
