package import Formats
import Synchronization

/// What this server knows of the sessions of one backend: fed with the messages of the backend's directory stream, read from any loop
/// without waiting.
///
/// When the way to the backend is lost the copy stays as it was, and says that it is no longer kept current. When the backend begins to tell
/// anew, the old picture is shown until the new one is whole.
package final class DirectoryCopy: Sendable {
  /// Sixteen times as many as a server has by default. A backend that tells of more is not believed.
  package static let maximumSessions = 4096
  /// Memory that one backend's sessions may take, in bytes: 4 KiB for each of the most that there may be.
  package static let maximumBytes = 16 << 20

  /// The copy at one moment.
  package struct Snapshot: Sendable {
    /// In the order in which the backend told of them.
    package var records: [DirectoryRecord]
    /// The backend has told everything that it has since the link came up, and the link is up.
    package var isCurrent: Bool
    /// When the backend was last heard of; `nil` when it never was.
    package var heard: Moment?

    /// Milliseconds since then.
    package func age(now: ContinuousClock.Instant = .now) -> Int? {
      heard.map { milliseconds(from: $0.instant, to: now) }
    }
  }

  /// One moment on both clocks: one to tell of, one to count from.
  package struct Moment: Sendable {
    package var timestamp: Timestamp
    package var instant: ContinuousClock.Instant

    package static func now() -> Moment { Moment(timestamp: .now(), instant: .now) }
  }

  private struct State {
    var shown = DirectoryTable()
    /// What has been told since a reset; it is shown once the backend says that it is whole.
    var filling: DirectoryTable?
    /// The backend, as the link knows it; `nil` while there is no link.
    var serverID: String?
    var isComplete = false
    var heard: Moment?

    mutating func streamIsDown() {
      filling = nil
      isComplete = false
    }
  }

  private let state = Mutex(State())

  package init() {}

  /// The link is up, and this is who is there. Before the first message of its directory stream.
  package func linkIsUp(serverID: String, now: Moment = .now()) {
    state.withLock { state in
      state.serverID = serverID
      state.streamIsDown()
      state.heard = now
    }
  }

  /// The link is gone: what is known stays, and gets old.
  package func linkIsDown() {
    state.withLock { state in
      state.serverID = nil
      state.streamIsDown()
    }
  }

  /// The directory stream has ended and the link has not: what is known stays, and gets old, until another stream tells everything anew.
  package func streamIsDown() { state.withLock { $0.streamIsDown() } }

  /// The backend has answered a ping: all that it did not tell of is as it was.
  package func touch(_ now: Moment = .now()) {
    state.withLock { state in if state.serverID != nil { state.heard = now } }
  }

  /// Forgets every session: the backend may not be looked at any more, or another server is at its address now. A link that is up stays so.
  package func clear() {
    state.withLock { state in
      state.streamIsDown()
      state.shown = DirectoryTable()
    }
  }

  /// Takes one message of the directory stream. After a fault the copy is as it was before the message, and the link is to be closed with the
  /// fault's reason.
  /// - Returns: whether this was the message that made it whole.
  @discardableResult
  package func receive(_ text: [UInt8], now: Moment = .now()) throws(DirectoryFault) -> Bool {
    let message = try DirectoryMessage(parsing: text)
    let outcome = state.withLock { state -> Result<Void, DirectoryFault> in
      do throws(DirectoryFault) {
        try DirectoryCopy.apply(message, to: &state)
        state.heard = now
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try outcome.get()
    if case .ready = message { return true }
    return false
  }

  private static func apply(_ message: DirectoryMessage, to state: inout State) throws(DirectoryFault) {
    guard let serverID = state.serverID else { throw DirectoryFault("a directory message came without a link") }
    switch message {
    case .reset(let claimed):
      guard claimed == serverID else { throw DirectoryFault("the directory is another server's") }
      state.filling = DirectoryTable()
      state.isComplete = false
    case .sessions(let records):
      guard var table = state.filling else { throw DirectoryFault("sessions were told of out of order") }
      state.filling = nil
      try table.put(records)
      state.filling = table
    case .ready:
      guard let table = state.filling else { throw DirectoryFault("a directory ended before it began") }
      state.shown = table
      state.filling = nil
      state.isComplete = true
    case .changed(let records, let removed):
      guard state.isComplete else { throw DirectoryFault("changes were told of out of order") }
      try state.shown.change(records, removing: removed)
    }
  }

  package var snapshot: Snapshot {
    state.withLock {
      Snapshot(records: $0.shown.records, isCurrent: $0.isComplete && $0.serverID != nil, heard: $0.heard)
    }
  }

  /// Says which sessions are left out because of how they are told, a few of them by name; `nil` where none are.
  package var leftOut: String? {
    let leftOut = state.withLock { $0.shown.leftOut }
    if leftOut.isEmpty { return nil }
    let few = leftOut.values.sorted { $0.name < $1.name }.prefix(3).map { "\($0.name) ('\($0.member)')" }
    let names = few.joined(separator: ", ") + (leftOut.count > few.count ? " and others" : "")
    return
      "\(leftOut.count) of its sessions \(leftOut.count == 1 ? "is" : "are") not told as sessions are, and left out: \(names)"
  }

  package var count: Int { state.withLock { $0.shown.records.count } }
}

/// Records in the order of their coming, found by their keys, within the bounds of ``DirectoryCopy``.
struct DirectoryTable {
  private(set) var records: [DirectoryRecord] = []
  /// Names of sessions that were told in no form that a list can show, and the member at fault, by their keys.
  private(set) var leftOut: [String: (name: String, member: String)] = [:]
  private var places: [String: Int] = [:]
  private var bytes = 0

  mutating func put(_ new: [DirectoryRecord]) throws(DirectoryFault) {
    // What was listed before and is told badly now is no longer known.
    var gone: Set<String> = []
    for record in new {
      if let member = record.unfit {
        leftOut[record.key] = (record.name, member)
        gone.insert(record.key)
      } else {
        leftOut[record.key] = nil
        gone.remove(record.key)
        put(record)
      }
      guard records.count + leftOut.count <= DirectoryCopy.maximumSessions + gone.count else {
        throw DirectoryFault("a directory tells of too many sessions")
      }
      guard bytes <= DirectoryCopy.maximumBytes else { throw DirectoryFault("a directory is too large") }
    }
    takeAway(gone)
    guard records.count + leftOut.count <= DirectoryCopy.maximumSessions else {
      throw DirectoryFault("a directory tells of too many sessions")
    }
  }

  private mutating func put(_ record: DirectoryRecord) {
    if let place = places[record.key] {
      bytes += record.bytes - records[place].bytes
      records[place] = record
    } else {
      places[record.key] = records.count
      records.append(record)
      bytes += record.bytes
    }
  }

  /// All of it, or nothing.
  mutating func change(_ new: [DirectoryRecord], removing keys: [String]) throws(DirectoryFault) {
    // Changes are few, or the table is small: a copy is made only when a reader holds the old one anyhow, or when this may fail.
    var changed = self
    changed.remove(keys)
    try changed.put(new)
    self = changed
  }

  private mutating func remove(_ keys: [String]) {
    for key in keys { leftOut[key] = nil }
    takeAway(Set(keys))
  }

  private mutating func takeAway(_ keys: Set<String>) {
    let gone = Set(keys.compactMap { places[$0] })
    if gone.isEmpty { return }
    for place in gone { bytes -= records[place].bytes }
    records = records.indices.filter { !gone.contains($0) }.map { records[$0] }
    places = Dictionary(uniqueKeysWithValues: records.enumerated().map { ($1.key, $0) })
  }
}
