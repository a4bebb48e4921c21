import Net
import Testing

/// Tests that end a process of their own. They run apart from the others (`make test`): what waits for their ends looks at whatever child of
/// the test process has ended first, and spins on those that are somebody else's to reap.
@Suite("Event loops, to the end")
struct EventLoopExitTests {
  @Test("a call from the wrong thread traps")
  func wrongThread() async {
    await #expect(processExitsWith: .failure) {
      let loop = try EventLoop(name: "test")
      loop.preconditionCurrent()
    }
    await #expect(processExitsWith: .failure) {
      let loop = try EventLoop(name: "test")
      _ = loop.schedule(after: .seconds(1)) {}
    }
  }
}
