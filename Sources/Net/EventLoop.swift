import CUV
import Glibc
import Synchronization
import Sys

/// One thread that polls (libuv), and the serial executor of every actor bound to it.
///
/// An actor is bound with
/// `nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }`.
/// Callbacks of timers, watches and sockets run on the loop's thread, outside any task: use `assumeIsolated` there.
package final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
  // Unchecked because the fields below the line are touched by the loop's thread alone (`isCurrent` is checked at the
  // entries that could be called from elsewhere); the others are atomic, behind a mutex, or constant.

  /// How many jobs run between two polls. Large enough that polling costs little per job (a poll is about 1 µs, a job
  /// 0.1–1 µs), small enough that a flood of jobs delays I/O by well under a millisecond.
  private static let jobsPerTurn = 256
  /// Turns that `stop()` grants for closing callbacks and their consequences before it gives up on late jobs.
  private static let stopTurns = 1000
  /// One read of a socket takes at most this much; the buffer is shared by all sockets of the loop.
  static let readBufferBytes = 64 * 1024

  package let name: String
  let uv: UnsafeMutablePointer<uv_loop_t>
  let readBuffer: UnsafeMutableRawBufferPointer
  private let wake: LoopWake?
  private let inbox = Mutex(Inbox())
  private let threadID = Atomic<UInt>(0)
  private let joined = Mutex(false)
  private let thread: pthread_t

  // ---- only on the loop's thread ----
  private var current: [Work] = []
  private var next = 0
  private var incoming: [Work] = []
  private var afterPoll: [Work] = []
  /// Whether libuv is calling back.
  private var isPolling = false
  /// Those who have had the loop for a while, and wait.
  let turns = LoopTurns()
  /// When the round began: what libuv calls back, and the jobs that follow. Zero until somebody asks, for as long as nobody waits for a turn.
  private var roundBegan: UInt64 = 0
  /// Reused for response heads and the like. Borrow, never keep.
  var scratch: [UInt8] = []
  var date = HTTPDate()
  /// What TLS sockets of the loop hand to their owners, in the way of `readBuffer`; made when there is one.
  private(set) lazy var plainBuffer: UnsafeMutableRawBufferPointer = {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: EventLoop.readBufferBytes, alignment: 16)
    plainBufferToFree = buffer
    return buffer
  }()
  private var plainBufferToFree: UnsafeMutableRawBufferPointer?
  private var drained: DrainedInput?
  /// Made when there is something to drain.
  var drainedInput: DrainedInput {
    if let drained { return drained }
    let made = DrainedInput(loop: self)
    drained = made
    return made
  }
  /// The actor whose isolation stands for "on this loop"; tasks of connections run in it.
  nonisolated(unsafe) private(set) var isolation: LoopIsolation!

  private enum Work: @unchecked Sendable {
    // Unchecked for `local`, which is made and run on the loop's thread only.
    case job(UnownedJob)
    case closure(@Sendable () -> Void)
    case local(() -> Void)
  }

  private struct Inbox {
    var work: [Work] = []
    var isStopping = false
    var isClosed = false
  }

  /// Starts the loop's thread. Errors: `.exhausted` when the system has no descriptor or thread left.
  package init(name: String) throws(NetError) {
    self.name = name
    uv = .allocate(capacity: 1)
    readBuffer = .allocate(byteCount: EventLoop.readBufferBytes, alignment: 16)
    var status = uv_loop_init(uv)
    wake = status == 0 ? LoopWake(uv) : nil
    if status == 0, wake == nil {
      status = UV_EMFILE.rawValue
      uv_loop_close(uv)
    }
    guard status == 0 else {
      uv.deallocate()
      readBuffer.deallocate()
      thread = 0
      throw NetError(uv: status, "event loop")
    }

    // The thread waits for `start`, so that every field is set before it runs.
    let start = ThreadStart()
    var created = pthread_t()
    let failure = pthread_create(
      &created, nil,
      { argument in
        guard let argument else { return nil }
        let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
        start.waitForLoop().run()
        return nil
      }, Unmanaged.passRetained(start).toOpaque())
    guard failure == 0 else {
      Unmanaged.passUnretained(start).release()
      wake?.close()
      uv_run(uv, UV_RUN_DEFAULT)
      uv_loop_close(uv)
      uv.deallocate()
      readBuffer.deallocate()
      thread = 0
      throw NetError(errno: failure, "thread")
    }
    thread = created
    threadID.store(UInt(created), ordering: .releasing)
    EventLoop.running.withLock { $0[UInt(created)] = self }
    isolation = LoopIsolation(self)
    start.begin(self)
  }

  deinit {
    plainBufferToFree?.deallocate()
    // Reached only after the thread has ended (it holds a reference), or when init threw, which frees the memory itself.
    if thread != 0 {
      uv.deallocate()
      wake?.free()
      readBuffer.deallocate()
    }
  }

  // MARK: Executor

  package func enqueue(_ job: consuming ExecutorJob) {
    submit(.job(UnownedJob(job)))
  }

  package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    UnownedSerialExecutor(ordinary: self)
  }

  package func checkIsolated() {
    preconditionCurrent()
  }

  package func isIsolatingCurrentContext() -> Bool? {
    isCurrent
  }

  private static let running = Mutex<[UInt: EventLoop]>([:])

  /// The loop on whose thread the caller is, if it is on one.
  package static var current: EventLoop? {
    let thread = UInt(pthread_self())
    return running.withLock { $0[thread] }
  }

  /// Is the caller on this loop's thread?
  package var isCurrent: Bool {
    UInt(pthread_self()) == threadID.load(ordering: .relaxed)
  }

  /// Traps when called off the loop, in release builds too.
  package func preconditionCurrent() {
    precondition(isCurrent, "called off its event loop")
  }

  /// Runs `work` on the loop: any thread may call, never inline, in order with jobs from the same thread.
  /// Work handed to a stopped loop is dropped.
  package func execute(_ work: @escaping @Sendable () -> Void) {
    submit(.closure(work))
  }

  /// Like `execute` for callers already on the loop, whose closures need not be Sendable.
  package func later(_ work: @escaping () -> Void) {
    preconditionCurrent()
    leave(.local(work))
  }

  /// Suspends until the loop has polled once more: I/O, timers and waiting jobs have their turn first. Long work on a loop
  /// calls this now and then. (`Task.yield()` goes through the global pool, which is slow and may be busy.)
  package func nextTurn() async {
    await isolation.nextTurn()
  }

  /// Like `later`, but not before the loop has polled once more.
  func afterPoll(_ work: @escaping () -> Void) {
    preconditionCurrent()
    afterPoll.append(.local(work))
  }

  fileprivate func resumeAfterPoll(_ continuation: CheckedContinuation<Void, Never>) {
    afterPoll.append(.local { continuation.resume() })
  }

  private func submit(_ work: Work) {
    if isCurrent { return leave(work) }
    let isFirst = inbox.withLock { box in
      guard !box.isClosed else { return false }
      box.work.append(work)
      return box.work.count == 1
    }
    // Not under the lock, which is the first thing that the woken thread wants. The wake's descriptors live as long as this loop does.
    if isFirst { wake?.send() }
  }

  /// Leaves work for after the poll. libuv runs timers before it polls too: what they leave must not sleep until the next event.
  private func leave(_ work: Work) {
    incoming.append(work)
    // Cheap (it sets a flag): the turn goes on, but does not wait in its poll.
    if isPolling { uv_stop(uv) }
  }

  // MARK: Timers, descriptors, signals

  /// Calls `fire` after a delay (rounded up to whole milliseconds), then every `every` if given. On the loop only.
  /// Ends with `cancel()` or with the last reference to the returned timer.
  package func schedule(after: Duration, every: Duration? = nil, _ fire: @escaping () -> Void) -> LoopTimer {
    LoopTimer(loop: self, after: after, every: every, fire)
  }

  /// Level-triggered readiness of a descriptor that the caller owns and closes (after `cancel()`). On the loop only.
  /// The descriptor is set non-blocking; one watch per descriptor and loop. Regular files cannot be watched.
  package func watch(
    _ fd: CInt, _ interest: Readiness, _ ready: @escaping (Readiness) -> Void
  ) throws(NetError) -> DescriptorWatch {
    try DescriptorWatch(loop: self, fd: fd, interest: interest, ready)
  }

  /// Calls `fire` on the loop whenever the process receives the signal. On the loop only.
  package func onSignal(_ number: CInt, _ fire: @escaping () -> Void) throws(NetError) -> SignalWatch {
    try SignalWatch(loop: self, number: number, fire)
  }

  /// Milliseconds of the loop's clock, read once per turn: cheap, monotonic, coarse.
  var milliseconds: UInt64 { uv_now(uv) }

  // MARK: The thread

  /// Ends the thread after closing every handle (sockets, timers, watches), and joins it unless called on the loop
  /// itself. Pending jobs run first, as far as a bounded number of turns allows. Safe to call twice. A task that waits for
  /// something on a stopped loop waits for ever: end what uses the loop before the loop.
  package func stop() {
    inbox.withLock { box in
      guard !box.isClosed else { return }
      box.isStopping = true
      wake?.send()
    }
    if isCurrent { return }
    joined.withLock { joined in
      if !joined {
        pthread_join(thread, nil)
        joined = true
      }
    }
  }

  private func run() {
    nameThread(name)
    preferShortTurns()
    while !inbox.withLock({ $0.isStopping }) {
      let more = runJobs()
      beginRound()
      isPolling = true
      uv_run(uv, more || !afterPoll.isEmpty || !incoming.isEmpty || !turns.isEmpty ? UV_RUN_NOWAIT : UV_RUN_ONCE)
      isPolling = false
      takeAfterPoll()
    }
    closeEverything()
  }

  private func beginRound() {
    guard !turns.isEmpty else {
      roundBegan = 0
      return
    }
    let now = Clock.monotonic
    let time = roundBegan == 0 ? 0 : now &- roundBegan
    roundBegan = now
    turns.letIn(after: time)
    // Where nobody waits any more the loop may sleep in its poll, which is no part of a round.
    if turns.isEmpty { roundBegan = 0 }
  }

  /// Whether the round has lasted so long that whoever has more for the loop should wait for another turn.
  var isRoundLong: Bool {
    let now = Clock.monotonic
    if roundBegan == 0 { roundBegan = now }
    return now &- roundBegan > LoopTurns.longestRound
  }

  private func takeAfterPoll() {
    guard !afterPoll.isEmpty else { return }
    incoming.append(contentsOf: afterPoll)
    afterPoll.removeAll(keepingCapacity: true)
  }

  /// Runs up to one turn's budget of jobs. True when some are left.
  private func runJobs() -> Bool {
    inbox.withLock { box in
      guard !box.work.isEmpty else { return }
      if incoming.isEmpty {
        swap(&incoming, &box.work)
      } else {
        incoming.append(contentsOf: box.work)
        box.work.removeAll(keepingCapacity: true)
      }
    }
    let serial = asUnownedSerialExecutor()
    let tasks = asUnownedTaskExecutor()
    for _ in 0..<EventLoop.jobsPerTurn {
      if next == current.count {
        if incoming.isEmpty { break }
        current.removeAll(keepingCapacity: true)
        next = 0
        swap(&current, &incoming)
      }
      let work = current[next]
      next += 1
      switch work {
      case .job(let job): job.runSynchronously(isolatedTo: serial, taskExecutor: tasks)
      case .closure(let closure): closure()
      case .local(let closure): closure()
      }
    }
    if next == current.count, next > 0 {
      // Let go of what the closures hold before the poll sleeps.
      current.removeAll(keepingCapacity: current.capacity <= 4 * EventLoop.jobsPerTurn)
      next = 0
    }
    return next < current.count || !incoming.isEmpty
  }

  private func closeEverything() {
    for _ in 0..<EventLoop.stopTurns {
      // In this order: what a job has opened is seen before the loop is taken for empty.
      let more = runJobs() || !afterPoll.isEmpty
      let wereOpen = closeHandles()
      if !wereOpen && !more { break }
      uv_run(uv, UV_RUN_NOWAIT)
      takeAfterPoll()
    }
    inbox.withLock { box in
      box.isClosed = true
      box.work = []
    }
    current = []
    incoming = []
    afterPoll = []
    turns.drop()
    next = 0
    drained = nil
    wake?.close()
    while uv_loop_close(uv) == UV_EBUSY.rawValue {
      // A handle that the last job has opened would be waited for as long as it lasts.
      closeHandles()
      uv_run(uv, UV_RUN_ONCE)
    }
    EventLoop.running.withLock { $0[threadID.load(ordering: .relaxed)] = nil }
    threadID.store(0, ordering: .relaxed)  // the system may give the number to another thread
  }

  /// Has every handle close but the one that wakes the loop.
  /// - Returns: Whether there was one, be it closing already.
  @discardableResult
  private func closeHandles() -> Bool {
    var open = OpenHandles(except: wake?.raw)
    withUnsafeMutablePointer(to: &open) { open in
      uv_walk(
        uv,
        { handle, argument in
          guard let handle, let argument else { return }
          let open = argument.assumingMemoryBound(to: OpenHandles.self)
          guard UnsafeMutableRawPointer(handle) != open.pointee.except else { return }
          open.pointee.any = true
          if uv_is_closing(handle) == 0 { LoopHandle.of(handle.pointee.data)?.loopStops() }
        }, open)
    }
    return open.any
  }

  private struct OpenHandles {
    let except: UnsafeMutableRawPointer?
    var any = false
    init(except: UnsafeMutableRawPointer?) { self.except = except }
  }
}

