import Cluster
import Formats
package import Net
package import Operations
import Synchronization

/// The hub at the other end of a link.
package struct LinkPeer: Sendable {
  /// The bearer of the token that opened the link, and what it allows.
  package var principal: Principal
  package var access: Access
  /// Where it comes from, for people: `10.0.0.7:51234`.
  package var address: String
  package var hubID: String
  package var hubHostname: String

  /// - Parameter call: the one that opened the link.
  package init(_ call: Call, hubID: String, hubHostname: String) {
    principal = call.principal
    access = call.access
    address = call.peer
    self.hubID = hubID
    self.hubHostname = hubHostname
  }

  /// A call that the hub passes on, as one of this server.
  /// - Parameter access: what both the hub's token and the hub's caller may do.
  fileprivate func call(_ context: CallContext, access: Access) -> Call {
    // What a hub says of the way is its own word, but that it was the last on it is known here.
    let via = context.via.last == hubID ? context.via : context.via + [hubID]
    return Call(
      principal: .relayed(by: principal, for: context.principal), access: access, peer: address,
      correlationID: context.correlationID, traceParent: context.traceParent, causationID: context.causationID,
      via: via, role: context.limits.role)
  }
}

/// What a hub asks for over its link: operations and streams of the catalogue, as over HTTP.
package final class LinkSurface: Sendable {
  /// Serves a stream that tells a hub of something as it changes, on its loop.
  package typealias Directory = @Sendable (_ stream: any MessageSocket, _ peer: LinkPeer) -> Void

  let linked: LinkedCatalogue
  /// Of this server: names it in the path of an error.
  let hostname: String
  private let directory: Directory?
  private let registry: Directory?
  /// The limits that came with the last call, and what they left of the hub's access: most calls come with the same.
  private let narrowed = Mutex<(limits: CallContext.Limits, access: Access)?>(nil)

  package init(_ linked: LinkedCatalogue, hostname: String, directory: Directory? = nil, registry: Directory? = nil) {
    self.linked = linked
    self.hostname = hostname
    self.directory = directory
    self.registry = registry
  }

  /// Serves a stream that a hub has opened; on the stream's loop. Its handler is set when this returns.
  package func serve(_ stream: any MessageSocket, head: [UInt8], from peer: LinkPeer) {
    let parsed: LinkHead
    do throws(LinkHeadError) {
      parsed = try LinkHead(parsing: head)
    } catch {
      return refuse(stream, OperationError(.invalidRequest, "Invalid request: the head of a stream: \(error.message)."))
    }
    switch parsed {
    case .call(let request):
      let served = ServedCall(stream, request, call(request.context, of: peer), self)
      served.assumeIsolated { $0.begin() }
    case .socket(let request):
      let served = ServedSocket(stream, request, call(request.context, of: peer), self)
      served.assumeIsolated { $0.begin() }
    case .directory:
      guard let directory else {
        return refuse(stream, OperationError(.unsupported, "This server tells no hub of its sessions."))
      }
      directory(stream, peer)
    case .registry:
      guard let registry else {
        return refuse(stream, OperationError(.unsupported, "This server has no servers behind it."))
      }
      registry(stream, peer)
    }
  }

  private func call(_ context: CallContext, of peer: LinkPeer) -> Call {
    let access = narrowed.withLock { narrowed in
      if let narrowed, narrowed.limits == context.limits { return narrowed.access }
      let access = peer.access.narrowed(to: context.limits)
      narrowed = (context.limits, access)
      return access
    }
    return peer.call(context, access: access)
  }

  /// Answers with an error, which ends the stream.
  func refuse(_ stream: any MessageSocket, _ error: OperationError) {
    stream.send(binary: failure(error).encoded())
    stream.close(code: WebSocketCloseCode.normal, reason: "")
  }

  private func failure(_ error: OperationError) -> RemoteFailure {
    RemoteFailure(
      code: error.codeText, message: error.message, status: error.httpStatus,
      path: error.serverPath.isEmpty ? [hostname] : error.serverPath, details: error.details)
  }
}
