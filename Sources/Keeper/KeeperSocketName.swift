import Glibc
import Store
import Sys

/// The name of the keeper's socket: without it no server to come finds the sessions. Cleaners of /tmp and the end of a user's last login take
/// such files away; then it is made anew, at once where the folder can be watched and made, else as soon as it can.
struct KeeperSocketName {
  /// Between attempts, and between looks where the system has no watch to give (nanoseconds).
  private static let retry: UInt64 = 1_000_000_000
  private static let unwatched: UInt64 = 5_000_000_000
  /// After something was taken out: whoever takes a whole folder away is to have done so first.
  private static let settling: UInt64 = 100_000_000

  private let path: String
  private let folder: String
  private var identity: FileIdentity?
  private var watched: FileIdentity?
  /// Readable when something has happened in the folder; -1 when it is not watched.
  private(set) var watch: CInt = -1
  /// When to look again (monotonic nanoseconds); nil while there is no need to.
  private(set) var dueAt: UInt64?

  /// The socket listens there already.
  init(_ path: String) {
    self.path = path
    folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    identity = FileIdentity(path)
    watchFolder()
  }

  /// Whether the file of that name is the one that was made last.
  var isOurs: Bool { identity != nil && FileIdentity(path) == identity }

  func isDue(_ now: UInt64) -> Bool { dueAt.map { now >= $0 } ?? false }

  /// The folder's watch is readable.
  mutating func changed() {
    FolderWatch.drain(watch)
    dueAt = Clock.monotonic &+ Self.settling
  }

  /// Looks, and makes it anew when it is gone.
  /// - Returns: The socket that listens under the name now, when that is another than before.
  mutating func makeAgain() -> CInt? {
    dueAt = nil
    if isOurs {
      watchFolder()
      return nil
    }
    guard (try? preparePrivateFolder(folder)) != nil, let listener = try? UnixSocket.listen(path, .packets) else {
      dueAt = Clock.monotonic &+ Self.retry
      return nil
    }
    identity = FileIdentity(path)
    watchFolder()
    return listener.release()
  }

  private mutating func watchFolder() {
    let now = FileIdentity(folder)
    if watch >= 0, now == watched { return }
    if watch >= 0 { close(watch) }
    watched = now
    watch = FolderWatch(folder)?.release() ?? -1
    if watch < 0 { dueAt = Clock.monotonic &+ Self.unwatched }
    // What went before the watch was there.
    if FileIdentity(path) != identity { dueAt = 0 }
  }
}
