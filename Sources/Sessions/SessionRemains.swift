import Keeper
import Sys

/// What a session has started, followed while it is being ended: to know when nobody is left, and to name who is.
///
/// A program that has become another user's (`sudo`, `su`, one with the set-user-id bit) takes no signal of ours; one that waits for a disk
/// that does not answer takes none at all.
struct SessionRemains: Sendable {
  private let id: String
  private let leader: ProcessID
  private let leaderStart: UInt64?
  private var tree = ProcessTree()
  /// A control group holds what it starts; what has left that was taken out of it on purpose.
  private let isGrouped: Bool

  /// The most that are named: it is a sentence for a person.
  private static let mostNamed = 5
  /// The longest name of a program in it, in bytes: a process may call itself what it likes.
  private static let longestName = 64

  /// - Parameters:
  ///   - id: The session's.
  ///   - leader: Its first process, which has not been reaped.
  @concurrent
  static func find(id: String, leader: ProcessID) async -> SessionRemains {
    find([(id, leader)]).first ?? SessionRemains(id: id, leader: leader)
  }

  /// The same of several sessions: the machine's processes are read once.
  @concurrent
  static func find(all sessions: [(id: String, leader: ProcessID)]) async -> [SessionRemains] { find(sessions) }

  private static func find(_ sessions: [(id: String, leader: ProcessID)]) -> [SessionRemains] {
    let survey = SessionMark.survey()
    return sessions.map { id, leader in
      var remains = SessionRemains(id: id, leader: leader)
      remains.grow(survey)
      return remains
    }
  }

  private init(id: String, leader: ProcessID) {
    self.id = id
    self.leader = leader
    leaderStart = ProcessStatus.read(leader)?.startTicks
    isGrouped = KeeperGroups.folder(of: leader) != nil
  }

  private mutating func grow(_ survey: ProcessSurvey) {
    tree.grow(
      from: leader, startedAt: leaderStart, among: survey.processes, marked: isGrouped ? [] : survey.marked(id))
  }

  /// Takes in what has been started since.
  @concurrent
  func lookedAgain() async -> SessionRemains {
    var later = self
    later.grow(SessionMark.survey())
    return later
  }

  /// Whether nobody holds together what it starts, so that more of it may be found by looking again.
  var mayHaveGrown: Bool { !isGrouped }

  /// Forgets who has ended; true when nobody is left.
  mutating func areGone() -> Bool { tree.prune() }

  /// Where there is no keeper to do it.
  func send(_ signal: Signal) { tree.send(signal) }

  /// `rootly (pid 12, user root) and sh (pid 14, user me)`
  var names: String {
    let members = tree.members.sorted { $0.pid < $1.pid }
    var named = members.prefix(Self.mostNamed).map { member in
      let name = (ProcessStatus.name(member.pid) ?? "a program").cut(to: Self.longestName)
      let user = ProcessStatus.realUser(member.pid).map { ", user \(Host.userName($0) ?? String($0))" } ?? ""
      return "\(name) (pid \(member.pid)\(user))"
    }
    if members.count > Self.mostNamed { named.append("\(members.count - Self.mostNamed) more") }
    guard let last = named.popLast() else { return "" }
    return named.isEmpty ? last : named.joined(separator: ", ") + " and " + last
  }

  /// Whether any of them has rights that are not ours, so that it takes no signal of ours.
  var isAnothers: Bool {
    Host.userID != 0
      && tree.members.contains { member in ProcessStatus.realUser(member.pid).map { $0 != Host.userID } ?? true }
  }
}

extension SessionError {
  /// - Parameter what: `The session build has not ended` and the like.
  static func remaining(_ what: String, _ remains: SessionRemains) -> SessionError {
    let why =
      remains.isAnothers
      ? "It takes no signal of yours: end it as its user or as root" : "It has not ended even when it was killed"
    return SessionError(.programsRemain, "\(what): \(remains.names) still runs. \(why), and try again.")
  }
}
