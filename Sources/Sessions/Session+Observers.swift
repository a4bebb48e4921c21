import Net
import TerminalEngine

package struct ObserverID: Hashable, Sendable { let number: Int }

/// Somebody who follows a session's screen as a model rather than as bytes. Every call comes on the session's loop, with the session
/// in hand, so that what is wanted can be read without waiting.
package protocol SessionObserver: AnyObject, Sendable {
  /// Something visible changed since the last call; calls are coalesced by the observer's interval.
  func sessionChanged(_ session: isolated Session)
  /// Nothing happened for the observer's idle time.
  func sessionIdle(_ session: isolated Session)
  /// The first activity after that.
  func sessionActive(_ session: isolated Session)
  /// The program ended, or the session was removed. No call follows.
  func sessionEnded(_ session: isolated Session)
}

/// One observer and what it has been told.
final class Observer {
  let object: any SessionObserver
  let client: ClientInfo?
  let interval: Duration
  let idleAfter: Duration?
  var lastTold: ContinuousClock.Instant?
  var pending: LoopTimer?
  var idleTimer: LoopTimer?
  var isIdle = false

  init(_ object: any SessionObserver, client: ClientInfo?, interval: Duration, idleAfter: Duration?) {
    self.object = object
    self.client = client
    self.interval = interval
    self.idleAfter = idleAfter
  }

  func cancel() {
    pending?.cancel()
    idleTimer?.cancel()
  }
}

extension Session {
  /// Follows the session. `interval` is the least time between two ``SessionObserver/sessionChanged(_:)``; `client` makes it count as a
  /// client. Whoever adds observers bounds their number, by the sockets that they stand for.
  package func addObserver(
    _ object: any SessionObserver, client: ClientInfo? = nil, interval: Duration, idleAfter: Duration?
  ) -> ObserverID {
    let id = ObserverID(number: ticket())
    let observer = Observer(object, client: client, interval: interval, idleAfter: idleAfter)
    observers[id] = observer
    if let client { announceAttached(id.number, client) }
    if exit == nil { watchForIdle(id, observer) }
    return id
  }

  package func removeObserver(_ id: ObserverID) {
    observers.removeValue(forKey: id)?.cancel()
    announceDetached(id.number, .left)
  }

  /// Whether nothing has happened for that long.
  package func isIdle(for time: Duration) -> Bool { activity.quiet() >= time }

  func outputReachedObservers() {
    for (id, observer) in observers {
      if observer.isIdle {
        observer.isIdle = false
        observer.object.sessionActive(self)
        watchForIdle(id, observer)
      }
      tell(id, observer)
    }
  }

  private func tell(_ id: ObserverID, _ observer: Observer) {
    guard observer.pending == nil else { return }
    var delay = Duration.zero
    if let last = observer.lastTold { delay = observer.interval - last.duration(to: .now) }
    // A picture that is being painted is shown when it is whole.
    if terminal.isSynchronized, updateTimer != nil { delay = max(delay, .milliseconds(5)) }
    if delay <= .zero {
      observer.lastTold = .now
      observer.object.sessionChanged(self)
      return
    }
    observer.pending = loop.schedule(after: delay) { [weak self] in
      self?.assumeIsolated { session in
        guard let observer = session.observers[id] else { return }
        observer.pending = nil
        session.tell(id, observer)
      }
    }
  }

  /// One timer an observer: when it fires early it is set again for the rest, so output never touches it.
  private func watchForIdle(_ id: ObserverID, _ observer: Observer) {
    guard let idleAfter = observer.idleAfter else { return }
    let rest = max(idleAfter - activity.quiet(), .milliseconds(1))
    observer.idleTimer = loop.schedule(after: rest) { [weak self] in
      self?.assumeIsolated { session in
        guard let observer = session.observers[id], session.exit == nil else { return }
        if session.isIdle(for: idleAfter) {
          observer.isIdle = true
          observer.object.sessionIdle(session)
        } else {
          session.watchForIdle(id, observer)
        }
      }
    }
  }

  func endObservers() {
    let leaving = observers.values
    observers = [:]
    for observer in leaving {
      observer.cancel()
      observer.object.sessionChanged(self)
      observer.object.sessionEnded(self)
    }
  }
}
