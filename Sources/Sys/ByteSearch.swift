import CSys

/// Where `wanted` stands first, at or after `start`; `nil` when it does not.
package func firstOffset(
  of wanted: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer, from start: Int = 0
) -> Int? {
  guard start < bytes.count, let base = bytes.baseAddress, let wantedBase = wanted.baseAddress,
    let found = csys_find(base + start, bytes.count - start, wantedBase, wanted.count)
  else { return nil }
  return base.distance(to: found)
}

/// Where `byte` stands last among the first `count` bytes; `nil` when it does not.
package func lastOffset(of byte: UInt8, in bytes: UnsafeRawBufferPointer, before count: Int) -> Int? {
  guard let base = bytes.baseAddress, let found = csys_find_last(base, min(count, bytes.count), CInt(byte)) else {
    return nil
  }
  return base.distance(to: found)
}
