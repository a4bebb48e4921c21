package import Events
import Formats
import Net
import Operations
package import Store
import Sys

/// What the surfaces need to let clients follow the event log.
package struct EventFeeds: Sendable {
  package let log: EventLog
  package let cursors: CursorStore
  /// Where cursors are written: that waits for the disk.
  let cursorThread = WorkerThread(name: "cursors")
  let frames = FrameCache()
  let waiters = EventWaiters()

  package init(log: EventLog, cursors: CursorStore) {
    self.log = log
    self.cursors = cursors
  }
}

/// How a client wants to follow: which events, from where on, and in what form.
struct EventFollowing: Sendable {
  var filter = EventFilter()
  var form = EventForm.roost
  /// The last event that the client has.
  var after: UInt64?
  /// A place that is kept for the client by name.
  var cursor: String?
  /// How far behind the newest event it may fall before it is told of a gap instead; `nil`: as far as it likes.
  var maximumLag: Int?

  /// What may be asked for in a query.
  static let parameters =
    EventSelection.meanings.map { Schema.Field($0, .string()) } + [
      Schema.Field(
        FieldMeaning(
          "cursor", "A cursor of this name, kept by the server: it goes on behind the last event that was acknowledged"),
        .string()),
      Schema.Field(EventForm.meaning, EventForm.schema),
      Schema.Field(
        FieldMeaning("after", "The number of the last event that is known already; without it only new ones are told"),
        .integer(0...Int.max)),
      Schema.Field(
        FieldMeaning(
          "max_lag",
          "How many events it may fall behind before it is told of a gap in their place; without it as many as it likes"
        ),
        .integer(0...Int.max)),
    ]
  private static let known = Set(parameters.map(\.name))

  /// Reads a query. `lastEventID` is the header with which a browser goes on where it was (HTML §9.2.6).
  init(_ query: [(name: String, value: String)], lastEventID: String? = nil) throws(OperationError) {
    for (name, _) in query where !EventFollowing.known.contains(name) {
      throw OperationError(.invalidRequest, "Invalid request: '\(name)' is not a parameter here.")
    }
    func value(_ name: String) -> String? { query.first { $0.name == name }?.value }
    func number(_ name: String, _ text: String?) throws(OperationError) -> UInt64? {
      guard let text else { return nil }
      guard let number = UInt64(text), number < UInt64(Int64.max) else {
        throw OperationError(.invalidRequest, "Invalid request: '\(name)' must be the number of an event.")
      }
      return number
    }
    var selection = EventSelection()
    selection.subject = try EventFollowing.words(value("subject"))
    selection.type = try EventFollowing.words(value("type"))
    selection.originKind = value("origin_kind")
    selection.originId = value("origin_id")
    selection.correlationId = value("correlation_id")
    selection.since = value("since")
    selection.until = value("until")
    do { filter = try selection.filter() } catch { throw OperationError(wrapping: error) }
    after = try number("after", value("after"))
    if let last = try number("Last-Event-ID", lastEventID) { after = last }
    cursor = value("cursor")
    if let lag = try number("max_lag", value("max_lag")) {
      guard (1...1_000_000_000).contains(lag) else {
        throw OperationError(.invalidRequest, "Invalid request: 'max_lag' must be at least 1.")
      }
      maximumLag = Int(lag)
    }
    if let text = value("format") {
      guard let form = EventForm(rawValue: text) else {
        throw OperationError(
          .invalidRequest,
          "Invalid request: 'format' must be one of \(EventForm.allCases.map(\.rawValue).joined(separator: ", ")).")
      }
      self.form = form
    }
  }

  private static func words(_ text: String?) throws(OperationError) -> Words? {
    guard let text else { return nil }
    do { return try Words(commaSeparated: text) } catch { throw OperationError(wrapping: error) }
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
