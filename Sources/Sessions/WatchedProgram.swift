import Net
import Sys

/// A session's first process as the server itself sees it, for when there is no keeper that tells of its end. On the store's loop.
final class WatchedProgram {
  let pid: ProcessID
  let pidfd: CInt
  private var watch: DescriptorWatch?
  private var timer: LoopTimer?
  private var looksLeft = WatchedProgram.mostLooks

  /// Whoever is its parent reaps it within moments; before that nothing tells how it ended.
  private static let lookAgain = Duration.milliseconds(20)
  private static let mostLooks = 50

  /// Takes over the descriptor.
  init(pid: ProcessID, pidfd: CInt) {
    self.pid = pid
    self.pidfd = pidfd
  }

  deinit {
    watch?.cancel()
    timer?.cancel()
    close(descriptor: pidfd)
  }

  var isWatched: Bool { watch != nil || timer != nil }

  /// Calls `tell` once, when it has ended.
  func begin(on loop: EventLoop, _ tell: @escaping (ExitStatus) -> Void) {
    guard !isWatched else { return }
    watch = try? loop.watch(pidfd, .readable) { [weak self] _ in
      self?.watch?.cancel()
      self?.watch = nil
      self?.look(on: loop, tell)
    }
    // Without room for a watch it is looked at by and by.
    if watch == nil { timer = loop.schedule(after: .seconds(1)) { [weak self] in self?.lookOnce(on: loop, tell) } }
  }

  private func lookOnce(on loop: EventLoop, _ tell: @escaping (ExitStatus) -> Void) {
    timer = nil
    if isReadable(pidfd) { look(on: loop, tell) } else { begin(on: loop, tell) }
  }

  private func look(on loop: EventLoop, _ tell: @escaping (ExitStatus) -> Void) {
    timer = nil
    // It may have become our own child, where this process takes orphans in.
    let own = (try? reap(pidfd: pidfd)).flatMap { $0 }
    if let status = own ?? ExitStatus.told(by: pidfd, of: pid) { return tell(status) }
    looksLeft -= 1
    guard looksLeft > 0 else { return tell(.unknown) }
    timer = loop.schedule(after: Self.lookAgain) { [weak self] in self?.look(on: loop, tell) }
  }
}
