import Formats

/// One event of `text/event-stream` (HTML §9.2).
package enum ServerSentEvent {
  /// The event with its empty line. `data` is JSON of anybody's: it is made one line, so that nothing in it ends the event early; `nil` for what
  /// is no JSON.
  package static func text(id: Int?, event: String?, data: [UInt8]) -> [UInt8]? {
    guard let line = JSONText.compact(data[...]) else { return nil }
    return text(id: id, event: event, line: line[...])
  }

  /// The same of data that is one line. `nil` for an event's name that is more than one.
  package static func text(id: Int?, event: String?, line: ArraySlice<UInt8>) -> [UInt8]? {
    var text: [UInt8] = []
    text.reserveCapacity(line.count + 64)
    if let id { text += "id: \(id)\n".utf8 }
    if let event {
      guard event.unicodeScalars.allSatisfy({ $0.value >= 0x20 }) else { return nil }
      text += "event: \(event)\n".utf8
    }
    text += "data: ".utf8
    text += line
    text += "\n\n".utf8
    return text
  }

  /// A line for people, which no program is told.
  package static func comment(_ words: String) -> [UInt8] { Array(": \(words)\n\n".utf8) }
}
