import Glibc

/// Everything that can be found of what a session started, where no cgroup holds it together.
///
/// A process whose parents are all gone and that made a session of its own is found by its environment. One that has lost that too is not: only
/// a cgroup holds it.
package struct ProcessTree: Sendable, Equatable {
  /// Names one process for good: a pid alone may be used again.
  package struct Member: Sendable, Hashable {
    package var pid: ProcessID
    package var startTicks: UInt64
  }
  package private(set) var members: Set<Member> = []

  /// The most processes kept; past it, those that were found first are the ones that get signals.
  private static let mostMembers = 16_384

  package init() {}

  /// Adds all processes of session `leader` and all descendants of it and of those already found. Zombies are left out.
  /// When the leader has ended and another process has its number by now (`startedAt` tells), that one is left alone; so is this process.
  /// - Parameter marked: Others that belong to it, with their descendants.
  package mutating func grow(
    from leader: ProcessID, startedAt: UInt64? = nil, among processes: [ProcessStatus] = ProcessStatus.all(),
    marked: [ProcessStatus] = []
  ) {
    var children: [ProcessID: [ProcessStatus]] = [:]
    for process in processes { children[process.parent, default: []].append(process) }
    let known = Set(members)
    // A number is not given out again while a session of that name has members, so only a new leader can mislead.
    let isOurs = processes.first { $0.pid == leader }.map { startedAt == nil || $0.startTicks == startedAt } ?? true
    var pending = processes.filter {
      isOurs && ($0.session == leader || $0.pid == leader)
        || known.contains(Member(pid: $0.pid, startTicks: $0.startTicks))
    }
    let own = getpid()
    pending = (pending + marked).filter { $0.pid != own }
    var seen = Set(pending.map(\.pid))
    seen.insert(own)
    while let process = pending.popLast() {
      for child in children[process.pid] ?? [] where seen.insert(child.pid).inserted { pending.append(child) }
      guard !process.isZombie, members.count < Self.mostMembers else { continue }
      members.insert(Member(pid: process.pid, startTicks: process.startTicks))
    }
  }

  /// Drops those that have ended; true when nobody is left.
  package mutating func prune() -> Bool {
    members = members.filter(Self.isAlive)
    return members.isEmpty
  }

  /// Sends the signal to every member that still is the process it was.
  package func send(_ signal: Signal) { send(signal, to: members) }

  /// The same to some of them.
  package func send(_ signal: Signal, to members: Set<Member>) {
    for member in members where Self.isAlive(member) {
      // Refused or gone: there is nothing more to do about that one.
      _ = try? sendSignal(signal, to: .process(member.pid))
    }
  }

  private static func isAlive(_ member: Member) -> Bool {
    guard let status = ProcessStatus.read(member.pid) else { return false }
    return status.startTicks == member.startTicks && !status.isZombie
  }
}
