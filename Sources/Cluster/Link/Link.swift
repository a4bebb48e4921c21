import Glibc
package import Net

/// One side of a link between two servers: many streams of messages over one connection, each with its own flow control, none of which
/// notices when the connection is replaced by another.
///
/// Streams that have sent little go before those that flood, piece by piece in turn (as fq_codel does it with flows, RFC 8290), and no more is
/// handed to the connection than it takes: so a keystroke waits behind one batch at most, whatever else goes over the link.
package actor Link {
  package enum Side: Sendable {
    /// The one that dialled. Its streams have odd numbers.
    case dialler
    case acceptor
  }

  /// What the link tells its owner, on its loop.
  package struct Events: Sendable {
    /// The other side has opened a stream. Its handler is to be set before this returns, or the stream is closed.
    package var accepted: @Sendable (LinkStream, [UInt8]) -> Void
    /// The connection is gone. The streams wait for another one (``Link/attach(_:received:)``).
    package var lost: @Sendable (_ reason: String) -> Void
    /// The link is over for good; its streams are closed.
    package var ended: @Sendable () -> Void
    /// A ping was answered.
    package var pong: @Sendable (_ roundTrip: Duration) -> Void
    /// A ping has not been answered for longer than the time between two.
    package var late: @Sendable (_ waited: Duration) -> Void
    /// The other side said something about the link itself (``Link/notify(_:)``).
    package var noticed: @Sendable (isolated Link, [UInt8]) -> Void

    package init(
      accepted: @escaping @Sendable (LinkStream, [UInt8]) -> Void, lost: @escaping @Sendable (String) -> Void,
      ended: @escaping @Sendable () -> Void = {}, pong: @escaping @Sendable (Duration) -> Void = { _ in },
      late: @escaping @Sendable (Duration) -> Void = { _ in },
      noticed: @escaping @Sendable (isolated Link, [UInt8]) -> Void = { _, _ in }
    ) {
      self.accepted = accepted
      self.lost = lost
      self.ended = ended
      self.pong = pong
      self.late = late
      self.noticed = noticed
    }
  }

  package nonisolated let loop: EventLoop
  package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  private let limits: LinkLimits
  private let budget: LinkBudget
  private let events: Events
  private let side: Side
  private var transport: (any MessageSocket)?
  private var transportGone: (@Sendable () -> Void)?
  private var lastPeer: PeerAddress
  private var isBroken = false

  private var channels: [UInt32: LinkChannel] = [:]
  private var nextStream: UInt32
  private var acceptedCount = 0

  // What goes out.
  private var fresh = FIFO<LinkChannel>()
  private var bulk = FIFO<LinkChannel>()
  private var credits: [(stream: UInt32, bytes: Int)] = []
  private var isFlushScheduled = false
  private var farewells: LoopTimer?

  // What has crossed.
  private var ledger = LinkLedger()

  /// Streams whose handlers have not heard of their end.
  private var unreported: [(channel: LinkChannel, code: UInt16, reason: String)] = []

  // Whether the other side lives.
  private var pulse = LinkPulse()
  private var pings: LoopTimer?
  private var grace: [LoopTimer] = []
  /// The streams were told that nothing comes for now.
  private var isWaiting = false

  package init(
    loop: EventLoop, side: Side, peer: PeerAddress, limits: LinkLimits = LinkLimits(),
    budget: LinkBudget = LinkBudget(limit: LinkLimits.held), events: Events
  ) {
    self.loop = loop
    self.side = side
    self.limits = limits
    self.budget = budget
    self.events = events
    lastPeer = peer
    nextStream = side == .dialler ? 1 : 2
  }

  // MARK: The connection

  /// Batches taken in so far: what the other side is told when it resumes.
  package var receivedBatches: UInt64 { ledger.received }
  package var isConnected: Bool { transport != nil }
  /// Nothing can be sent over it any more.
  package var isDead: Bool { isBroken }
  /// Streams that are open.
  package var streamCount: Int { channels.count }

  /// Whether the link can go on with another side that has taken in so many batches. If not, it is of no use any more.
  package func canResume(received theirs: UInt64) -> Bool { !isBroken && ledger.isPlausible(received: theirs) }

  /// Goes on over this connection, whose other side has taken in so many batches. False when ``canResume(received:)`` is.
  /// - Parameter gone: called once when the link has nothing to do with the connection any more.
  package func attach(
    _ socket: any MessageSocket, received theirs: UInt64, gone: @escaping @Sendable () -> Void = {}
  ) -> Bool {
    guard canResume(received: theirs) else { return false }
    let earlier = take(&transport)
    drop(earlier)
    earlier?.close(code: WebSocketCloseCode.goingAway, reason: "the link goes on over another connection")
    transportGone = gone
    for timer in grace { timer.cancel() }
    grace = []
    ledger.forget(upTo: theirs)
    transport = socket
    lastPeer = socket.peer
    noteHeard()
    socket.handler = self
    (socket as? WebSocket)?.limitUnsent(to: LinkLimits.unsent)
    ledger.forEachKept { socket.send(binary: $0) }
    // Streams are opened in the order of their numbers.
    for (id, channel) in channels.sorted(by: { $0.key < $1.key }) { mark(id, channel) }
    scheduleFlush()
    return true
  }

  /// Sends a ping so often, and gives the connection up when nothing at all was heard for `deadline` after one.
  package func keepAlive(every interval: Duration, deadline: Duration) {
    pings?.cancel()
    pulse.beat()
    pings = loop.schedule(after: interval, every: interval) { [weak self] in
      self?.assumeIsolated { $0.ping(interval, deadline) }
    }
    ping(interval, deadline)
  }

  private func ping(_ interval: Duration, _ deadline: Duration) {
    guard let transport else { return }
    let now = ContinuousClock.now
    if pulse.silence(at: now) > interval + deadline {
      return lose("nothing was heard of it for \((interval + deadline).components.seconds) s", close: true)
    }
    if let waited = pulse.waited(at: now), waited >= interval {
      events.late(waited)
      tell(waits: "it has not answered for \(waited.components.seconds) s")
    }
    transport.send(binary: control(.ping, token: pulse.token(at: now)))
  }

  private func noteHeard() {
    pulse.beat()
    if isWaiting { tell(waits: nil) }
  }

  /// Tells the users of streams, once, that what they send waits, or that it does no longer.
  private func tell(waits reason: String?) {
    guard isWaiting != (reason != nil) else { return }
    isWaiting = reason != nil
    for channel in channels.values where channel.isOpen {
      channel.handler?.webSocket(channel.stream, waits: reason)
    }
  }

  /// Gives the connection up, as if it had been lost.
  package func disconnect(_ reason: String) { lose(reason, close: true) }

  /// Ends the link if it waits for a connection.
  package func endIfLost(_ reason: String) { if transport == nil { end(reason) } }

  /// Ends the link: every stream is closed with ``LinkStream/lost``.
  package func end(_ reason: String) {
    if isBroken { return }
    isBroken = true
    pings?.cancel()
    for timer in grace { timer.cancel() }
    grace = []
    let socket = take(&transport)
    drop(socket)
    // The other side need not wait for another connection, and what hangs on the link is gone there too.
    socket?.close(code: WebSocketCloseCode.normal, reason: reason)
    for channel in channels.values {
      budget.add(-channel.budgeted)
      channel.budgeted = 0
      finish(channel, LinkStream.lost, reason)
    }
    channels = [:]
    fresh.removeAll()
    bulk.removeAll()
    ledger.removeAll()
    events.ended()
  }

  /// Says something about the link itself. It is lost with the connection, if that is lost.
  package func notify(_ text: [UInt8]) { transport?.send(text: text) }

  private func drop(_ socket: (any MessageSocket)?) {
    guard let socket else { return }
    if socket.handler === self { socket.handler = nil }
    take(&transportGone)?()
  }

  private func lose(_ reason: String, close: Bool) {
    guard let socket = take(&transport) else { return }
    drop(socket)
    if close { socket.close(code: WebSocketCloseCode.goingAway, reason: reason) }
    pulse.forgetPing()
    fresh.removeAll()
    bulk.removeAll()
    for channel in channels.values { channel.place = .idle }
    grace = [
      loop.schedule(after: limits.callGrace) { [weak self] in
        self?.assumeIsolated { $0.giveUp(reason) { $0.isCall } }
      },
      loop.schedule(after: limits.streamGrace) { [weak self] in self?.assumeIsolated { $0.end(reason) } },
    ]
    events.lost(reason)
    tell(waits: reason)
  }

  /// Closes streams that wait for a connection.
  private func giveUp(_ reason: String, _ which: (LinkChannel) -> Bool) {
    if transport != nil { return }
    for channel in channels.values where which(channel) && channel.closing == nil {
      channel.closing = (LinkStream.lost, reason)
      channel.outgoing.removeAll()
      channel.queuedBytes = 0
      count(channel)
      // The other side hears of it when there is a connection again, unless it never heard of the stream.
      if channel.opening != nil { remove(channel) }
      report(channel, LinkStream.lost, reason)
    }
  }

  /// The other side does not keep to the protocol.
  private func violated(_ what: String) { ended("it does not keep to the protocol of links: \(what)") }

  private func ended(_ reason: String) {
    let isConnected = transport != nil
    end(reason)
    if isConnected { events.lost(reason) }
  }

  // MARK: Streams

  /// Opens a stream. `head` says what for; at most ``LinkFrame/maximumPayload`` bytes.
  package func open(_ head: [UInt8], isCall: Bool) -> LinkStream {
    let id = nextStream
    nextStream &+= 2
    let stream = LinkStream(link: self, id: id, peer: lastPeer)
    let channel = LinkChannel(id: id, stream: stream, isCall: isCall, opening: head)
    channels[id] = channel
    if isBroken { finish(channel, LinkStream.lost, "the link is gone") } else { mark(id, channel) }
    return stream
  }

  func handler(of id: UInt32) -> (any WebSocketHandler)? { channels[id]?.handler }

  func setHandler(_ handler: (any WebSocketHandler)?, of id: UInt32) {
    guard let channel = channels[id] else { return }
    channel.handler = handler
    if !channel.incoming.isEmpty || channel.ending != nil { deliverLater(id) }
  }

  func queuedBytes(of id: UInt32) -> Int { channels[id]?.queuedBytes ?? 0 }

  func isOpen(_ id: UInt32) -> Bool { channels[id]?.isOpen == true }

  func send(_ bytes: [UInt8], isText: Bool, on id: UInt32) {
    guard let channel = channels[id], channel.isOpen else { return }
    guard channel.queuedBytes + bytes.count <= LinkLimits.queued else {
      return close(id, 1013, "the peer does not read")
    }
    channel.outgoing.append(.init(bytes: bytes, isText: isText))
    channel.queuedBytes += bytes.count
    channel.owesDrained = true
    guard count(channel) else {
      channel.outgoing.removeAll()
      channel.queuedBytes = 0
      return close(id, 1013, Link.full)
    }
    mark(id, channel)
  }

  func pauseReading(_ id: UInt32) { channels[id]?.isPaused = true }

  func resumeReading(_ id: UInt32) {
    guard let channel = channels[id], channel.isPaused else { return }
    channel.isPaused = false
    deliverLater(id)
  }

  func close(_ id: UInt32, _ code: UInt16, _ reason: String) {
    guard let channel = channels[id], channel.closing == nil else { return }
    finish(channel, code, reason)
    channel.incoming.removeAll()
    channel.waitingBytes = 0
    channel.assembling = []
    count(channel)
    mark(id, channel)
  }

  /// Closes streams of this side's own.
  package func closeStreams(_ code: UInt16, _ reason: String, where which: (UInt32) -> Bool) {
    for id in channels.keys.sorted() where !isAccepted(id) && which(id) { close(id, code, reason) }
  }

  private func remove(_ channel: LinkChannel) {
    guard channels.removeValue(forKey: channel.id) != nil else { return }
    budget.add(-channel.budgeted)
    channel.budgeted = 0
    if isAccepted(channel.id) { acceptedCount -= 1 }
  }

  /// What a stream is told that may hold no more.
  private static let full = "too much is on its way over this link"

  /// Tells the budget how much a stream holds by now. False when that is too much, by what has just come.
  @discardableResult
  private func count(_ channel: LinkChannel) -> Bool {
    let change = channel.held - channel.budgeted
    if change == 0 { return true }
    guard channels[channel.id] === channel else { return true }
    channel.budgeted += change
    budget.add(change)
    return change < 0 || budget.hasRoom
  }

  private func isAccepted(_ id: UInt32) -> Bool { (id & 1 == 1) == (side == .acceptor) }

  /// The last call of a stream's handler.
  private func report(_ channel: LinkChannel, _ code: UInt16, _ reason: String) {
    if channel.hasReported { return }
    channel.hasReported = true
    let handler = take(&channel.handler)
    handler?.webSocketClosed(channel.stream, code: code, reason: reason)
  }

  /// Nothing more is said on a stream, and its handler hears of it, but not from inside its own call.
  private func finish(_ channel: LinkChannel, _ code: UInt16, _ reason: String) {
    channel.closing = channel.closing ?? (code, reason)
    unreported.append((channel, code, reason))
    guard unreported.count == 1 else { return }
    // The link stays for as long as somebody has to hear of its end.
    loop.execute { self.assumeIsolated { $0.reportAll() } }
  }

  private func reportAll() {
    let ended = take(&unreported, leaving: [])
    for (channel, code, reason) in ended { report(channel, code, reason) }
  }

  // MARK: Sending

  private func mark(_ id: UInt32, _ channel: LinkChannel) {
    guard channel.place == .idle, channel.isReady, transport != nil else { return }
    channel.place = .waiting
    fresh.append(channel)
    // The other side has said its last word: that it was heard can wait for something to go along with.
    if channel.ending != nil, channel.opening == nil, channel.outgoing.isEmpty {
      scheduleFarewells()
    } else {
      scheduleFlush()
    }
  }

  /// Good-byes that nobody waits for go with what is said next, or by themselves when nothing is for a while: each by itself would wake the
  /// other side once more for every call.
  private func scheduleFarewells() {
    guard farewells == nil, !isFlushScheduled, transport != nil else { return }
    farewells = loop.schedule(after: .milliseconds(5)) { [weak self] in
      self?.assumeIsolated { link in
        link.farewells = nil
        link.scheduleFlush()
      }
    }
  }

  /// What one turn of the loop has to say goes out together.
  private func scheduleFlush() {
    if isFlushScheduled || transport == nil { return }
    isFlushScheduled = true
    loop.execute { [weak self] in self?.assumeIsolated { $0.flush() } }
  }

  private func flush() {
    isFlushScheduled = false
    take(&farewells)?.cancel()
    var drained: [LinkChannel] = []
    while let transport, transport.isOpen, !ledger.isFull,
      transport.queuedBytes < LinkLimits.transportHighWater
    {
      var batch = LinkBatch(reserving: 256)
      for credit in credits where channels[credit.stream]?.hasSentClose == false {
        batch.credit(credit.stream, credit.bytes)
      }
      credits = []
      while batch.count < LinkLimits.batch, let channel = fresh.popFirst() ?? bulk.popFirst() {
        fill(&batch, from: channel, &drained)
      }
      if batch.isEmpty { break }
      ledger.noteSent(batch.bytes)
      transport.send(binary: batch.bytes)
    }
    for channel in drained where channel.queuedBytes == 0 && channel.closing == nil {
      channel.handler?.webSocketDrained(channel.stream)
    }
  }

  private func fill(_ batch: inout LinkBatch, from channel: LinkChannel, _ drained: inout [LinkChannel]) {
    channel.place = .idle
    guard channel.isReady else { return }
    defer { count(channel) }
    channel.fill(&batch)
    // What opens a stream and its first message belong together.
    while channel.isReady, channel.outgoing.count == 1, let next = channel.outgoing.first,
      next.bytes.count - next.sent <= 1024
    {
      channel.fill(&batch)
    }
    if channel.queuedBytes == 0, channel.owesDrained {
      channel.owesDrained = false
      drained.append(channel)
    }
    if channel.hasSentClose, channel.ending != nil { return remove(channel) }
    if channel.isReady {
      channel.place = .waiting
      bulk.append(channel)
    }
  }

  private func control(_ kind: LinkControl.Kind, token: UInt64 = 0) -> [UInt8] {
    LinkControl(kind, received: ledger.report(), token: token).encoded
  }

  // MARK: Receiving

  private func received(_ message: [UInt8]) {
    noteHeard()
    switch message.first {
    case LinkFrame.controlMark?:
      guard let control = LinkControl(parsing: message[...]) else {
        return violated("a control message of another form")
      }
      receive(control)
    case LinkFrame.batchMark?:
      ledger.noteReceived(bytes: message.count)
      var reader = LinkBatchReader(message[...])
      do throws(LinkBatchReader.Fault) {
        while let frame = try reader.next() {
          receive(frame)
          if isBroken { return }
        }
      } catch {
        return violated(error.message)
      }
      if ledger.owesAcknowledgement { transport?.send(binary: control(.acknowledge)) }
    default: violated("a message of an unknown kind")
    }
  }

  private func receive(_ message: LinkControl) {
    guard ledger.isPlausible(received: message.received) else { return violated("it acknowledges what was not sent") }
    let wasFull = ledger.isFull
    ledger.forget(upTo: message.received)
    switch message.kind {
    case .acknowledge: break
    case .ping:
      // One that lets pongs pile up is not read from any faster for more of them.
      if let transport, transport.queuedBytes <= LinkLimits.transportHighWater {
        transport.send(binary: control(.pong, token: message.token))
      }
    case .pong:
      if let time = pulse.answered(message.token) { events.pong(time) }
    }
    if wasFull { scheduleFlush() }
  }

  private func receive(_ frame: LinkFrame) {
    switch frame {
    case .open(let id, let head): accept(id, Array(head))
    case .data(let id, let isText, let more, let ends, let bytes):
      guard let channel = channels[id] else { return unknown(id) }
      receive(bytes, isText: isText, more: more, on: channel)
      if ends, !isBroken { closed(channel, WebSocketCloseCode.normal, "") }
    case .close(let id, let code, let reason):
      guard let channel = channels[id] else { return unknown(id) }
      closed(channel, code, reason)
    case .credit(let id, let bytes):
      guard let channel = channels[id] else { return unknown(id) }
      guard channel.credit + Int(bytes) <= LinkLimits.window else { return violated("more credit than the window") }
      channel.credit += Int(bytes)
      mark(id, channel)
    }
  }

  /// Frames of a stream that is over are on their way when it ends. One that never was is a fault.
  private func unknown(_ id: UInt32) {
    if isAccepted(id) ? id > highestAccepted : id >= nextStream {
      violated("a frame for a stream that was never opened")
    }
  }

  private var highestAccepted: UInt32 = 0

  private func accept(_ id: UInt32, _ head: [UInt8]) {
    guard isAccepted(id), id > highestAccepted else { return violated("a stream with a number that is not free") }
    highestAccepted = id
    let stream = LinkStream(link: self, id: id, peer: lastPeer)
    let channel = LinkChannel(id: id, stream: stream, isCall: false, opening: nil)
    channels[id] = channel
    acceptedCount += 1
    guard acceptedCount <= limits.acceptedStreams else {
      return close(id, 1013, "\(limits.acceptedStreams) streams are open already")
    }
    events.accepted(stream, head)
    if channel.handler == nil, channel.closing == nil { close(id, 1011, "nobody takes this stream") }
  }

  private func receive(_ bytes: ArraySlice<UInt8>, isText: Bool, more: Bool, on channel: LinkChannel) {
    channel.uncredited += bytes.count
    guard channel.uncredited <= LinkLimits.window else { return violated("more was sent than credit was given for") }
    if channel.closing != nil {
      // Nobody reads it any more, but the other side may have to get rid of it to see that.
      return giveCredit(channel)
    }
    let message: [UInt8]
    if channel.isAssembling || more {
      guard channel.assembling.count + bytes.count <= limits.messageBytes else {
        return violated("a message of more than \(limits.messageBytes) bytes")
      }
      channel.assembling += bytes
      channel.isAssembling = more
      if more {
        guard count(channel) else { return close(channel.id, 1013, Link.full) }
        return giveCredit(channel)
      }
      message = take(&channel.assembling, leaving: [])
    } else {
      message = Array(bytes)
    }
    channel.incoming.append(isText ? .text(message) : .binary(message))
    channel.waitingBytes += message.count
    deliver(channel)
    if !count(channel) { close(channel.id, 1013, Link.full) }
  }

  private func closed(_ channel: LinkChannel, _ code: UInt16, _ reason: String) {
    guard channel.ending == nil else { return violated("a stream was closed twice") }
    channel.ending = (code, reason)
    channel.outgoing.removeAll()
    channel.queuedBytes = 0
    channel.assembling = []
    count(channel)
    if channel.hasSentClose { remove(channel) }
    deliver(channel)
  }

  private func deliverLater(_ id: UInt32) {
    loop.execute { [weak self] in
      self?.assumeIsolated { link in if let channel = link.channels[id] { link.deliver(channel) } }
    }
  }

  private func deliver(_ channel: LinkChannel) {
    if channel.isDelivering { return }
    channel.isDelivering = true
    while !channel.isPaused, let handler = channel.handler, let message = channel.incoming.popFirst() {
      switch message {
      case .text(let bytes):
        channel.waitingBytes -= bytes.count
        handler.webSocket(channel.stream, text: bytes)
      case .binary(let bytes):
        channel.waitingBytes -= bytes.count
        handler.webSocket(channel.stream, binary: bytes)
      }
    }
    channel.isDelivering = false
    count(channel)
    giveCredit(channel)
    if let ending = channel.ending, channel.incoming.isEmpty, channel.handler != nil || channel.closing != nil {
      report(channel, ending.code, ending.reason)
      if channel.closing == nil { channel.closing = ending }
      if channel.hasSentClose { remove(channel) } else { mark(channel.id, channel) }
    }
  }

  /// Lets the other side send as much as has been taken from what it sent, in few frames.
  private func giveCredit(_ channel: LinkChannel) {
    let free = channel.uncredited - channel.waitingBytes
    guard free >= LinkLimits.window / 2, channel.ending == nil else { return }
    channel.uncredited -= free
    credits.append((channel.id, free))
    scheduleFlush()
  }
}

extension Link: WebSocketHandler {
  package nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) {
    assumeIsolated { link in
      guard ws === link.transport else { return }
      link.noteHeard()
      link.events.noticed(link, text)
    }
  }

  package nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { if ws === $0.transport { $0.received(binary) } }
  }

  package nonisolated func webSocketDrained(_ ws: any MessageSocket) {
    assumeIsolated { if ws === $0.transport { $0.flush() } }
  }

  package nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { link in
      guard ws === link.transport else { return }
      if code == WebSocketCloseCode.normal { return link.ended(reason.isEmpty ? "it has ended the link" : reason) }
      link.lose(reason.isEmpty ? "the connection ended" : "the connection ended: \(reason)", close: false)
    }
  }
}

func take<Value>(_ value: inout Value, leaving rest: Value) -> Value {
  let taken = value
  value = rest
  return taken
}
