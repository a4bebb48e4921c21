import Net
import Synchronization

/// Wakes those on one loop who wait for new events: once for all of them, however many events have come.
final class Fanout: @unchecked Sendable {
  // Unchecked: all but the loop is touched on the loop only.

  let loop: EventLoop
  private var waiting: [EventSubscription] = []
  private(set) var count = 0

  init(loop: EventLoop) { self.loop = loop }

  /// On the loop.
  func wait(_ subscription: EventSubscription) {
    loop.preconditionCurrent()
    waiting.append(subscription)
  }

  func joined() { count += 1 }
  func left(_ subscription: EventSubscription) {
    count -= 1
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
