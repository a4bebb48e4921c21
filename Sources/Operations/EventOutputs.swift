import Events
import Formats

/// A page of events, encoded by hand: `{"events":[…],"next":…}`.
struct EventPageOutput: EncodedDocument {
  private let json: [UInt8]

  /// With `list`, the events alone.
  static let schema = Schema.either([
    .object([
      .init("events", .array(.any)), .init("next", .optional(.integer(0...Int.max))),
      .init("unreadable", .integer(0...Int.max), required: false),
      .init("count", .integer(0...Int.max), required: false),
    ]), .array(.any),
  ])

  /// `unreadable` is there when lines could not be read: they are missing from the answer.
  init(_ page: EventPage, as form: EventForm, isCounted: Bool = false, isList: Bool = false) {
    if isList {
      var json = JSONWriter()
      json.beginArray()
      for event in page.events { event.write(as: form, to: &json) }
      json.endArray()
      self.json = json.finish()
      return
    }
    var json = JSONWriter(reserving: 64 + page.events.reduce(0) { $0 + $1.documentBytes + 1 })
    json.beginObject()
    json.key("events")
    json.beginArray()
    for event in page.events { event.write(as: form, to: &json) }
    json.endArray()
    json.key("next")
    if let next = page.next { json.integer(next) } else { json.null() }
    if page.unreadable > 0 {
      json.key("unreadable")
      json.integer(page.unreadable)
    }
    if isCounted {
      json.key("count")
      json.integer(page.events.count)
    }
    json.endObject()
    self.json = json.finish()
  }

  consuming func encoded() -> [UInt8] { json }
}

/// One event.
struct EventOutput: EncodedDocument {
  private let json: [UInt8]
  static let schema = Schema.any

  init(_ event: StoredEvent, as form: EventForm) { json = event.document(as: form) }

  consuming func encoded() -> [UInt8] { json }
}

/// How the log is.
struct EventLogStatus: Codable, Sendable {
  var firstSeq: UInt64
  var lastSeq: UInt64
  var files: Int
  var bytes: Int
  var appended: UInt64
  var followers: Int
  var waitingBytes: Int
  var dropped: UInt64
  var failed: UInt64
  var corruptLines: Int
  var tornBytesCut: Int
  var writable: Bool
  /// Why it cannot be written.
  var error: String?

  init(_ log: EventLog) {
    let statistics = log.statistics
    let size = log.size
    firstSeq = log.firstSeq
    lastSeq = log.lastSeq
    files = size.files
    bytes = size.bytes
    appended = statistics.appended
    followers = log.followers
    waitingBytes = log.waitingBytes
    dropped = statistics.dropped
    failed = statistics.failed
    corruptLines = statistics.corruptLines
    tornBytesCut = statistics.tornBytesCut
    writable = statistics.fault == nil
    error = statistics.fault
  }
}
