extension EventLoop {
  /// Calls `body` on the loop after that long, once. From any thread; nobody needs to keep anything, and nobody can call it off.
  package func fire(after delay: Duration, _ body: @escaping @Sendable () -> Void) {
    let start: @Sendable () -> Void = { [self] in
      var timer: LoopTimer?
      timer = schedule(after: delay) {
        // It keeps itself until here.
        withExtendedLifetime(timer) {}
        timer = nil
        body()
      }
    }
    if isCurrent { start() } else { execute(start) }
  }
}
