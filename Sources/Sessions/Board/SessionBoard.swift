import Net
import Synchronization

/// Told that sessions on a ``SessionBoard`` have changed, were put there or taken away. Called on any loop; must not wait.
package protocol BoardFollower: AnyObject, Sendable {
  func boardChanged(_ sessions: [String])
}

/// The records of all sessions of a server, kept current while somebody follows them: looked at, encoded and kept once, for however many
/// followers. Without one it is empty and costs nothing.
///
/// A session is looked at shortly after something about it changed, and at most once a second while it only has input or output.
package final class SessionBoard: Sendable {
  /// One session.
  package struct Entry: Sendable {
    package let name: String
    package let tags: [String]
    /// Grows in the order in which sessions began.
    package let order: Int
    /// The record as JSON, without `server`: whoever sends it knows where it comes from.
    package let record: [UInt8]
  }

  private struct State {
    var round = 0
    /// Places of the sessions in their order; they have them before they are looked at.
    var orders: [String: Int] = [:]
    var nextOrder = 0
    var entries: [String: Entry] = [:]
    var followers: [any BoardFollower] = []

    mutating func begin() {
      round += 1
      entries = [:]
      orders = [:]
    }

    mutating func order(of session: String) -> Int {
      if let order = orders[session] { return order }
      nextOrder += 1
      orders[session] = nextOrder
      return nextOrder
    }
  }

  private let state = Mutex(State())
  /// Made at once, and never changed after that.
  fileprivate nonisolated(unsafe) private(set) var shelves: [BoardShelf] = []

  init(_ loops: LoopGroup) { shelves = loops.loops.map { BoardShelf(loop: $0, board: self) } }

  func shelf(of loop: EventLoop) -> BoardShelf? { shelves.first { $0.loop === loop } }

  // MARK: Reading

  /// The ids of all sessions, in their order.
  package var sessions: [String] {
    state.withLock { state in state.entries.sorted { $0.value.order < $1.value.order }.map(\.key) }
  }

  /// What is known of these sessions now; those that are gone are missing.
  package func entries(of sessions: some Collection<String>) -> [String: Entry] {
    state.withLock { state in
      var found: [String: Entry] = [:]
      for id in sessions { if let entry = state.entries[id] { found[id] = entry } }
      return found
    }
  }

  // MARK: Writing

  /// Begins a round of following when this is the first follower; returns its number in that case.
  fileprivate func add(_ follower: any BoardFollower) -> Int? {
    state.withLock { state in
      state.followers.append(follower)
      guard state.followers.count == 1 else { return nil }
      state.begin()
      return state.round
    }
  }

  /// Whether this was the last follower.
  fileprivate func remove(_ follower: any BoardFollower) -> Bool {
    state.withLock { state in
      let before = state.followers.count
      state.followers.removeAll { $0 === follower }
      guard state.followers.isEmpty, before > 0 else { return false }
      // What shelves have not heard of yet belongs to no round.
      state.begin()
      return true
    }
  }

  /// These come one after the other, whichever is looked at first.
  fileprivate func arrange(_ sessions: [String], in round: Int) {
    state.withLock { state in
      guard state.round == round else { return }
      for session in sessions { _ = state.order(of: session) }
    }
  }

  func put(_ records: [SessionRecord], in round: Int) {
    let encoded = records.map { ($0, $0.boardDocument) }
    let followers = state.withLock { state -> [any BoardFollower] in
      guard state.round == round else { return [] }
      for (record, document) in encoded {
        state.entries[record.id] = Entry(
          name: record.name, tags: record.tags, order: state.order(of: record.id), record: document)
      }
      return state.followers
    }
    let changed = records.map(\.id)
    for follower in followers { follower.boardChanged(changed) }
  }

  func remove(_ session: String, in round: Int) {
    let followers = state.withLock { state -> [any BoardFollower] in
      guard state.round == round else { return [] }
      state.orders[session] = nil
      return state.entries.removeValue(forKey: session) == nil ? [] : state.followers
    }
    for follower in followers { follower.boardChanged([session]) }
  }

  /// Tells the shelves of a round, in order with those before and after: from the store's loop alone.
  fileprivate func tellShelves(_ round: Int?) {
    for shelf in shelves { shelf.loop.execute { shelf.follow(round) } }
  }
}

extension SessionStore {
  /// Follows all sessions from now on. When it returns the board holds every session that there was at the time of the call.
  package func follow(_ follower: any BoardFollower) async {
    if let round = board.add(follower) {
      board.tellShelves(round)
      let sessions = list().map(\.session)
      board.arrange(sessions.map(\.id), in: round)
      boardFilling = Task { await fill(sessions, round: round) }
    }
    await boardFilling?.value
  }

  /// Stops following. Without followers the board is emptied.
  package func unfollow(_ follower: any BoardFollower) {
    guard board.remove(follower) else { return }
    boardFilling = nil
    board.tellShelves(nil)
  }

  /// Puts these sessions on the board. Returns when they are there.
  private func fill(_ sessions: [Session], round: Int) async {
    let byLoop = Dictionary(grouping: sessions) { ObjectIdentifier($0.loop) }
    for shelf in board.shelves {
      let here = byLoop[ObjectIdentifier(shelf.loop)] ?? []
      await LoopVisitor(loop: shelf.loop).look(at: here) { shelf.fill($0, round: round) }
    }
  }
}
