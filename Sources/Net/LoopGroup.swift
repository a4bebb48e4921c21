import Synchronization

/// The loops of a server, handed out in turn.
package struct LoopGroup: Sendable {
  package let loops: [EventLoop]
  private let turn = Turn()

  private final class Turn: Sendable {
    let count = Atomic<Int>(0)
  }

  /// Starts `count` loops (at least one), named `loop-0`, `loop-1` and so on.
  package init(count: Int) throws(NetError) {
    var started: [EventLoop] = []
    for index in 0..<max(1, count) {
      do {
        started.append(try EventLoop(name: "loop-\(index)"))
      } catch {
        for loop in started { loop.stop() }
        throw error
      }
    }
    loops = started
  }

  /// The next loop, round robin. Any thread.
  package func next() -> EventLoop {
    let (index, _) = turn.count.wrappingAdd(1, ordering: .relaxed)
    return loops[Int(UInt(bitPattern: index) % UInt(loops.count))]
  }

  /// Stops every loop; see `EventLoop.stop()`.
  package func stop() {
    for loop in loops { loop.stop() }
  }
}
