import Glibc
import Synchronization
import Sys
import Testing

@testable import Net

private actor Counter {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private(set) var count = 0
  init(_ loop: EventLoop) { self.loop = loop }
  func add() -> Int {
    loop.preconditionCurrent()
    count += 1
    return count
  }
  func addTwice(with other: Counter) async -> Int {
    _ = await other.add()
    loop.preconditionCurrent()
    return add()
  }
}

private actor Worker {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  init(_ loop: EventLoop) { self.loop = loop }
  func work(while goesOn: @Sendable () -> Bool) async {
    while goesOn() { await loop.nextTurn() }
  }
}

/// State that only a loop's thread touches, handed to closures that must be Sendable.
private final class Box<Value>: @unchecked Sendable {
  var value: Value
  init(_ value: Value) { self.value = value }
}

@Suite("Event loop", .timeLimit(.minutes(1)))
struct EventLoopTests {
  /// A loop that is stopped afterwards and must then be gone.
  private func withLoop(_ body: (EventLoop) async throws -> Void) async throws {
    let weak: Weak
    do {
      let loop = try EventLoop(name: "test")
      weak = Weak(loop)
      try await body(loop)
      loop.stop()
    }
    #expect(await weak.goes(), "something still holds the loop")
  }

  @Test("a job that a timer leaves to its loop runs at once, although nothing else happens there")
  func jobsOfTimers() async throws {
    try await withLoop { loop in
      let timer = Box<LoopTimer?>(nil)
      for milliseconds in [0, 1, 5] {
        await withCheckedContinuation { continuation in
          loop.execute {
            timer.value = loop.schedule(after: .milliseconds(milliseconds)) {
              loop.execute { continuation.resume() }
            }
          }
        }
      }
    }
  }

  @Test("a job that a repeating timer or a deadline leaves to its loop does not sleep until the next event")
  func jobsOfLastingTimers() async throws {
    try await withLoop { loop in
      // None is closed before the end: a handle that closes keeps the loop awake.
      let timers = Box<[LoopTimer]>([])
      for milliseconds in [0, 1, 5] {
        await withCheckedContinuation { continuation in
          loop.execute {
            let timer = loop.schedule(after: .milliseconds(milliseconds), every: .seconds(3600)) {
              loop.execute { continuation.resume() }
            }
            timers.value.append(timer)
          }
        }
      }
      let deadlines = Box<[Deadline]>([])
      for milliseconds: UInt64 in [0, 1, 5] {
        await withCheckedContinuation { continuation in
          loop.execute {
            let deadline = Deadline(loop: loop) { loop.execute { continuation.resume() } }
            deadline.set(after: milliseconds)
            deadlines.value.append(deadline)
          }
        }
      }
      await loop.run {
        for timer in timers.value { timer.cancel() }
        for deadline in deadlines.value { deadline.close() }
      }
    }
  }

  @Test("an actor bound to a loop runs on its thread, also after awaiting another on the same loop")
  func isolation() async throws {
    try await withLoop { loop in
      let first = Counter(loop)
      let second = Counter(loop)
      #expect(!loop.isCurrent)
      #expect(await first.add() == 1)
      #expect(await first.addTwice(with: second) == 2)
      #expect(await second.count == 1)
    }
  }

  @Test("a callback of the loop may assume an actor's isolation")
  func assume() async throws {
    try await withLoop { loop in
      let counter = Counter(loop)
      let told = Told<Int>()
      loop.execute { told.tell(counter.assumeIsolated { $0.add() }) }
      #expect(await told.next() == 1)
    }
  }

  @Test("actors of two loops call each other")
  func twoLoops() async throws {
    try await withLoop { one in
      try await withLoop { two in
        let first = Counter(one)
        let second = Counter(two)
        for expected in 1...100 { #expect(await first.addTwice(with: second) == expected) }
      }
    }
  }

  @Test("work from many threads all runs, in each thread's order")
  func execute() async throws {
    try await withLoop { loop in
      let seen = Box([[Int]](repeating: [], count: 4))
      let told = Told<Int>()
      await withTaskGroup(of: Void.self) { group in
        for thread in 0..<4 {
          group.addTask {
            for number in 0..<1000 { loop.execute { seen.value[thread].append(number) } }
            loop.execute { told.tell(thread) }
          }
        }
      }
      var done: Set<Int> = []
      while done.count < 4, let thread = await told.next() { done.insert(thread) }
      let result = await loop.run { seen.value }
      #expect(result.allSatisfy { $0 == Array(0..<1000) })
    }
  }

  @Test("execute never runs inline, even on the loop")
  func neverInline() async throws {
    try await withLoop { loop in
      let told = Told<[String]>()
      loop.execute {
        let order = Box<[String]>([])
        loop.execute {
          order.value.append("later")
          told.tell(order.value)
        }
        order.value.append("first")
      }
      #expect(await told.next() == ["first", "later"])
    }
  }

  @Test("a task that prefers the loop as executor runs on it")
  func taskExecutor() async throws {
    try await withLoop { loop in
      let onLoop = await Task.detached(executorPreference: loop) {
        await Task.yield()
        return loop.isCurrent
      }.value
      #expect(onLoop)
    }
  }

  @Test("run hops to the loop and passes errors on")
  func run() async throws {
    try await withLoop { loop in
      #expect(await loop.run { loop.isCurrent })
      await #expect(throws: NetError.self) {
        try await loop.run { () throws(NetError) in throw NetError(.closed, "thrown there") }
      }
    }
  }

