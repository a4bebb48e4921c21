import Net
import Synchronization

/// Wakes those on one loop who wait for new events: once for all of them, however many events have come.
///
/// A crowd is served a little at a time, with pauses between: whoever publishes is on the same loops, and must not wait until a thousand
/// followers have been written to. Those who wait longer are given more events at once.
final class Fanout: @unchecked Sendable {
  // Unchecked: all but the loop is touched on the loop only.

  /// Time that followers may take before others on the loop have their turn.
  private static let turn = Duration.microseconds(200)
  /// The pause after a turn: followers take a sixteenth of a loop, and a thousand of them have what is new within about 25 ms.
  private static let pause = Duration.milliseconds(3)

  let loop: EventLoop
  private var waiting: [EventSubscription] = []
  /// Those that were woken and have not been served, from `next` on.
  private var woken: [EventSubscription] = []
  private var next = 0
  private var timer: LoopTimer?
  private var all: [ObjectIdentifier: EventSubscription] = [:]
  /// What a subscription was given last: a crowd that follows the same events stands at the same place, and is given the same.
  private var given: Given?

  struct Given {
    let filter: EventFilter
    let from: UInt64
    let maximumBytes: Int
    let items: [Followed]
    let next: UInt64
  }

  func given(_ filter: EventFilter, from seq: UInt64, maximumBytes: Int) -> Given? {
    guard let given, given.from == seq, given.maximumBytes == maximumBytes, given.filter == filter else { return nil }
    return given
  }

  func note(_ given: Given) { self.given = all.count > 1 ? given : nil }

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
      if next == woken.count {
        woken.removeAll(keepingCapacity: true)
        next = 0
        swap(&woken, &waiting)
      } else {
        woken += waiting
        waiting.removeAll(keepingCapacity: true)
      }
      if timer == nil { serve() }
    }
  }

  private func serve() {
    let end = ContinuousClock.now + Fanout.turn
    while next < woken.count {
      let subscription = woken[next]
      next += 1
      subscription.becameReady()
      if next % 8 == 0, ContinuousClock.now >= end { break }
    }
    if next == woken.count {
      woken.removeAll(keepingCapacity: true)
      next = 0
      return
    }
    timer = loop.schedule(after: Fanout.pause) { [unowned self] in
      timer = nil
      serve()
    }
  }
}
