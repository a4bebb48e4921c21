package import Keeper
import Net
package import Sys

/// How a server reaches a keeper, starting one where none answers.
package typealias KeeperMaker = @Sendable () async throws(KeeperError) -> KeeperClient

/// The keeper of a server can be killed like any process. Its sessions go on, since the server reads their terminals itself; it sees their ends
/// itself then, and has another keeper hold them.
extension SessionStore {
  /// A keeper that is lost this soon again is not replaced at once.
  private static let steady = Duration.seconds(10)
  private static let shortestPause = Duration.milliseconds(500)
  private static let longestPause = Duration.seconds(15)

  /// Called with a sentence for whoever reads the server's log.
  package typealias Report = @Sendable (String) -> Void

  /// From now on a keeper that is lost is replaced by what `make` reaches.
  package func replaceKeeper(by make: @escaping KeeperMaker, report: @escaping Report) {
    makeKeeper = make
    reportKeeper = report
  }

  /// The keeper has gone.
  package func keeperLost() {
    for entry in entries.values { watchProgram(of: entry) }
    guard replacing == nil, !isStopping, makeKeeper != nil else { return }
    let isSteady = keeperSince.duration(to: .now) >= Self.steady
    if isSteady { keeperPause = Self.shortestPause }
    if isSteady || !hasReplacedKeeper { tryAnotherKeeper() } else { tryAnotherKeeperLater() }
  }

  /// The keeper's process; of one that is gone, the last.
  package var keeperPid: ProcessID { get async { await keeper.keeperPid } }
  package var hasKeeper: Bool { get async { await keeper.isConnected } }

  /// Disconnects from the keeper, which goes on.
  package func closeKeeper() async { await keeper.close() }

  /// Ends what the keeper still holds, and the keeper.
  package func quitKeeper(grace: Duration) async { try? await keeper.quit(grace: grace) }

  /// Reaps what has become a child of this process, but for sessions' programs, whose ends are told.
  package func reapOrphans() {
    Orphans.reap(sparing: entries.values.lazy.filter { $0.ended == nil }.map(\.session.pid))
  }

  /// Waits for the attempt at another keeper that is under way, if one is.
  func awaitKeeper() async { await replacing?.value }

  /// The server sees the end of the session's program itself from now on.
  func watchProgram(of entry: Entry) {
    let id = entry.session.id
    guard entry.isStarted, entry.ended == nil, let program = entry.program else { return }
    program.begin(on: loop) { [weak self] status in
      self?.assumeIsolated { store in _ = Task { await store.programSeenEnding(id: id, status: status) } }
    }
  }

  private func programSeenEnding(id: String, status: ExitStatus) async {
    await programEnded(id: id, status: status, isSeen: true)
    if status != .unknown { try? await keeper.tell(id: id, ended: status) }
  }

  private func tryAnotherKeeperLater() {
    guard keeperTimer == nil else { return }
    keeperTimer = loop.schedule(after: keeperPause) { [weak self] in
      self?.assumeIsolated { store in
        store.keeperTimer = nil
        store.tryAnotherKeeper()
      }
    }
    keeperPause = min(keeperPause * 2, Self.longestPause)
  }

  private func tryAnotherKeeper() {
    guard replacing == nil, !isStopping, let makeKeeper else { return }
    replacing = Task {
      var failure: KeeperError?
      do throws(KeeperError) {
        let another = try await makeKeeper()
        keeper = another
        keeperSince = .now
        hasReplacedKeeper = true
        reportKeeper?("another keeper holds the sessions (pid \(await another.keeperPid))")
        for id in Array(names.keys) { await handOver(id) }
      } catch {
        failure = error
      }
      replacing = nil
      if let failure { reportKeeper?("there is no keeper yet, and no session can be made: \(failure.message)") }
      if await !keeper.isConnected, !isStopping { tryAnotherKeeperLater() }
    }
  }

  /// The keeper may have gone while the session was being made.
  func keep(_ id: String, heldBy maker: KeeperClient) async {
    if maker === keeper, await keeper.isConnected { return }
    if let name = names[id], let entry = entries[name] { watchProgram(of: entry) }
    await handOver(id)
  }

  /// Has the keeper hold a session that another one held.
  func handOver(_ id: String) async {
    guard let name = names[id], let entry = entries[name], entry.ended == nil, let program = entry.program,
      let master = await entry.session.duplicateOfMaster()
    else { return }
    defer { close(descriptor: master) }
    do throws(KeeperError) {
      try await keeper.adopt(
        id: id, pid: entry.session.pid, label: entry.label.encoded, master: master, pidfd: program.pidfd)
    } catch {
      guard error.code != .sessionExists, error.code != .lost else { return }
      reportKeeper?("no keeper holds the session \(name), which ends with this server: \(error.message)")
    }
  }
}
