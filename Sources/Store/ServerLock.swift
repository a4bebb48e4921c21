import Glibc
import Synchronization
package import Sys

/// Held for a server's life so that there is one server of a name, and one that writes into a state folder. The kernel lets go of it however
/// the server ends, so nothing stale is ever left behind.
///
/// There are two: one lies in the state folder, which nobody sweeps, and is what counts; it also says where the server is. The other one lies
/// beside the sockets, for servers whose state folders differ.
package final class ServerLock: Sendable {
  /// What the holder of a lock wrote into it.
  package struct Holder: Sendable, Equatable {
    package var pid: ProcessID
    package var hostname: String
    /// Where it listens for clients.
    package var socket: String
    /// Where its keeper listens for the next server. True also when the server is gone.
    package var keeperSocket: String

    package init(pid: ProcessID, hostname: String, socket: String, keeperSocket: String) {
      self.pid = pid
      self.hostname = hostname
      self.socket = socket
      self.keeperSocket = keeperSocket
    }

    /// Lines, in the order of the fields; nil for a text that is not one of ours.
    init?(_ text: String) {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      guard lines.count >= 4, let pid = ProcessID(lines[0]), pid > 0, lines[2].hasPrefix("/"), lines[3].hasPrefix("/")
      else { return nil }
      self.init(pid: pid, hostname: lines[1], socket: lines[2], keeperSocket: lines[3])
    }

    var text: String { "\(pid)\n\(hostname)\n\(socket)\n\(keeperSocket)\n" }
  }

  /// A holder's text: two paths of sockets, a host's name and a number.
  private static let longestText = 1024

  /// What an earlier server of this name, or this state folder, wrote; nil when there was none.
  package let previous: Holder?
  private let state: Mutex<CInt>
  private let runtime: Mutex<CInt>
  private let paths: Paths
  private let own: Holder
  /// What was written last, when that is not ``own``.
  private let latest = Mutex<Holder?>(nil)

  /// Takes the locks or fails with `alreadyRunning`, after half a second: a server that was killed has them until the kernel has taken it apart,
  /// which is some time after whoever killed it went on. Both folders must exist.
  /// - Parameter socket: Where the server will listen, when that is not `paths.socket`.
  package static func take(_ paths: Paths, socket: String? = nil) throws(StoreError) -> ServerLock {
    let start = Clock.monotonic
    while true {
      do throws(StoreError) {
        return try ServerLock(paths: paths, socket: socket)
      } catch {
        guard error.code == .alreadyRunning else { throw error }
        let waited = Clock.monotonic &- start
        guard waited < patience || waited < patienceWithDying && isHolderDying(paths) else { throw error }
      }
      poll(nil, 0, pause)
    }
  }

  /// How long it is waited for another's locks, in nanoseconds: in any case, and while he is plainly about to end.
  private static let patience: UInt64 = 500_000_000
  private static let patienceWithDying: UInt64 = 10_000_000_000
  /// Between two attempts, in milliseconds.
  private static let pause: CInt = 5

  /// Whether the one that wrote the lock has no memory any more, which is the first that goes.
  private static func isHolderDying(_ paths: Paths) -> Bool {
    guard let holder = read(paths), holder.hostname == Host.hostname else { return false }
    return ProcessStatus.commandLine(holder.pid)?.isEmpty == true
  }

  private init(paths: Paths, socket: String?) throws(StoreError) {
    self.paths = paths
    // The file is never removed: two servers could otherwise hold locks on two files of the same name.
    let opened = try ServerLock.open(paths.stateLock)
    let earlier = ServerLock.read(paths.stateLock)
    let isOurs: Bool
    do throws(SystemError) {
      isOurs = try FileLock.take(opened)
    } catch {
      close(opened)
      throw StoreError(code: .systemFailure, message: "\(paths.stateLock): \(error)")
    }
    guard isOurs else {
      close(opened)
      throw ServerLock.alreadyRunning(paths, earlier)
    }
    previous = earlier
    do throws(StoreError) {
      runtime = Mutex(try ServerLock.takeRuntime(paths))
    } catch {
      close(opened)
      throw error
    }
    state = Mutex(opened)
    own = Holder(
      pid: getpid(), hostname: Host.hostname, socket: socket ?? paths.socket, keeperSocket: paths.keeperSocket)
    record(own)
  }

  deinit {
    close(runtime.withLock { $0 })
    close(state.withLock { $0 })
  }

  /// Says that the keeper is elsewhere than beside the server's sockets.
  package func record(keeperSocket: String) {
    var holder = own
    holder.keeperSocket = keeperSocket
    latest.withLock { $0 = holder }
    record(holder)
  }

  /// Says where the server is. For those who look for it; what counts is the lock itself.
  private func record(_ holder: Holder) {
    let bytes = Array(holder.text.utf8)
    // In one piece, and cut after it: whoever reads meanwhile finds one text or the other.
    state.withLock { state in
      _ = bytes.withUnsafeBytes { pwrite(state, $0.baseAddress, $0.count, 0) }
      _ = ftruncate(state, off_t(bytes.count))
    }
  }

  /// Whether the state folder has another lock by now, or none: somebody has taken the folder away.
  package var isStateGone: Bool {
    state.withLock { FileIdentity(descriptor: $0) } != FileIdentity(paths.stateLock)
  }

  /// Takes the lock of the state folder once more when its file was taken away with the folder, which must be there again. Fails when another
  /// server has it by now.
  package func renewState() throws(StoreError) {
    guard isStateGone else { return }
    let opened = try ServerLock.open(paths.stateLock)
    guard (try? FileLock.take(opened)) == true else {
      close(opened)
      throw ServerLock.alreadyRunning(paths, ServerLock.read(paths.stateLock))
    }
    let old = state.withLock { state in
      defer { state = opened }
      return state
    }
    close(old)
    record(latest.withLock { $0 } ?? own)
  }

  /// Takes the lock beside the sockets once more when its file was taken away with the folder. Fails when another server has it by now.
  package func renew() throws(StoreError) {
    let old = runtime.withLock { $0 }
    if let now = FileIdentity(paths.lock), now == FileIdentity(descriptor: old) { return }
    let new = try ServerLock.takeRuntime(paths)
    runtime.withLock { $0 = new }
    close(old)
  }

  private static func open(_ path: String) throws(StoreError) -> CInt {
    do throws(SystemError) {
      return try openRegularFile(path, O_RDWR | O_CREAT | O_NOFOLLOW)
    } catch {
      guard error.code == ENOTSUP else { throw StoreError(code: .systemFailure, message: "\(error)") }
      throw StoreError(
        code: .systemFailure, message: "\(path) \(irregularity(of: path) ?? "is no file"); remove it and try again")
    }
  }

  private static func takeRuntime(_ paths: Paths) throws(StoreError) -> CInt {
    let opened = try ServerLock.open(paths.lock)
    guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
      let failure = SystemError.last("flock \(paths.lock)")
      let holder = (try? readRegularFile(paths.lock, limit: 32)).map { String(decoding: $0, as: UTF8.self) } ?? ""
      close(opened)
      guard failure.code == EWOULDBLOCK else { throw StoreError(code: .systemFailure, message: "\(failure)") }
      let pid = ProcessID(holder.filter { $0 != "\n" })
      throw alreadyRunning(
        paths, pid.map { Holder(pid: $0, hostname: Host.hostname, socket: paths.socket, keeperSocket: "/") })
    }
    // For people and for the message above only; the lock itself is what counts.
    ftruncate(opened, 0)
    try? writeAll(opened, Array("\(getpid())\n".utf8))
    return opened
  }

  private static func alreadyRunning(_ paths: Paths, _ holder: Holder?) -> StoreError {
    var place = ""
    if let holder {
      let host = holder.hostname == Host.hostname ? "" : " on \(holder.hostname)"
      place = " (pid \(holder.pid))\(host) at \(holder.socket)"
    }
    return StoreError(
      code: .alreadyRunning,
      message: "a server named \"\(paths.serverName)\" is already running\(place); give this one another name")
  }

  // MARK: looking

  /// The server that runs with this state folder, as far as it has said; nil when none does.
  package static func holder(_ paths: Paths) -> Holder? {
    guard isHeld(paths) else { return nil }
    return read(paths.stateLock)
  }

  /// Whether a server runs with this state folder. Looking keeps none from starting.
  package static func isHeld(_ paths: Paths) -> Bool {
    guard let opened = try? openRegularFile(paths.stateLock, O_RDONLY | O_NOFOLLOW) else { return false }
    defer { close(opened) }
    return FileLock.isTaken(opened)
  }

  /// What the last server of this state folder wrote, whether or not it still runs.
  package static func read(_ paths: Paths) -> Holder? { read(paths.stateLock) }

  private static func read(_ path: String) -> Holder? {
    guard let text = try? readRegularFile(path, limit: longestText) else { return nil }
    return Holder(String(decoding: text, as: UTF8.self))
  }

  /// Whether that process has the lock's file open: its number may be an old one, which is another's by now.
  package static func isHolder(_ pid: ProcessID, _ paths: Paths) -> Bool {
    guard let lock = FileIdentity(paths.stateLock) else { return false }
    return (ProcessStatus.openDescriptors(pid) ?? []).contains { FileIdentity(open: $0, of: pid) == lock }
  }
}
