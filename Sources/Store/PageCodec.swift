import CZstd

/// Compresses buffers of bytes, as history pages are: zstd (RFC 8878) at level 1, which costs about 3 ns a byte.
/// Keeps the library's working memory, a few hundred KiB, from one call to the next: make one for each thread of work.
package struct PageCodec: ~Copyable {
  private let compressor: OpaquePointer
  private let decompressor: OpaquePointer
  /// Level 3 packs 4 % smaller, but takes three times the memory, most of which the C library then keeps.
  private static let level: CInt = 1

  package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String
  }

  /// Fails only without memory.
  package init() throws(Failure) {
    guard let compressor = ZSTD_createCCtx() else { throw Failure(description: "no memory for a compressor") }
    guard let decompressor = ZSTD_createDCtx() else {
      ZSTD_freeCCtx(compressor)
      throw Failure(description: "no memory for a decompressor")
    }
    self.compressor = compressor
    self.decompressor = decompressor
  }

  deinit {
    ZSTD_freeCCtx(compressor)
    ZSTD_freeDCtx(decompressor)
  }

  /// One frame that records the size of what is in it. Bytes that do not compress grow by less than 1 %.
  package func compress(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> [UInt8] {
    let bound = ZSTD_compressBound(bytes.count)
    var outcome = 0
    let result = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      outcome = ZSTD_compressCCtx(compressor, buffer.baseAddress, bound, bytes.baseAddress, bytes.count, Self.level)
      count = ZSTD_isError(outcome) == 0 ? outcome : 0
    }
    guard ZSTD_isError(outcome) == 0 else { throw Self.failure(outcome) }
    return result
  }

  package func compress(_ bytes: [UInt8]) throws(Failure) -> [UInt8] {
    let result: Result<[UInt8], Failure> = bytes.withUnsafeBytes { buffer in
      Result { () throws(Failure) in try compress(buffer) }
    }
    return try result.get()
  }

  /// What was compressed. Refuses anything but one frame of `compress` that holds at most `limit` bytes: a few bytes
  /// could otherwise claim to hold gigabytes.
  package func decompress(_ bytes: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
    let claimed = ZSTD_getFrameContentSize(bytes, bytes.count)
    // The two highest values mean that the size is unknown and that this is no frame.
    guard claimed < UInt64.max - 1 else { throw Failure(description: "this is no compressed page") }
    guard claimed <= UInt64(clamping: limit) else {
      throw Failure(description: "the page claims to hold \(claimed) bytes, more than \(limit)")
    }
    let size = Int(claimed)
    var outcome = 0
    let result = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      outcome = ZSTD_decompressDCtx(decompressor, buffer.baseAddress, size, bytes, bytes.count)
      count = ZSTD_isError(outcome) == 0 ? outcome : 0
    }
    guard ZSTD_isError(outcome) == 0 else { throw Self.failure(outcome) }
    guard result.count == size else { throw Failure(description: "the page is cut off") }
    return result
  }

  private static func failure(_ outcome: Int) -> Failure {
    Failure(description: "zstd: " + String(cString: ZSTD_getErrorName(outcome)))
  }
}
