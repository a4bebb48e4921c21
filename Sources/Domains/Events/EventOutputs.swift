import Events
import Formats
import Operations
import Store

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

struct EventReceiptOutput: Codable, Sendable {
  var id: String
  var seq: UInt64
  var time: String
  var subject: String
  var correlationID: String

  init(_ receipt: EventReceipt, _ draft: EventDraft) {
    id = receipt.id
    seq = receipt.seq
    time = receipt.time.description
    subject = draft.subject.text
    correlationID = draft.correlationID
  }

  func write(to json: inout JSONWriter) {
    json.beginObject()
    json.key("id")
    json.string(id)
    json.key("seq")
    json.integer(seq)
    json.key("time")
    json.string(time)
    json.key("subject")
    json.string(subject)
    json.key("correlation_id")
    json.string(correlationID)
    json.endObject()
  }
}

struct CursorOutput: Codable, Sendable {
  var name: String
  var seq: UInt64
  var updatedAt: Timestamp

  init(_ cursor: NamedCursor) {
    name = cursor.name
    seq = cursor.seq
    updatedAt = Timestamp(milliseconds: cursor.updatedAt)
  }
}

struct HubInfo: Codable, Sendable {
  var hubID: String
  var version: String
  var hostname: String
  var status: String
}

struct HubHealth: Codable, Sendable {
  var status: String
  var services: [String: String]
}

struct BusHealth: Codable, Sendable {
  struct Statistics: Codable, Sendable { var events: UInt64 }
  var ok: Bool
  /// Left out for a caller who may hear of some events only.
  var stats: Statistics?
}
