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

  /// Every message without its frame, for sockets that frame otherwise.
  package func forEach(_ body: (UnsafeRawBufferPointer) -> Void) {
    frames.withUnsafeBytes { frames in
      var rest = frames[...]
      while rest.count >= 2 {
        // As `WebSocketEncoder` wrote them: text, final, not masked (RFC 6455 §5.2).
        let start = rest.startIndex
        var (header, count) = (2, Int(rest[start + 1]))
        if count > 125 {
          let lengthBytes = count == 126 ? 2 : 8
          header += lengthBytes
          count = rest[(start + 2)..<(start + header)].reduce(0) { $0 << 8 | Int($1) }
        }
        body(UnsafeRawBufferPointer(rebasing: rest[(start + header)..<(start + header + count)]))
        rest = rest[(start + header + count)...]
      }
    }
  }
}
