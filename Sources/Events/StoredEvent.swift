package import Formats

/// Some consecutive lines of the log, read or written at once; events share its memory.
final class EventChunk: Sendable {
  let bytes: [UInt8]
  let starts: [Int32]
  let lines: [EventLine]

  init(bytes: [UInt8], starts: [Int32], lines: [EventLine]) {
    self.bytes = bytes
    self.starts = starts
    self.lines = lines
  }

  var firstSeq: UInt64 { lines.first?.seq ?? 0 }
  var lastSeq: UInt64 { lines.last?.seq ?? 0 }

  func slice(_ index: Int, _ range: Range<Int32>) -> ArraySlice<UInt8> {
    bytes[Int(starts[index] + range.lowerBound)..<Int(starts[index] + range.upperBound)]
  }

  func withField<Result>(
    _ index: Int, _ range: Range<Int32>, _ body: (UnsafeBufferPointer<UInt8>) -> Result
  ) -> Result {
    bytes.withUnsafeBufferPointer {
      let start = Int(starts[index])
      return body(UnsafeBufferPointer(rebasing: $0[start + Int(range.lowerBound)..<start + Int(range.upperBound)]))
    }
  }
}

/// One event of the log, as it is stored, with its fields at hand.
package struct StoredEvent: Sendable {
  let chunk: EventChunk
  let index: Int

  private var line: EventLine { chunk.lines[index] }

  package var seq: UInt64 { line.seq }
  package var time: EventTime { line.time }
  package var id: String { text(line.id) }
  package var type: String { text(line.type) }
  package var subject: String { text(line.subject) }
  package var serverID: String { text(line.serverID) }
  package var originKind: String { text(line.originKind) }
  package var originID: String { text(line.originID) }
  package var correlationID: String { text(line.correlationID) }
  package var causationID: String? { line.causationID.map(text) }
  package var principal: String? {
    guard let range = line.principal, let json = try? JSON(parsing: Array(chunk.slice(index, range))) else {
      return nil
    }
    return json.string
  }
  /// The JSON value that the event carries, as it was published.
  package var data: ArraySlice<UInt8> { chunk.slice(index, line.data) }

  /// Bytes of ``document``.
  package var documentBytes: Int { Int(line.documentEnd) + 1 }

  /// The event as a document: the stored line without its checksum.
  package var document: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: documentBytes) { buffer, count in
      copyDocument(to: buffer.baseAddress!)
      count = documentBytes
    }
  }

  /// Writes ``documentBytes`` bytes.
  package func copyDocument(to memory: UnsafeMutablePointer<UInt8>) {
    chunk.withField(index, 0..<line.documentEnd) { memory.update(from: $0.baseAddress!, count: $0.count) }
    memory[Int(line.documentEnd)] = 0x7D
  }

  /// Writes the event as a value.
  package func write(to json: inout JSONWriter) {
    json.separate()
    copyDocument(to: json.room(documentBytes))
    json.count += documentBytes
    json.needsComma = true
  }

  private func text(_ range: Range<Int32>) -> String { String(decoding: chunk.slice(index, range), as: UTF8.self) }
}
