package import Cluster
package import Net
import Store

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
  package func call(_ context: CallContext, access: Access) -> Call {
    // What a hub says of the way is its own word, but that it was the last on it is known here.
    let via = context.via.last == hubID ? context.via : context.via + [hubID]
    return Call(
      principal: .relayed(by: principal, for: context.principal), access: access, peer: address,
      correlationID: context.correlationID, traceParent: context.traceParent, causationID: context.causationID,
      via: via, role: context.limits.role)
  }

  /// Serves a stream that tells a hub of something as it changes, on its loop.
  package typealias Directory = @Sendable (_ stream: any MessageSocket, _ peer: LinkPeer) -> Void
}
