/// Which events are wanted: all that is set must hold.
package struct EventFilter: Sendable, Hashable {
  /// Any of these; empty: all.
  package var subjects: [SubjectPattern] = []
  /// Any of these, matched like subjects; empty: all.
  package var types: [SubjectPattern] = []
  package var id: String?
  package var originKind: String?
  package var originID: String?
  package var correlationID: String?
  /// Not before.
  package var since: EventTime?
  /// Before, and not at.
  package var until: EventTime?

  package init() {}

  var isEverything: Bool { self == EventFilter() }

  /// Text that must stand in a line for the filter to let it through, if there is one that few lines hold: found with a plain search before
  /// any line is looked at closely.
  var needle: [UInt8]? {
    if let id { return Array("{\"id\":\"\(id)\",\"seq\":".utf8) }
    if let correlationID { return Array("\"correlation_id\":\"\(correlationID)\"".utf8) }
    if let originID { return Array(",\"id\":\"\(originID)\"},\"correlation_id\":".utf8) }
    if subjects.count == 1, let subject = try? Subject(subjects[0].text) {
      return Array("\"subject\":\"\(subject.text)\",\"time\":".utf8)
    }
    if types.count == 1, let type = try? Subject(types[0].text) {
      return Array("\"type\":\"\(type.text)\",\"subject\":".utf8)
    }
    return nil
  }

  package func matches(_ event: StoredEvent) -> Bool { matches(event.chunk, event.index) }

  func matches(_ chunk: EventChunk, _ index: Int) -> Bool {
    let start = Int(chunk.starts[index])
    return chunk.bytes.withUnsafeBytes { matches(chunk.lines[index], UnsafeRawBufferPointer(rebasing: $0[start...])) }
  }

  /// `bytes` begin with the line.
  func matches(_ line: EventLine, _ bytes: UnsafeRawBufferPointer) -> Bool {
    if let since, line.time < since { return false }
    if let until, line.time >= until { return false }
    func field(_ range: Range<Int32>) -> UnsafeBufferPointer<UInt8> {
      UnsafeRawBufferPointer(rebasing: bytes[Int(range.lowerBound)..<Int(range.upperBound)]).bindMemory(to: UInt8.self)
    }
    if let correlationID, !field(line.correlationID).elementsEqual(correlationID.utf8) { return false }
    if let id, !field(line.id).elementsEqual(id.utf8) { return false }
    if let originKind, !field(line.originKind).elementsEqual(originKind.utf8) { return false }
    if let originID, !field(line.originID).elementsEqual(originID.utf8) { return false }
    if !types.isEmpty {
      let type = field(line.type)
      if !types.contains(where: { $0.matches(type) }) { return false }
    }
    if !subjects.isEmpty {
      let subject = field(line.subject)
      if !subjects.contains(where: { $0.matches(subject) }) { return false }
    }
    return true
  }
}
