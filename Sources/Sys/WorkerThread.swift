import CSys
import Glibc

/// A thread for calls that block: reading and syncing files. What waits to be done is a queue of closures, done one after the other.
package final class WorkerThread: @unchecked Sendable {
  // Unchecked: `queue`, `isStopping` and `hasThread` are read and written under `mutex` only.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let filled = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var queue: [@Sendable () -> Void] = []
  private var isStopping = false
  private var thread: pthread_t?
  private let name: String

  /// The thread starts with the first work.
  package init(name: String) {
    self.name = name
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(filled, nil)
  }

  deinit {
    pthread_cond_destroy(filled)
    pthread_mutex_destroy(mutex)
    filled.deallocate()
    mutex.deallocate()
  }

  /// Does `work` after what was submitted before it. Work for a stopped thread is dropped.
  package func submit(_ work: @escaping @Sendable () -> Void) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    guard !isStopping else { return }
    queue.append(work)
    if thread == nil { start() } else { pthread_cond_signal(filled) }
  }

  /// How many pieces of work wait.
  package var waiting: Int {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return queue.count
  }

  /// Returns when everything submitted has been done and the thread has ended.
  package func stop() {
    pthread_mutex_lock(mutex)
    isStopping = true
    let running = thread
    thread = nil
    pthread_cond_signal(filled)
    pthread_mutex_unlock(mutex)
    if let running { pthread_join(running, nil) }
  }

  private func start() {
    var created = pthread_t()
    let failure = pthread_create(
      &created, nil,
      { argument in
        if let argument { Unmanaged<WorkerThread>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    precondition(failure == 0, "the system has no thread left")
    thread = created
  }

  private func run() {
    nameThread(name)
    while true {
      pthread_mutex_lock(mutex)
      while queue.isEmpty, !isStopping { pthread_cond_wait(filled, mutex) }
      let work = queue
      queue.removeAll(keepingCapacity: true)
      pthread_mutex_unlock(mutex)
      if work.isEmpty { return }
      for piece in work { piece() }
    }
  }
}

/// Names the calling thread, so that `top -H` and debuggers tell threads apart. The kernel keeps 15 bytes.
package func nameThread(_ name: String) {
  let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
  guard file >= 0 else { return }
  let bytes = Array(name.utf8.prefix(15))
  _ = write(file, bytes, bytes.count)
  close(file)
}

/// Asks the scheduler for short turns of the calling thread, and to have them sooner: one that mostly waits for something to do then does
/// it at once, also where other processes (a build, the program that floods a terminal) keep every processor busy. What it starts is not
/// affected. Where the kernel knows of no such wish (before Linux 6.12), or does not grant it, nothing changes.
package func preferShortTurns() {
  // The shortest that the kernel grants.
  _ = csys_prefer_short_turns(100_000)
}

/// Lets every other thread and process go first from now on: for work that nobody's key waits for. It cannot be taken back.
package func stepBack() { _ = csys_step_back(10) }

/// Processor time that the calling thread has taken so far (`CLOCK_THREAD_CPUTIME_ID`): unlike a clock's, it does not grow while others run.
package func threadTime() -> Duration {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}
