import Synchronization

/// Bytes that came in, taken out piece by piece as text.
package final class LockedText: Sendable {
  private let bytes = Mutex<[UInt8]>([])

  package func add(_ more: some Collection<UInt8>) { bytes.withLock { $0 += more } }

  /// Everything up to the end of `mark`; nil while that is not there.
  package func take(through mark: String) -> String? {
    let mark = Array(mark.utf8)
    return bytes.withLock { bytes in
      guard let range = bytes.firstRange(of: mark) else { return nil }
      let text = String(decoding: bytes[..<range.upperBound], as: UTF8.self)
      bytes.removeSubrange(..<range.upperBound)
      return text
    }
  }

  /// So many bytes; nil while they are not there.
  package func take(count: Int) -> [UInt8]? {
    bytes.withLock { bytes in
      guard bytes.count >= count else { return nil }
      let taken = Array(bytes[..<count])
      bytes.removeSubrange(..<count)
      return taken
    }
  }
}
