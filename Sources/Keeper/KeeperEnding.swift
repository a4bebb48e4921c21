import Glibc
import Sys

/// The end of everything that one session started: first the asked signal, then, for those still there when the grace
/// is over, SIGKILL. It goes on whether or not the session itself is still known.
final class KeeperEnding {
  private let id: String
  private let leader: ProcessID
  private let leaderStart: UInt64?
  private let group: ControlGroup?
  /// `cgroup.events`, polled for `POLLPRI`: tells at once when the last process has gone.
  let events: CInt
  private var tree = ProcessTree()
  /// When SIGKILL is due (monotonic nanoseconds); nil only waits for the group to empty, to remove its folder.
  private(set) var deadline: UInt64?
  private var killsLeft = mostKills

  /// Between one SIGKILL and the look whether it was enough.
  private static let recheck: UInt64 = 50_000_000
  /// Without a cgroup a program can fork faster than it is found; it is not chased for ever.
  private static let mostKills = 40
  /// Looks for what was forked since the last while it is being stopped, so that what forks without end comes to an end of it.
  private static let mostFreezes = 16

  init(id: String, leader: ProcessID, leaderStart: UInt64?, group: ControlGroup?) {
    self.id = id
    self.leader = leader
    self.leaderStart = leaderStart
    self.group = group
    events = group.flatMap { try? $0.openEvents().release() } ?? -1
    // kernfs reports only changes since the last read.
    if events >= 0 { _ = ControlGroup.isPopulated(events: events) }
  }

  deinit {
    if events >= 0 { close(events) }
  }

  /// Sends the signal to everything and makes SIGKILL due after the grace, or sooner when it was due sooner.
  func begin(_ signal: Signal, grace: UInt64, now: UInt64, among survey: () -> ProcessSurvey) {
    if grace == 0 || signal == .kill {
      deadline = now
    } else {
      send(signal, among: survey)
      // A stopped process acts on nothing but SIGKILL until it is continued.
      send(.continue, among: survey)
      deadline = min(deadline ?? .max, now &+ grace)
    }
  }

  /// Does what is due. True when it is over and its folder, if any, is gone.
  /// - Parameter survey: The machine's processes as they are now.
  func advance(now: UInt64, among survey: () -> ProcessSurvey) -> Bool {
    if let group {
      if !(events >= 0 ? ControlGroup.isPopulated(events: events) : group.isPopulated), group.remove() { return true }
      if let due = deadline, now >= due {
        group.kill()
        killsLeft -= 1
        // With the events file open the next look comes by itself; the recheck is for kernels without cgroup.kill.
        deadline = killsLeft > 0 ? now &+ Self.recheck : nil
      }
      return false
    }
    guard let due = deadline, now >= due else { return deadline == nil }
    grow(survey())
    if tree.prune() { return true }
    freeze()
    tree.send(.kill)
    killsLeft -= 1
    deadline = now &+ Self.recheck
    return killsLeft <= 0
  }

  private func send(_ signal: Signal, among survey: () -> ProcessSurvey) {
    if let group { return group.send(signal) }
    grow(survey())
    tree.send(signal)
  }

  private func grow(_ survey: ProcessSurvey) {
    tree.grow(from: leader, startedAt: leaderStart, among: survey.processes, marked: survey.marked(id))
  }

  /// A program that forks without end would have made others by the time its last ones are killed: none makes any once all are stopped.
  private func freeze() {
    var stopped: Set<ProcessTree.Member> = []
    for _ in 0..<Self.mostFreezes {
      let new = tree.members.subtracting(stopped)
      guard !new.isEmpty else { return }
      tree.send(.stop, to: new)
      stopped.formUnion(new)
      grow(SessionMark.survey())
    }
  }
}
