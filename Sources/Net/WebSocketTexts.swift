/// Text messages of a server, made into frames beforehand: many small messages go out in one write, and the same frames to many sockets.
package struct WebSocketTexts: Sendable {
  fileprivate(set) var frames: [UInt8] = []

  package init(reserving bytes: Int = 0) { frames.reserveCapacity(bytes) }

  package var isEmpty: Bool { frames.isEmpty }
  /// Bytes on the wire.
  package var count: Int { frames.count }

  /// Adds a message of `count` bytes of UTF-8, which `write` writes.
  package mutating func append(count: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: WebSocketEncoder.maxHeaderBytes, alignment: 8) { header in
      let headerBytes = WebSocketEncoder.header(.text, count: count, into: header)
      frames += header[..<headerBytes]
    }
    let start = frames.count
    frames.reserveCapacity(start + count)
    frames.append(contentsOf: repeatElement(0, count: count))
    frames.withUnsafeMutableBufferPointer { write($0.baseAddress! + start) }
  }

  package mutating func append(_ text: [UInt8]) {
    append(count: text.count) { target in
      text.withUnsafeBufferPointer { if let start = $0.baseAddress { target.update(from: start, count: $0.count) } }
    }
  }
}
