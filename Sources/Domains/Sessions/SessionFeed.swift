import Net
import Operations
import Sessions

/// Where the events of a feed go. Called on the session's loop.
protocol FeedSink: AnyObject, Sendable {
  /// Sends these on. When the socket has taken them, ``SessionFeed/taken(_:)`` is to be told how many bytes they were.
  func deliver(_ events: [[UInt8]], from feed: SessionFeed)
  /// The holder may no longer see the session: it was renamed or lost the tag that gave access. Nothing more comes.
  func accessEnded(_ feed: SessionFeed)
}

/// Follows one session for one subscriber, on the session's loop.
///
/// A subscriber that does not read costs at most ``SessionFeed/maximumOutstanding`` bytes: after that nothing is sent to it, and when it has caught
/// up it gets one `sync` of how the screen is by then.
actor SessionFeed: SessionObserver {
  nonisolated let session: Session
  nonisolated var unownedExecutor: UnownedSerialExecutor { session.unownedExecutor }

  /// Bytes that may be on their way to a subscriber: a hundred full screens.
  static let maximumOutstanding = 1 << 20

  private let access: Access
  private let sink: any FeedSink
  private var events: ScreenEvents
  private var observer: ObserverID?
  private var outstanding = 0
  private var isBehind = false
  /// The first picture has been sent; nothing else comes before it.
  private var hasBegun = false

  init(_ session: Session, _ subscription: ScreenSubscription, access: Access, namesSession: Bool, sink: any FeedSink) {
    self.session = session
    self.access = access
    self.sink = sink
    events = ScreenEvents(subscription, namesSession: namesSession)
  }

  /// Shows the screen as it is and follows it from there. A picture that is being painted is shown once it is whole.
  func start() {
    guard observer == nil else { return }
    let subscription = events.subscription
    observer = session.assumeIsolated {
      $0.addObserver(self, interval: subscription.interval, idleAfter: subscription.idleAfter)
    }
    session.assumeIsolated { session in
      session.onceWhole { [weak self] in self?.assumeIsolated { $0.begin() } }
    }
  }

  private func begin() {
    guard observer != nil else { return }
    hasBegun = true
    synchronize()
  }

  func stop() {
    guard let observer else { return }
    self.observer = nil
    session.assumeIsolated { $0.removeObserver(observer) }
  }

  /// The socket took this many bytes of what was delivered.
  func taken(_ bytes: Int) {
    outstanding -= bytes
    if isBehind, outstanding <= 0, observer != nil { synchronize() }
  }

  /// Sends what has changed and was not sent yet.
  func flush() {
    guard isFollowing() else { return }
    deliver { (events, session) in
      // The session tells of activity only once its own watch has seen the silence; the first picture may have told of it before.
      let running =
        events.subscription.idleAfter.map(session.isIdle) == false ? events.activity(session, isIdle: false) : nil
      return (running.map { [$0] } ?? []) + events.changes(session)
    }
  }

  // MARK: What the session tells

  func sessionChanged(_ session: isolated Session) { assumeIsolated { $0.flush() } }

  func sessionIdle(_ session: isolated Session) { assumeIsolated { $0.activityChanged(isIdle: true) } }

  func sessionActive(_ session: isolated Session) { assumeIsolated { $0.activityChanged(isIdle: false) } }

  func sessionEnded(_ session: isolated Session) { assumeIsolated { $0.flush() } }

  private func activityChanged(isIdle: Bool) {
    guard isFollowing() else { return }
    deliver { (events, session) in
      let activity = events.activity(session, isIdle: isIdle).map { [$0] } ?? []
      // What was still to be shown comes before the word that it is over.
      return isIdle ? events.changes(session) + activity : activity
    }
  }

  private func synchronize() {
    guard isAllowed() else { return }
    isBehind = false
    deliver { (events, session) in
      var messages = [events.sync(session)]
      events.forgetActivity()
      if let idleAfter = events.subscription.idleAfter,
        let activity = events.activity(session, isIdle: session.isIdle(for: idleAfter))
      {
        messages.append(activity)
      }
      return messages
    }
  }

  /// Whether events may be sent now. Notes when one has to be left out.
  private func isFollowing() -> Bool {
    guard observer != nil, hasBegun, isAllowed() else { return false }
    if outstanding > SessionFeed.maximumOutstanding { isBehind = true }
    return !isBehind
  }

  private func isAllowed() -> Bool {
    let access = access
    if access.sessions == nil, access.tags == nil { return true }
    if session.assumeIsolated({ access.covers(name: $0.name.text, tags: $0.tags) }) { return true }
    stop()
    sink.accessEnded(self)
    return false
  }

  private func deliver(_ make: @Sendable (inout ScreenEvents, isolated Session) -> [[UInt8]]) {
    // Out of the actor and back: the closure runs as the session, on the same loop.
    var events = events
    let messages = session.assumeIsolated { make(&events, $0) }
    self.events = events
    guard !messages.isEmpty else { return }
    outstanding += messages.reduce(0) { $0 + $1.count }
    sink.deliver(messages, from: self)
  }
}
