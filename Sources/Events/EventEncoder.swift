import Formats

/// A draft as bytes, with the places where its number and its time go: those are known when the log writes it.
struct EncodedDraft: Sendable {
  let bytes: [UInt8]
  let seqAt: Int
  let timeAt: Int
  let id: String
}

enum EventEncoder {
  /// Throws ``EventError/Code/eventTooLarge``, and ``EventError/Code/invalidEvent`` for fields that would need escapes.
  static func encode(_ draft: EventDraft, serverID: String) throws(EventError) -> EncodedDraft {
    guard EventRules.isID(draft.id), EventRules.isType(draft.type), EventRules.isOriginKind(draft.origin.kind),
      EventRules.isOriginID(draft.origin.id), EventRules.isID(draft.correlationID),
      draft.causationID.map(EventRules.isID) ?? true
    else { throw EventError(.invalidEvent, "An id, type or origin of the event holds what may not stand there.") }
    // The first token is the mark of who made an event: it stands in the log and cannot be had otherwise.
    guard EventMaker(of: draft.subject) == draft.maker else {
      throw EventError(.invalidEvent, "The subject '\(draft.subject)' belongs to events that somebody else makes.")
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(draft.data.count + 480)
    bytes += "{\"id\":\"".utf8
    bytes += draft.id.utf8
    bytes += "\",\"seq\":".utf8
    let seqAt = bytes.count
    bytes += ",\"type\":\"".utf8
    bytes += draft.type.utf8
    bytes += "\",\"subject\":\"".utf8
    bytes += draft.subject.text.utf8
    bytes += "\",\"time\":\"".utf8
    let timeAt = bytes.count
    bytes += "\",\"origin\":{\"server_id\":\"".utf8
    bytes += serverID.utf8
    bytes += "\",\"kind\":\"".utf8
    bytes += draft.origin.kind.utf8
    bytes += "\",\"id\":\"".utf8
    bytes += draft.origin.id.utf8
    bytes += "\"},\"correlation_id\":\"".utf8
    bytes += draft.correlationID.utf8
    bytes += "\"".utf8
    if let causation = draft.causationID {
      bytes += ",\"causation_id\":\"".utf8
      bytes += causation.utf8
      bytes += "\"".utf8
    }
    if let principal = draft.principal {
      bytes += ",\"principal\":".utf8
      var json = JSONWriter(reserving: principal.utf8.count + 8)
      json.string(principal)
      bytes += json.finish()
    }
    bytes += ",\"data\":".utf8
    bytes += draft.data
    // What the log adds, and the bracket.
    guard bytes.count + 20 + EventTime.length + 1 <= EventLog.maximumEventBytes else {
      throw EventError(
        .eventTooLarge,
        "The event is larger than \(EventLog.maximumEventBytes) bytes; publish a reference to its data instead.")
    }
    return EncodedDraft(bytes: bytes, seqAt: seqAt, timeAt: timeAt, id: draft.id)
  }
}

/// What may stand in the fields of an event, so that a stored line needs no escapes before its data.
package enum EventRules {
  /// An id, kept as it was given: 1 to 128 bytes of printable ASCII without space, quotation mark and backslash.
  package static func isID(_ text: String) -> Bool { isPlain(text, maximumBytes: 128) { $0 > 0x20 && $0 < 0x7F } }

  /// A type: like an id.
  package static func isType(_ text: String) -> Bool { isID(text) }

  /// 1 to 32 of `a`–`z`, `0`–`9`, `_`, `-`.
  package static func isOriginKind(_ text: String) -> Bool {
    isPlain(text, maximumBytes: 32) {
      (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F || $0 == 0x2D
    }
  }

  /// 1 to 128 bytes without control characters, quotation marks and backslashes.
  package static func isOriginID(_ text: String) -> Bool {
    isPlain(text, maximumBytes: 128) { $0 >= 0x20 && $0 != 0x7F }
  }

  private static func isPlain(_ text: String, maximumBytes: Int, _ allowed: (UInt8) -> Bool) -> Bool {
    (1...maximumBytes).contains(text.utf8.count)
      && text.utf8.allSatisfy { $0 != 0x22 && $0 != 0x5C && allowed($0) }
  }
}
