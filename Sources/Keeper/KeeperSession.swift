import Glibc
package import Sys

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
  /// Its program is another process's child: the server's, or process 1's.
  let isAdopted: Bool
  /// The connected server knows of the end.
  var announced = false
  private(set) var slots: [UInt8: CInt] = [:]

  init(id: String, child: consuming SpawnedChild, group: ControlGroup?, label: [UInt8]) {
    self.id = id
    (master, pid, pidfd) = child.release()
    self.group = group
    self.label = label
    startTicks = group == nil ? ProcessStatus.read(pid)?.startTicks : nil
    isAdopted = false
  }

  /// A session of a keeper that is gone. Takes over both descriptors.
  init(id: String, pid: ProcessID, master: CInt, pidfd: CInt, group: ControlGroup?, label: [UInt8]) {
    self.id = id
    self.pid = pid
    self.master = master
    self.pidfd = pidfd
    self.group = group
    self.label = label
    startTicks = group == nil ? ProcessStatus.read(pid)?.startTicks : nil
    isAdopted = true
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
      // An adopted one: the server tells how it ended, where it can.
      ended = ExitStatus.told(by: pidfd, of: pid) ?? .unknown
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
package struct KeeperGroups {
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

  /// The folder that an earlier keeper had made for the session of this process; nil when it has none.
  package static func folder(of pid: ProcessID) -> ControlGroup? {
    guard let group = ControlGroup.of("\(pid)"), group.name.hasPrefix(prefix) else { return nil }
    // Ours, or one around it, is not the session's: to end that would be to end ourselves.
    if let own = ControlGroup.of("self"), own == group || own.path.hasPrefix(group.path + "/") { return nil }
    return group
  }

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
