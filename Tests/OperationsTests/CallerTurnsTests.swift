import Net
import Synchronization
import Testing

@testable import Operations

private final class Seen: Sendable {
  let state = Mutex<(running: Int, most: Int, done: [Int])>((0, 0, []))
}

@Suite("Turns of a caller's calls")
struct CallerTurnsTests {
  @Test("four are under way at a time, in their order, all get theirs, and another caller waits for none of them")
  func order() async throws {
    let turns = CallerTurns()
    let loops = try LoopGroup(count: 1)
    let loop = loops.loops[0]
    let seen = Seen()
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<100 {
        group.addTask(executorPreference: loop) {
          await turns.enter("greedy")
          seen.state.withLock {
            $0.running += 1
            $0.most = max($0.most, $0.running)
          }
          await loop.nextTurn()
          seen.state.withLock {
            $0.running -= 1
            $0.done.append(number)
          }
          turns.leave("greedy")
        }
      }
      group.addTask(executorPreference: loop) {
        for _ in 0..<CallerTurns.each { await turns.enter("another") }
        for _ in 0..<CallerTurns.each { turns.leave("another") }
      }
    }
    let result = seen.state.withLock { $0 }
    #expect(result.most == CallerTurns.each)
    #expect(result.done.sorted() == Array(0..<100))
    // Nothing is left over: whoever comes next has a place at once.
    for _ in 0..<CallerTurns.each { await turns.enter("greedy") }
    loops.stop()
  }
}
