import Net
import Synchronization

/// Wakes those on one loop who wait for new events: once for all of them, however many events have come.
final class Fanout: @unchecked Sendable {
  // Unchecked: all but the loop is touched on the loop only.

  let loop: EventLoop
  private var waiting: [EventSubscription] = []
  private var all: [ObjectIdentifier: EventSubscription] = [:]

  init(loop: EventLoop) { self.loop = loop }

  /// On the loop.
  func wait(_ subscription: EventSubscription) {
    loop.preconditionCurrent()
    waiting.append(subscription)
  }

  /// The smallest number that a subscription here waits for or has yet to read; `nil` when there is none.
  var furthestBehind: UInt64? { all.values.map(\.position).min() }

  func joined(_ subscription: EventSubscription) { all[ObjectIdentifier(subscription)] = subscription }

  func left(_ subscription: EventSubscription) {
    all[ObjectIdentifier(subscription)] = nil
    waiting.removeAll { $0 === subscription }
  }

  /// From any thread: there is something new.
  func wake() {
    loop.execute { [self] in
      let all = waiting
      waiting.removeAll(keepingCapacity: true)
      for subscription in all { subscription.becameReady() }
    }
  }
}
