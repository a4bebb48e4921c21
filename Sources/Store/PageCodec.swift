import CZstd

/// Packs pages of history (zstd at its fastest level: real terminal output shrinks to about a quarter).
package enum PageCodec {
  package struct Failure: Error, Sendable {}

  package static func compress(_ page: UnsafeRawBufferPointer) throws(Failure) -> [UInt8] {
    var size = 0
    let packed = [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(page.count)) { buffer, count in
      size = ZSTD_compress(buffer.baseAddress, buffer.count, page.baseAddress, page.count, 1)
      count = ZSTD_isError(size) == 0 ? size : 0
    }
    guard ZSTD_isError(size) == 0 else { throw Failure() }
    return packed
  }

  /// `size` is what the page had before; anything else is a failure.
  package static func decompress(_ packed: UnsafeRawBufferPointer, size: Int) throws(Failure) -> [UInt8] {
    var written = 0
    let page = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      written = ZSTD_decompress(buffer.baseAddress, buffer.count, packed.baseAddress, packed.count)
      count = ZSTD_isError(written) == 0 ? written : 0
    }
    guard ZSTD_isError(written) == 0, written == size else { throw Failure() }
    return page
  }
}
