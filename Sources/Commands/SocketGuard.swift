import Net
import Sys

/// Notices when a server's socket has lost its name: cleaners of /tmp, the end of a user's last login (which empties /run/user/UID), or
/// somebody's `rm` take it away under a running server, and nobody can find that any more.
///
/// Looked at when something is taken out of the folder, when a signal asks for it, and, while the name cannot be made anew, every second.
/// On one loop.
final class SocketGuard {
  /// Between attempts to make what cannot be made yet: the folder of a user who is not logged in comes back with the next login.
  private static let retry = Duration.seconds(1)
  /// After something was taken out: whoever takes a whole folder away is to have done so first.
  private static let settling = Duration.milliseconds(100)
  /// Between looks where the system has no watch to give.
  private static let unwatched = Duration.seconds(5)

  private let loop: EventLoop
  private let path: String
  private let folder: String
  private let lost: () -> Void
  private var identity: FileIdentity?
  /// The file that a watch is on is known by its identity: the folder may be another by the same name.
  private var watched: (folder: FileIdentity, watch: DescriptorWatch, changes: FolderWatchBox)?
  private var timer: LoopTimer?

  /// - Parameter lost: Called when the socket at `path` is not there any more; ``madeAgain()`` or ``failed()`` is to follow.
  init(loop: EventLoop, path: String, lost: @escaping () -> Void) {
    self.loop = loop
    self.path = path
    let slash = path.lastIndex(of: "/") ?? path.startIndex
    folder = slash == path.startIndex ? "/" : String(path[..<slash])
    self.lost = lost
  }

  /// The socket has its name now.
  func madeAgain() {
    identity = FileIdentity(path)
    watch()
  }

  /// It could not be made; there is another try soon.
  func failed() { look(after: SocketGuard.retry) }

  func look() {
    timer?.cancel()
    timer = nil
    if let identity, FileIdentity(path) == identity { return watch() }
    lost()
  }

  func stop() {
    timer?.cancel()
    timer = nil
    watched?.watch.cancel()
    watched = nil
  }

  private func look(after pause: Duration) {
    timer?.cancel()
    timer = loop.schedule(after: pause) { [weak self] in self?.look() }
  }

  private func watch() {
    if let watched, FileIdentity(folder) == watched.folder { return }
    watched?.watch.cancel()
    watched = nil
    guard let now = FileIdentity(folder), let changes = FolderWatchBox(folder),
      let watch = try? loop.watch(
        changes.raw, .readable,
        { [weak self] _ in
          changes.drain()
          self?.look(after: SocketGuard.settling)
        })
    else { return look(after: SocketGuard.unwatched) }
    watched = (now, watch, changes)
    // What went before the watch was there.
    if FileIdentity(path) != identity { look(after: .zero) }
  }
}

/// A watch that a closure can hold.
private final class FolderWatchBox {
  private let watch: FolderWatch

  init?(_ folder: String) {
    guard let watch = FolderWatch(folder) else { return nil }
    self.watch = watch
  }

  var raw: CInt { watch.raw }
  func drain() { watch.drain() }
}
