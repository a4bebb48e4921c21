import CSys
import Glibc

/// A file that exists only as a descriptor (memfd_create(2)): survives its maker when another process holds it too.
package func makeMemoryFile(named name: String, contents: [UInt8] = []) throws(SystemError) -> Descriptor {
  let opened = csys_memfd(name)
  guard opened >= 0 else { throw .last("memfd_create") }
  let file = Descriptor(owning: opened)
  try writeAll(file.raw, contents)
  return file
}

/// The bytes of a memory file from its start, at most `limit`; its position is not moved.
package func readMemoryFile(_ descriptor: CInt, limit: Int) throws(SystemError) -> [UInt8] {
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw .last("fstat") }
  let size = min(Int(status.st_size), limit)
  var failure: SystemError?
  let bytes = [UInt8](unsafeUninitializedCapacity: max(size, 0)) { buffer, count in
    while count < size {
      let got = pread(descriptor, buffer.baseAddress.unsafelyUnwrapped + count, size - count, off_t(count))
      if got > 0 {
        count += got
      } else if got == 0 {
        return
      } else if errno != EINTR {
        failure = .last("pread")
        return
      }
    }
  }
  if let failure { throw failure }
  return bytes
}
