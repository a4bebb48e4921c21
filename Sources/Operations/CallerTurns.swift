import Net
import Synchronization

/// How many calls that only look a caller has under way at once: what he asks for beyond that waits, and others on the loop have their turn
/// before each of them. A thousand pipelined requests of one token would else be done before anybody else's next one was read.
///
/// Not for what waits for something by itself: it takes no time while it does, and its number is bounded by a ``Share``.
final class CallerTurns: Sendable {
  /// Calls of one caller at a time.
  static let each = 4

  private struct Line: Sendable {
    var running = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
    /// The first that waits.
    var next = 0

    mutating func takeNext() -> CheckedContinuation<Void, Never>? {
      guard next < waiting.count else { return nil }
      defer {
        next += 1
        if next == waiting.count { (waiting, next) = ([], 0) }
      }
      return waiting[next]
    }
  }

  private let lines = Mutex<[String: Line]>([:])

  /// Waits for a place, which ``leave(_:)`` must give back. Without a wait where there is one.
  func enter(_ holder: String, isolation: isolated (any Actor)? = #isolation) async {
    let isIn = lines.withLock { lines in
      guard lines[holder, default: Line()].running < CallerTurns.each else { return false }
      lines[holder, default: Line()].running += 1
      return true
    }
    if isIn { return }
    await withCheckedContinuation { continuation in
      // Looked at once more: a place may have been given back meanwhile.
      let isIn = lines.withLock { lines in
        var line = lines[holder] ?? Line()
        let isFree = line.running < CallerTurns.each
        if isFree { line.running += 1 } else { line.waiting.append(continuation) }
        lines[holder] = line
        return isFree
      }
      if isIn { continuation.resume() }
    }
    await EventLoop.current?.nextTurn()
  }

  /// Gives a place to whoever waits for one.
  func leave(_ holder: String) {
    let next = lines.withLock { lines -> CheckedContinuation<Void, Never>? in
      guard var line = lines[holder] else { return nil }
      let next = line.takeNext()
      if next == nil { line.running -= 1 }
      lines[holder] = line.running == 0 ? nil : line
      return next
    }
    next?.resume()
  }
}
