import Store

/// How full pages of history are packed once nobody waits for the loop.
enum HistoryCodec {
  static func compress(_ page: UnsafeRawBufferPointer) -> [UInt8]? { try? PageCodec.compress(page) }

  static func decompress(_ packed: UnsafeRawBufferPointer, _ size: Int) -> [UInt8]? { try? PageCodec.decompress(packed, size: size) }
}
