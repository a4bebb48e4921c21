import Cluster
import Domains
import Metrics
import Net
import Operations
import Sessions
import Store
import Surfaces
import Synchronization

/// The servers behind this one, and this one as a server behind others: the parts of the cluster, handed to each other.
struct ServerCluster: Sendable {
  let map: ClusterMap
  let registry: Registry
  private let chain: HubChain
  private let host: LinkHost
  private let store: SessionStore
  private let linkLoop = LinkLoop()

  init(
    _ identity: LinkHost.Identity, loops: LoopGroup, paths: Paths, configurationFile: String,
    configuration: ClusterConfiguration, store: SessionStore, events: OwnEvents,
    quarantine: Quarantine
  ) {
    self.store = store
    let chain = HubChain(serverID: identity.serverID)
    self.chain = chain
    host = LinkHost(identity: identity, chain: chain)
    map = ClusterMap(serverID: identity.serverID, hostname: identity.hostname)
    registry = Registry(
      loop: loops.loops[0], map: map, paths: paths, configurationFile: configurationFile, configuration: configuration,
      connector: { settings, observer in
        let backend = Backend(
          settings, observer, hub: Backend.Hub(identity: identity, chain: chain), loop: loops.next())
        backend.start()
        return backend
      }, quarantine: quarantine, announcer: { events.emit($0) })
  }

  /// The way in for hubs.
  var entrance: LinkEntrance {
    let (host, ownLoop) = (host, linkLoop)
    let sessions = DirectoryFeed.serving(store, serverID: host.identity.serverID, hostname: host.identity.hostname)
    let servers = RegistryFeed.serving(map)
    return LinkEntrance(
      loop: { session in session.flatMap { host.loop(ofSession: $0) } ?? ownLoop.loop() },
      accept: { catalogue, socket, call, closed in
        let links = LinkSurface(
          catalogue, hostname: host.identity.hostname, directory: sessions, registry: servers)
        host.greet(socket, owner: ServerCluster.owner(of: call.principal), closed: closed) { stream, head, guest in
          links.serve(stream, head: head, from: LinkPeer(call, hubID: guest.hubID, hubHostname: guest.hostname))
        }
      })
  }

  /// Links that hubs have here, and what they hold.
  var metrics: any MetricsSource { LinkMetrics(host: host) }

  /// Ends the links of a token that was revoked.
  func forget(token id: String) { host.end(owner: ServerCluster.owner(token: id), reason: "the token was revoked") }

  /// Who may go on with a link: names do not tell tokens apart.
  private static func owner(of principal: Principal) -> String {
    principal.tokenID.map(owner(token:)) ?? principal.description
  }

  private static func owner(token id: String) -> String { "token-id:\(id)" }

  func stop() async {
    await registry.stop()
    linkLoop.stop()
  }
}

private struct LinkMetrics: MetricsSource {
  let host: LinkHost

  func families() async -> [MetricFamily] {
    [
      MetricFamily(
        "roost_links", .gauge, "Links of hubs to this server, those that wait for their hubs included.",
        value: host.count),
      MetricFamily(
        "roost_link_held_bytes", .gauge, "Bytes that the streams of these links hold.", value: host.heldBytes),
    ]
  }
}

/// The loop of the links that hubs have dialled: a loop with sessions reads their floods, for up to 0.1 ms at a time and as long again where
/// the kernel has it wait, and every keystroke that comes over a link would wait for that. It runs from the first link on.
private final class LinkLoop: Sendable {
  private let state = Mutex<EventLoop?>(nil)

  /// Nil when the system has no thread or descriptor left: the link then stays where its connection is.
  func loop() -> EventLoop? {
    state.withLock { loop in
      if loop == nil { loop = try? EventLoop(name: "links") }
      return loop
    }
  }

  func stop() { state.withLock { take(&$0) }?.stop() }
}
