import Store

/// How full pages of history are packed once nobody waits for the loop.
enum HistoryCodec {
  /// What a packer takes while it works, about.
  static let workingBytes = 256 << 10

  /// Calls `body` with a packer whose working memory serves all pages of one visit.
  static func withCompressor<Result>(_ body: ((UnsafeRawBufferPointer) -> [UInt8]?) -> Result) -> Result? {
    guard let codec = try? PageCodec() else { return nil }
    return body { page in
      // The copy has the size it needs; the codec's own result was made for the worst case.
      (try? codec.compress(page)).map { Array($0[...]) }
    }
  }

  static func decompress(_ packed: UnsafeRawBufferPointer, _ size: Int) -> [UInt8]? {
    guard let codec = try? PageCodec() else { return nil }
    return try? codec.decompress(Array(packed), limit: size)
  }
}
