import Events
import Formats
import Net
import Operations
import Store
import Sys

/// What the surfaces need to let clients follow the event log.
struct EventFeeds: Sendable {
  let log: EventLog
  let cursors: CursorStore
  /// Where cursors are written: that waits for the disk.
  let cursorThread = WorkerThread(name: "cursors")
  let frames = FrameCache()
  let waiters = EventWaiters()

  init(log: EventLog, cursors: CursorStore) {
    self.log = log
    self.cursors = cursors
  }
}

/// What following takes.
struct FollowInput: Decodable, Sendable, MeaningTelling {
  static let meanings =
    EventSelection.meanings + [
      FieldMeaning(
        "cursor", "A cursor of this name, kept by the server: it goes on behind the last event that was acknowledged"),
      EventForm.meaning,
      FieldMeaning("after", "The number of the last event that is known already; without it only new ones are told"),
      FieldMeaning(
        "max_lag",
        "How many events it may fall behind before it is told of a gap in their place; without it as many as it likes"),
    ]

  var subject: Words?
  var type: Words?
  var originKind: String?
  var originId: String?
  var correlationId: String?
  var since: String?
  var until: String?
  var cursor: String?
  var format: EventForm?
  var after: UInt64?
  var maxLag: Int?
}

/// How a client wants to follow: which events, from where on, and in what form.
struct EventFollowing: Sendable {
  let filter: EventFilter
  let form: EventForm
  /// The last event that the client has.
  let after: UInt64?
  /// A place that is kept for the client by name.
  let cursor: String?
  /// How far behind the newest event it may fall before it is told of a gap instead; `nil`: as far as it likes.
  let maximumLag: Int?

  private static let lags = 1...1_000_000_000

  init(_ input: FollowInput) throws {
    var selection = EventSelection()
    selection.subject = input.subject
    selection.type = input.type
    selection.originKind = input.originKind
    selection.originId = input.originId
    selection.correlationId = input.correlationId
    selection.since = input.since
    selection.until = input.until
    filter = try selection.filter()
    if let after = input.after, after >= UInt64(Int64.max) {
      throw OperationError(.invalidRequest, "Invalid request: 'after' must be the number of an event.")
    }
    if let lag = input.maxLag, !EventFollowing.lags.contains(lag) {
      throw OperationError(
        .invalidRequest, "Invalid request: 'max_lag' must be from 1 to \(EventFollowing.lags.upperBound).")
    }
    after = input.after
    cursor = input.cursor
    maximumLag = input.maxLag
    form = input.format ?? .roost
  }

  /// The number of the first event that the client wants: what it says itself, else where its cursor stands, else from its time on, else
  /// what comes from now on.
  func start(_ feeds: EventFeeds, for call: Call) async throws(OperationError) -> UInt64 {
    if cursor != nil, !call.mayMoveCursors {
      throw OperationError(
        .insufficientScope,
        "This token may not follow with a cursor, which moves it: it needs the scope '\(Scope.eventsPublish.rawValue)' beside '\(Scope.eventsRead.rawValue)'."
      )
    }
    await feeds.log.whenOpen()
    if let after { return after + 1 }
    if let cursor {
      do throws(StoreError) {
        return try feeds.cursors.find(cursor, of: call.cursorOwner).seq + 1
      } catch {
        // A cursor that is not there yet begins here and is made when its reader says how far it is.
        if error.code != .notFound {
          throw OperationError(.eventLogUnavailable, "The cursors cannot be read: \(error.message).")
        }
      }
    }
    if filter.since != nil {
      var query = EventQuery()
      query.filter.since = filter.since
      query.limit = 1
      do throws(EventError) {
        if let first = try await feeds.log.page(query).events.first { return first.seq }
      } catch {
        throw OperationError(error)
      }
    }
    return feeds.log.lastSeq + 1
  }
}

/// Frames made last on each loop, so that a thousand clients that follow the same events are sent the same bytes.
final class FrameCache: Sendable {
  struct Key: Hashable {
    let filter: EventFilter
    let form: EventForm
    let first: UInt64
    let last: UInt64
    let count: Int
  }

  private let last = LoopLocal<(key: Key, texts: WebSocketTexts)>()

  func texts(_ key: Key, on loop: EventLoop, _ make: () -> WebSocketTexts) -> WebSocketTexts {
    if let known = last[loop], known.key == key { return known.texts }
    let made = make()
    last[loop] = (key, made)
    return made
  }
}
