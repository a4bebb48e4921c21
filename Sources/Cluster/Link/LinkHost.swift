package import Net
import Store
import Synchronization

/// Who is at the other end of a link that was accepted.
package struct LinkGuest: Sendable, Equatable {
  package var hubID: String
  package var hostname: String
  package var version: String
  /// Ids of the hubs that look through it, its own the last.
  package var via: [String]
}

/// The side of a server that hubs dial: greets them, and keeps a link for a while when its connection is lost, so that it can go on.
package final class LinkHost: Sendable {
  /// How long a hub may take to say hello.
  private static let greetingPatience = Duration.seconds(10)
  /// Links at most, those that wait for their hubs included. Where there are so many, one that waits gives way.
  package static let maximumLinks = 256
  /// The same for the links of one token.
  package static let maximumLinksOfToken = 16

  /// What this server says of itself.
  package struct Identity: Sendable {
    package var serverID: String
    package var hostname: String
    package var version: String

    package init(serverID: String, hostname: String, version: String) {
      self.serverID = serverID
      self.hostname = hostname
      self.version = version
    }
  }

  /// Serves a stream that a hub has opened: sets its handler before it returns.
  package typealias Service = @Sendable (LinkStream, [UInt8], LinkGuest) -> Void

  private struct Entry {
    let link: Link
    let owner: String
    let hubID: String
    let budget: LinkBudget
    /// Since when it waits for its hub.
    var lostSince: ContinuousClock.Instant?
  }

  package let identity: Identity
  package let chain: HubChain
  private let limits: LinkLimits
  private let entries = Mutex<[String: Entry]>([:])
  private let budget = LinkBudget(limit: LinkLimits.heldOfAll)

  package init(identity: Identity, chain: HubChain) {
    self.identity = identity
    self.chain = chain
    var limits = LinkLimits()
    // What a hub asks for is no larger than a request may be.
    limits.messageBytes = 2 << 20
    self.limits = limits
  }

  /// Links that are open, or may go on.
  package var count: Int { entries.withLock { $0.count } }

  /// Bytes that the streams of all links hold.
  package var heldBytes: Int { budget.used }

  /// Where the link lives that a connection wants to go on with: the connection has to be moved there.
  package func loop(ofSession session: String) -> EventLoop? { entries.withLock { $0[session]?.link.loop } }

  /// Makes a connection the connection of a link.
  /// - Parameters:
  ///   - owner: who has connected; only the same may go on with a link.
  ///   - closed: called once when the connection is over.
  ///   - service: what serves the streams of a new link.
  package func greet(
    _ socket: any MessageSocket, owner: String, closed: @escaping @Sendable () -> Void, service: @escaping Service
  ) {
    let greeting = LinkGreeting(loop: socket.loop)
    socket.handler = greeting
    Task { await self.greet(socket, greeting, owner, closed, service) }
  }

  private func greet(
    _ socket: any MessageSocket, _ greeting: LinkGreeting, _ owner: String, _ closed: @escaping @Sendable () -> Void,
    _ service: @escaping Service
  ) async {
    let outcome = await greeting.first(within: LinkHost.greetingPatience)
    await socket.loop.run { [self] in
      switch outcome {
      case .failed(let reason):
        socket.close(code: WebSocketCloseCode.protocolError, reason: reason)
        closed()
      case .text(let text): answer(text, socket, owner, closed, service)
      }
    }
  }

  private func answer(
    _ text: [UInt8], _ socket: any MessageSocket, _ owner: String, _ closed: @escaping @Sendable () -> Void,
    _ service: @escaping Service
  ) {
    guard let hello = LinkHello(parsing: text) else {
      return refuse(socket, .init(.refused, "the first message of a link is a hello"), closed)
    }
    if let refusal = refusal(of: hello) { return refuse(socket, refusal, closed) }
    if let resume = hello.resume, let entry = entries.withLock({ $0[resume.session] }), entry.owner == owner,
      entry.hubID == hello.hubID, entry.link.loop.isCurrent
    {
      let isResumed = entry.link.assumeIsolated { link in
        guard link.canResume(received: resume.received) else { return false }
        welcome(socket, hello, resume.session, isResumed: true, received: link.receivedBatches)
        return link.attach(socket, received: resume.received, gone: closed)
      }
      if isResumed {
        entries.withLock { $0[resume.session]?.lostSince = nil }
        chain.set(hello.via, from: resume.session)
        socket.resumeReading()
        return
      }
    }
    // A hub that begins anew has forgotten what was before: nobody comes back to that.
    drop("the hub has begun anew") { $0.hubID == hello.hubID && $0.owner == owner }
    guard makeRoom(for: owner) else {
      return refuse(
        socket,
        .init(
          .refused,
          "\(LinkHost.maximumLinks) hubs may be connected, \(LinkHost.maximumLinksOfToken) with one token"), closed)
    }
    begin(hello, socket, owner, closed, service)
  }

  private func refusal(of hello: LinkHello) -> LinkReply.Refusal? {
    if hello.oldest > LinkHello.protocols.upperBound || hello.newest < LinkHello.protocols.lowerBound {
      return .init(
        .versionMismatch,
        "\(identity.hostname) speaks version \(LinkHello.protocols.upperBound) of the link, the hub \(hello.oldest) to \(hello.newest); upgrade the older of the two"
      )
    }
    if let unknown = hello.requiredFlags.first(where: { !LinkHello.knownFlags.contains($0) }) {
      return .init(
        .versionMismatch,
        "the hub requires '\(shownName(unknown))', which \(identity.hostname) does not know; upgrade it")
    }
    if hello.hubID == identity.serverID {
      return .init(.circle, "this is the server itself")
    }
    if chain.closesCircle(hello.via, atDialling: true) { return circle }
    return nil
  }

  private var circle: LinkReply.Refusal {
    .init(
      .circle, "\(identity.hostname) looks at its own backends through this hub already: hubs must not form a circle")
  }

  /// Ends links that wait for their hubs; their places are free at once.
  private func drop(_ reason: String, where which: (Entry) -> Bool) {
    let dropped = entries.withLock { entries in
      let dropped = entries.filter { $0.value.lostSince != nil && which($0.value) }
      for session in dropped.keys { entries[session] = nil }
      return dropped
    }
    for (session, entry) in dropped {
      chain.set(nil, from: session)
      Task { await entry.link.end(reason) }
    }
  }

  /// Whether there is a place for one more link of this owner. Who waits longest for its hub gives way: of the same owner, or of all.
  private func makeRoom(for owner: String) -> Bool {
    func giveWay(_ which: (Entry) -> Bool) -> Bool {
      let oldest = entries.withLock { entries in
        entries.values.filter { $0.lostSince != nil && which($0) }.min {
          ($0.lostSince ?? .now) < ($1.lostSince ?? .now)
        }
      }
      guard let oldest else { return false }
      drop("its place was needed") { $0.link === oldest.link }
      return true
    }
    let own = entries.withLock { $0.values.count { $0.owner == owner } }
    if own >= LinkHost.maximumLinksOfToken { return giveWay { $0.owner == owner } }
    if count >= LinkHost.maximumLinks { return giveWay { _ in true } }
    return true
  }

  private func budget(of owner: String) -> LinkBudget {
    entries.withLock { entries in entries.values.first { $0.owner == owner }?.budget }
      ?? LinkBudget(limit: LinkLimits.heldOfToken, within: budget)
  }

  private func begin(
    _ hello: LinkHello, _ socket: any MessageSocket, _ owner: String, _ closed: @escaping @Sendable () -> Void,
    _ service: @escaping Service
  ) {
    let session = makeUUID()
    let guest = LinkGuest(hubID: hello.hubID, hostname: hello.hostname, version: hello.version, via: hello.via)
    let (chain, hostname) = (chain, identity.hostname)
    let circle = circle
    let budget = budget(of: owner)
    let link = Link(
      loop: socket.loop, side: .acceptor, peer: socket.peer, limits: limits, budget: budget,
      events: Link.Events(
        accepted: { service($0, $1, guest) },
        lost: { [self] _ in entries.withLock { $0[session]?.lostSince = .now } },
        ended: { [self] in
          entries.withLock { $0[session] = nil }
          chain.set(nil, from: session)
        },
        noticed: { link, text in
          guard let via = LinkNotice(parsing: text)?.via else { return }
          guard !chain.closesCircle(via, atDialling: false) else {
            link.notify(LinkReply.refused(circle).encoded())
            return link.end("\(hostname) is in a circle of hubs")
          }
          chain.set(via, from: session)
        }))
    entries.withLock { $0[session] = Entry(link: link, owner: owner, hubID: hello.hubID, budget: budget) }
    chain.set(hello.via, from: session)
    welcome(socket, hello, session, isResumed: false, received: 0)
    link.assumeIsolated { link in
      _ = link.attach(socket, received: 0, gone: closed)
      // The hub is the one that watches; this side only has to notice when it is gone for good.
      link.keepAlive(every: hello.pingInterval * 3, deadline: hello.deadline)
    }
    socket.resumeReading()
  }

  private func welcome(
    _ socket: any MessageSocket, _ hello: LinkHello, _ session: String, isResumed: Bool, received: UInt64
  ) {
    let welcome = LinkReply.Welcome(
      version: min(hello.newest, LinkHello.protocols.upperBound), serverID: identity.serverID,
      hostname: identity.hostname, serverVersion: identity.version, session: session, isResumed: isResumed,
      received: received)
    socket.send(text: LinkReply.welcome(welcome).encoded())
  }

  private func refuse(
    _ socket: any MessageSocket, _ refusal: LinkReply.Refusal, _ closed: @escaping @Sendable () -> Void
  ) {
    socket.handler = nil
    socket.send(text: LinkReply.refused(refusal).encoded())
    socket.close(code: WebSocketCloseCode.policyViolation, reason: refusal.code.rawValue)
    closed()
  }

  /// Ends every link of an owner: his token was revoked.
  package func end(owner: String, reason: String) {
    for entry in entries.withLock({ Array($0.values) }) where entry.owner == owner {
      Task { await entry.link.end(reason) }
    }
  }
}
