import Cluster
import Formats
package import Net
package import Operations
import Synchronization

/// What a hub asks for over its link: operations and streams of the catalogue, as over HTTP.
package final class LinkSurface: Sendable {
  let linked: LinkedCatalogue
  /// Of this server: names it in the path of an error.
  let hostname: String
  private let directory: LinkPeer.Directory?
  private let registry: LinkPeer.Directory?
  /// The limits that came with the last call, and what they left of the hub's access: most calls come with the same.
  private let narrowed = Mutex<(limits: CallContext.Limits, access: Access)?>(nil)

  package init(
    _ linked: LinkedCatalogue, hostname: String, directory: LinkPeer.Directory? = nil,
    registry: LinkPeer.Directory? = nil
  ) {
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