  @Test("timers fire, repeat until cancelled, and end with their last reference")
  func timers() async throws {
    try await withLoop { loop in
      let told = Told<String>()
      let kept = Box<[LoopTimer]>([])
      loop.execute {
        _ = loop.schedule(after: .milliseconds(1)) { told.tell("dropped") }
        var beats = 0
        kept.value.append(
          loop.schedule(after: .milliseconds(1), every: .milliseconds(1)) {
            beats += 1
            told.tell("beat \(beats)")
            if beats == 3 {
              kept.value[0].cancel()
              kept.value.append(loop.schedule(after: .milliseconds(20)) { told.tell("once") })
            }
          })
      }
      for expected in ["beat 1", "beat 2", "beat 3", "once"] { #expect(await told.next() == expected) }
      await loop.run { kept.value = [] }
    }
  }

  @Test("a timer never fires early")
  func notEarly() async throws {
    try await withLoop { loop in
      let told = Told<Duration>()
      let kept = Box<LoopTimer?>(nil)
      loop.execute {
        let start = ContinuousClock.now
        kept.value = loop.schedule(after: .microseconds(2500)) { told.tell(ContinuousClock.now - start) }
      }
      let waited = try #require(await told.next())
      #expect(waited >= .microseconds(2000))  // libuv counts whole milliseconds of a coarse clock
      await loop.run { kept.value = nil }
    }
  }

  @Test("a timer may be dropped on another thread")
  func dropElsewhere() async throws {
    try await withLoop { loop in
      for _ in 0..<100 {
        let box = await loop.run { Box<LoopTimer?>(loop.schedule(after: .milliseconds(1)) {}) }
        box.value = nil
      }
    }
  }

  @Test("a pipe is watched: readable, paused, and its hang-up")
  func watch() async throws {
    try await withLoop { loop in
      // Closed in the programs that other tests start meanwhile, or it would have another end there.
      let pipe = try makePipe()
      let ends = [pipe.read, pipe.write]
      let (reading, writing) = (ends[0], ends[1])
      let told = Told<String>()
      let kept = Box<DescriptorWatch?>(nil)
      try await loop.run { () throws(NetError) in
        kept.value = try loop.watch(reading, .readable) { ready in
          guard ready.contains(.readable) else { return }
          var bytes = [UInt8](repeating: 0, count: 16)
          let count = read(reading, &bytes, bytes.count)
          if count > 0 {
            told.tell("read \(String(decoding: bytes[..<count], as: UTF8.self))")
          } else {
            kept.value?.cancel()
            told.tell("end")
          }
        }
      }
      _ = write(writing, "one", 3)
      #expect(await told.next() == "read one")
      await loop.run { kept.value?.interest = [] }
      _ = write(writing, "two", 3)
      await loop.run { told.tell("paused") }
      #expect(await told.next() == "paused")
      await loop.run { kept.value?.interest = .readable }
      #expect(await told.next() == "read two")
      close(writing)
      #expect(await told.next() == "end")
      await loop.run { kept.value = nil }
      close(reading)
    }
  }

  @Test("a pipe nobody reads any more is reported, once")
  func brokenPipe() async throws {
    ignoreBrokenPipe()
    try await withLoop { loop in
      let pipe = try makePipe()
      let ends = [pipe.read, pipe.write]
      let writing = ends[1]
      close(ends[0])
      let told = Told<Readiness>()
      let kept = Box<DescriptorWatch?>(nil)
      try await loop.run { () throws(NetError) in
        kept.value = try loop.watch(writing, .writable) { told.tell($0) }
      }
      let ready = try #require(await told.next())
      #expect(ready.contains(.writable))
      await loop.run { kept.value = nil }
      close(writing)
    }
  }

  @Test("a closed descriptor and a regular file cannot be watched")
  func unwatchable() async throws {
    try await withLoop { loop in
      let file = open("/proc/self/exe", O_RDONLY)
      defer { close(file) }
      await #expect(throws: NetError.self) {
        try await loop.run { () throws(NetError) in _ = try loop.watch(file, .readable) { _ in } }
      }
      await #expect(throws: NetError.self) {
        try await loop.run { () throws(NetError) in _ = try loop.watch(-1, .readable) { _ in } }
      }
    }
  }

  @Test("a signal is heard on the loop")
  func signals() async throws {
    try await withLoop { loop in
      let told = Told<Bool>()
      let kept = Box<SignalWatch?>(nil)
      try await loop.run { () throws(NetError) in
        kept.value = try loop.onSignal(SIGWINCH) { told.tell(loop.isCurrent) }
      }
      kill(getpid(), SIGWINCH)
      #expect(await told.next() == true)
      await loop.run { kept.value = nil }
      await #expect(throws: NetError.self) {
        try await loop.run { () throws(NetError) in _ = try loop.onSignal(SIGKILL) {} }
      }
    }
  }

  @Test("a flood of jobs does not keep I/O and timers from being seen")
  func budget() async throws {
    try await withLoop { loop in
      let pipe = try makePipe()
      let ends = [pipe.read, pipe.write]
      let reading = ends[0]
      let told = Told<String>()
      let isFlooding = Box(true)
      let kept = Box<(DescriptorWatch?, LoopTimer?)>((nil, nil))
      @Sendable func flood() { if isFlooding.value { loop.execute { flood() } } }
      loop.execute {
        for _ in 0..<1000 { flood() }
        kept.value.0 = try? loop.watch(reading, .readable) { _ in
          kept.value.0?.cancel()
          told.tell("input")
          kept.value.1 = loop.schedule(after: .milliseconds(1)) {
            isFlooding.value = false
            told.tell("timer")
          }
        }
      }
      _ = write(ends[1], "x", 1)
      #expect(await told.next() == "input")
      #expect(await told.next() == "timer")
      await loop.run { kept.value = (nil, nil) }
      close(ends[0])
      close(ends[1])
    }
  }

  @Test("long work that lets others have their turn does not starve I/O")
  func nextTurn() async throws {
    try await withLoop { loop in
      let pipe = try makePipe()
      let ends = [pipe.read, pipe.write]
      let reading = ends[0]
      let seen = Box(false)
      let kept = Box<DescriptorWatch?>(nil)
      try await loop.run { () throws(NetError) in
        kept.value = try loop.watch(reading, .readable) { _ in
          kept.value?.cancel()
          seen.value = true
        }
      }
      let worker = Worker(loop)
      _ = write(ends[1], "x", 1)
      await worker.work { !seen.value }
      await loop.run { kept.value = nil }
      close(ends[0])
      close(ends[1])
    }
  }

  @Test("stop closes timers and watches that are still held, and drops later work")
  func stopClosesEverything() async throws {
    let weak: Weak
    do {
      let loop = try EventLoop(name: "test")
      weak = Weak(loop)
      let pipe = try makePipe()
      let ends = [pipe.read, pipe.write]
      let reading = ends[0]
      let kept = Box<[AnyObject]>([])
      try await loop.run { () throws(NetError) in
        kept.value.append(loop.schedule(after: .seconds(3600)) {})
        kept.value.append(try loop.watch(reading, .readable) { _ in })
        kept.value.append(try loop.onSignal(SIGWINCH) {})
      }
      loop.stop()
      loop.stop()
      loop.execute { Issue.record("work ran on a stopped loop") }
      kept.value = []
      close(ends[0])
      close(ends[1])
    }
    #expect(await weak.goes())
  }

  @Test("work queued before stop still runs")
  func stopDrains() async throws {
    let loop = try EventLoop(name: "test")
    let ran = Atomic<Int>(0)
    let counter = Told<Void>()
    for _ in 0..<5000 { loop.execute { counter.tell(()) } }
    loop.stop()
    counter.finish()
    while await counter.next() != nil { ran.add(1, ordering: .relaxed) }
    #expect(ran.load(ordering: .relaxed) == 5000)
  }

  @Test("stop ends although a job goes on leaving timers to the loop")
  func stopDespiteJobs() async throws {
    let loop = try EventLoop(name: "test")
    let kept = Box<[LoopTimer]>([])
    @Sendable func again() {
      kept.value.append(loop.schedule(after: .seconds(3600)) {})
      loop.later(again)
    }
    loop.execute(again)
    loop.stop()
    kept.value = []
  }

  @Test("a loop may be stopped from its own thread")
  func stopFromWithin() async throws {
    let loop = try EventLoop(name: "test")
    let told = Told<String>()
    loop.execute {
      loop.stop()
      told.tell("stopping")
    }
    #expect(await told.next() == "stopping")
    loop.stop()
  }

  @Test("a group hands its loops out in turn")
  func group() throws {
    let group = try LoopGroup(count: 3)
    #expect(group.loops.count == 3)
    let given = (0..<6).map { _ in ObjectIdentifier(group.next()) }
    #expect(given == (group.loops + group.loops).map(ObjectIdentifier.init))
    group.stop()
  }
}
