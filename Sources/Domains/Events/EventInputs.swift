package import Events
import Formats
package import Operations
import Sessions

// The inputs of the event operations. Property names become JSON's snake case.

extension EventForm: SchemaDescribing {
  package static let sample = EventForm.roost
  package static let meaning = FieldMeaning(
    "format", "How events are written", standard: .string(EventForm.roost.rawValue))
}

extension EventForm: Codable {}

/// One word, or a list of them; over REST separated by commas.
package struct Words: Sendable, Decodable, SchemaDescribing {
  package let words: [String]

  package static let maximum = 32
  package static let schema = Schema.either([.string(), .array(.string())])
  package static let sample = Words([])

  init(_ words: [String]) { self.words = words }

  /// Over REST: a list with commas.
  package init(commaSeparated text: String) throws {
    try self.init(checking: text.split(separator: ",", omittingEmptySubsequences: false).map(String.init))
  }

  package init(from decoder: any Decoder) throws {
    if let one = try? decoder.singleValueContainer().decode(String.self) {
      try self.init(commaSeparated: one)
    } else {
      try self.init(checking: try decoder.singleValueContainer().decode([String].self))
    }
  }

  private init(checking words: [String]) throws {
    self.words = words
    guard words.count <= Words.maximum else {
      throw OperationError(.invalidRequest, "Invalid request: at most \(Words.maximum) patterns are taken.")
    }
  }
}

/// How many events one page holds.
package struct PageLimit: Sendable, Decodable, SchemaDescribing {
  let value: Int

  package static let schema = Schema.integer(1...EventQuery.maximumLimit)
  package static let sample = standard
  static let standard = PageLimit(value: 100)
  static let meaning = FieldMeaning("limit", "How many events at most", standard: .integer(standard.value))

  init(value: Int) { self.value = value }

  package init(from decoder: any Decoder) throws {
    value = try decoder.singleValueContainer().decode(Int.self)
    guard (1...EventQuery.maximumLimit).contains(value) else {
      throw OperationError(
        .invalidRequest, "Invalid request: 'limit' must be from 1 to \(EventQuery.maximumLimit); go on with 'after'.")
    }
  }
}

/// In which order events are told.
package enum EventOrder: String, Sendable, Codable, CaseIterable, SchemaDescribing {
  case oldestFirst = "asc"
  case newestFirst = "desc"

  package static let sample = EventOrder.oldestFirst
}

/// Which events are meant, as every surface asks for them.
package struct EventSelection: Sendable, Decodable, MeaningTelling {
  package static let meanings = [
    FieldMeaning(
      "subject", "Subjects, one or several, with the wildcards '*' for a token and '>' for the rest; without it all"),
    FieldMeaning("type", "Types, one or several, with the same wildcards; without it all"),
    FieldMeaning("origin_kind", "Only events of this kind of origin, such as session or client"),
    FieldMeaning("origin_id", "Only events of the origin with this id"),
    FieldMeaning("correlation_id", "Only events that this call has caused"),
    FieldMeaning("since", "Only events from this time on: RFC 3339, or a word such as 15m or yesterday 14:00"),
    FieldMeaning("until", "Only events before this time"),
  ]

  package var subject: Words?
  package var type: Words?
  package var originKind: String?
  package var originId: String?
  package var correlationId: String?
  /// RFC 3339, or a word such as `15m` or `yesterday 14:00` in the server's zone.
  package var since: String?
  package var until: String?

  package init() {}

  /// Throws ``EventError``.
  package func filter(now: EventTime = .now()) throws(EventError) -> EventFilter {
    var filter = EventFilter()
    filter.subjects = try EventSelection.patterns(subject)
    filter.types = try EventSelection.patterns(type)
    filter.originKind = originKind
    filter.originID = originId
    filter.correlationID = correlationId
    filter.since = try EventSelection.time(since, now)
    filter.until = try EventSelection.time(until, now)
    return filter
  }

  private static func patterns(_ words: Words?) throws(EventError) -> [SubjectPattern] {
    var patterns: [SubjectPattern] = []
    for word in words?.words ?? [] { patterns.append(try SubjectPattern(word)) }
    return patterns
  }

  private static func time(_ text: String?, _ now: EventTime) throws(EventError) -> EventTime? {
    guard let text else { return nil }
    return EventTime(
      microseconds: try TimeExpression.parse(
        text, now: now.microseconds, offset: TimeExpression.systemOffset(at:)))
  }
}

