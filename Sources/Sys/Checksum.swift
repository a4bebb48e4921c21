import CSys

/// CRC-32C (Castagnoli; RFC 3720 §12.1) of the bytes: finds what a disk or a cable changed. No protection against people.
package func crc32c(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  guard let start = bytes.baseAddress else { return 0 }
  return csys_crc32c(0, start, bytes.count)
}
