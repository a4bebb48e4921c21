import Glibc
import Sys

/// One program that the keeper holds: its PTY, its process and what the server left beside it.
final class KeeperSession {
  let id: String
  let pid: ProcessID
  /// Held until the session is forgotten, so that a later server reads what the program wrote last.
  let master: CInt
  let pidfd: CInt
  let group: ControlGroup?
  /// With the pid, names the process for good; read only where no group holds its children.
  let startTicks: UInt64?
  var label: [UInt8]
  var ended: ExitStatus?
  /// The connected server knows of the end.
  var announced = false
  private(set) var slots: [UInt8: CInt] = [:]

  init(id: String, child: consuming SpawnedChild, group: ControlGroup?, label: [UInt8]) {
    self.id = id
    (master, pid, pidfd) = child.release()
    self.group = group
    self.label = label
    startTicks = group == nil ? ProcessStatus.read(pid)?.startTicks : nil
  }

  deinit {
    close(master)
    close(pidfd)
    for descriptor in slots.values { close(descriptor) }
  }

  /// Takes over the descriptor; nil empties the slot.
  func store(_ descriptor: CInt?, in slot: UInt8) {
    if let previous = slots.removeValue(forKey: slot) { close(previous) }
    if let descriptor { slots[slot] = descriptor }
  }

  /// Takes notice of the program's end; true when it has just ended.
  func reapIfEnded() -> Bool {
    guard ended == nil else { return false }
    do {
      guard let status = try reap(pidfd: pidfd) else { return false }
      ended = status
    } catch {
      // Nobody else reaps our children, so this cannot be; a status nobody can give stands for it.
      ended = .exited(255)
    }
    return true
  }

  var listing: (reply: KeeperReply, descriptors: [CInt]) {
    let order = slots.keys.sorted()
    return (
      .session(id: id, pid: pid, label: label, ended: ended, slots: order),
      [master, pidfd] + order.compactMap { slots[$0] }
    )
  }
}

/// Makes one cgroup per session below the keeper's own, where that is delegated to us.
struct KeeperGroups {
  private var parent: ControlGroup?
  private var counter: UInt64 = 0
  private static let prefix = "roost-"

  init() {
    parent = ControlGroup.own()
    removeAbandoned()
  }

  /// A folder for the next session, or nil where there are none to be had.
  mutating func make() -> ControlGroup? {
    guard let parent else { return nil }
    counter += 1
    do {
      return try parent.makeChild(named: "\(Self.prefix)\(getpid())-\(counter)")
    } catch {
      // Delegation can end, and groups have a limit of their own. Sessions start all the same.
      return nil
    }
  }

  /// Stops making groups: the kernel does not let us use them.
  mutating func giveUp() { parent = nil }

  /// A keeper that was killed left its folders behind; those that are empty by now go. One that is not holds programs
  /// that outlived it, and stays.
  private func removeAbandoned() {
    guard let parent else { return }
    for name in parent.children() where name.hasPrefix(Self.prefix) {
      guard let pid = ProcessID(name.dropFirst(Self.prefix.count).prefix { $0 != "-" }), pid > 0,
        kill(pid, 0) != 0, errno == ESRCH
      else { continue }
      parent.child(named: name).remove()
    }
  }
}