/// What `events.query` takes.
struct EventQueryInput: Decodable, Sendable, MeaningTelling {
  static let meanings =
    EventSelection.meanings + [
      FieldMeaning("after", "Only events with a greater number"),
      FieldMeaning("before", "Only events with a smaller number"),
      PageLimit.meaning,
      FieldMeaning("order", "Oldest or newest first", standard: .string(EventOrder.oldestFirst.rawValue)),
      EventForm.meaning,
      FieldMeaning("list", "Whether the answer is the list of events alone", standard: false),
    ]

  var subject: Words?
  var type: Words?
  var originKind: String?
  var originId: String?
  var correlationId: String?
  var since: String?
  var until: String?
  var after: UInt64?
  var before: UInt64?
  var limit: PageLimit?
  var order: EventOrder?
  var format: EventForm?
  /// Whether the answer is the list of events alone.
  var list: Bool?

  func query() throws(EventError) -> EventQuery {
    var selection = EventSelection()
    selection.subject = subject
    selection.type = type
    selection.originKind = originKind
    selection.originId = originId
    selection.correlationId = correlationId
    selection.since = since
    selection.until = until
    var query = EventQuery()
    query.filter = try selection.filter()
    query.after = after
    query.before = before
    query.limit = (limit ?? .standard).value
    query.isDescending = order == .newestFirst
    return query
  }
}

extension Access {
  /// What a question to the log may find for this reader; `nil` where that is everything.
  var admitting: (@Sendable (StoredEvent) -> Bool)? {
    guard isLimited else { return nil }
    return { [self] in admits($0) }
  }

  /// Whether a reader who may reach only some sessions may hear of an event: those of its sessions, and no others.
  package func admits(_ event: StoredEvent) -> Bool {
    guard isLimited else { return true }
    guard event.originKind == "session", let data = try? JSON(parsing: Array(event.data), ambiguity: .tolerated),
      let name = data["session"].string
    else { return false }
    return covers(name: name, tags: (data["tags"].array ?? []).compactMap { $0.string.flatMap { try? Tag($0) } })
  }
}

extension FieldMeaning {
  fileprivate static let event = FieldMeaning("id", "The event's id, or its number")
  fileprivate static let cursor = FieldMeaning("name", "The cursor's name, which is the caller's own")
}

struct EventInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [FieldMeaning.event, EventForm.meaning]

  var id: String
  var format: EventForm?
}

struct ReplayInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [FieldMeaning.event]

  var id: String
}

struct CursorInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [FieldMeaning.cursor]

  var name: String
}

struct SetCursorInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning.cursor, FieldMeaning("seq", "The number of the last event that is done with"),
  ]

  var name: String
  var seq: UInt64
}

struct BusInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning("subject", "A subject, with the wildcards '*' and '>'; without it all"), PageLimit.meaning,
  ]

  var subject: String?
  var limit: PageLimit?
}

extension EventContract {
  static let publicationSchema = Schema.object([
    .init(FieldMeaning("subject", "Its subject: tokens with dots between them"), .string()),
    .init(FieldMeaning("type", "Its type; without it the subject"), .string()),
    .init(FieldMeaning("data", "Any JSON", standard: .null), .any),
    .init(
      FieldMeaning(
        "id", "Its id: one that was published before is not published again; without it the server gives one"),
      .string()),
    .init(
      FieldMeaning("origin", "What it comes from; without it the client that publishes it"),
      .object([.init("kind", .string()), .init("id", .string())])),
    .init(FieldMeaning("correlation_id", "What it belongs to; without it the call"), .string()),
    .init(FieldMeaning("causation_id", "The event that caused it; without it none"), .string()),
  ])

  /// The hub prototype's form.
  static let topicSchema = Schema.object([
    .init(FieldMeaning("topic", "Its subject"), .string()),
    .init(FieldMeaning("subject", "Another word for topic"), .string()),
    .init(FieldMeaning("type", "Its type; without it the subject"), .string()),
    .init(FieldMeaning("payload", "Any JSON", standard: .null), .any),
    .init(FieldMeaning("data", "Another word for payload"), .any),
    .init(FieldMeaning("correlation_id", "What it belongs to; without it the call"), .string()),
  ])
}