/// Hands the loop to its thread once the loop is fully initialised.
private final class ThreadStart: @unchecked Sendable {
  // Guarded by the semaphore: written before the post, read after the wait.
  private var semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
  private var loop: EventLoop?

  init() { sem_init(semaphore, 0, 0) }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  func begin(_ loop: EventLoop) {
    self.loop = loop
    sem_post(semaphore)
  }

  func waitForLoop() -> EventLoop {
    while sem_wait(semaphore) != 0 {}
    guard let loop else { fatalError("the loop's thread was started without a loop") }
    self.loop = nil
    return loop
  }
}

/// Isolation that means "on this loop", for tasks that belong to no actor in particular.
actor LoopIsolation {
  // Unowned: the loop holds this actor for as long as it lives.
  nonisolated unowned let loop: EventLoop

  init(_ loop: EventLoop) { self.loop = loop }

  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  fileprivate func nextTurn() async {
    await withCheckedContinuation { loop.resumeAfterPoll($0) }
  }

  /// Hops to the loop and runs `body` there.
  func run<Result: Sendable, Failure: Error>(
    _ body: @Sendable () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body()
  }
}

extension EventLoop {
  /// Runs `body` on the loop and returns what it returned; inline when already there (and isolated to it).
  package func run<Result: Sendable, Failure: Error>(
    _ body: @Sendable () throws(Failure) -> Result
  ) async throws(Failure) -> Result {
    try await isolation.run(body)
  }
}

/// A write to a socket whose reader is gone must be an error (`EPIPE`), not the death of the process.
package func ignoreBrokenPipe() {
  signal(SIGPIPE, SIG_IGN)
}
