import CSys
import Glibc

/// A file without a name, for bytes that are too many for memory and that nobody needs once their owner is gone.
package final class SpoolFile: Sendable {
  private let descriptor: Descriptor
  /// It takes memory, not disk.
  package let isMemory: Bool

  /// Makes one in a folder (`O_TMPFILE`, or mkostemp(3) and unlink(2) where the file system has none), or in memory when there is no
  /// folder or it takes no file. `nil` when neither is possible.
  package init?(in folder: String?) {
    if let folder {
      let opened = csys_open_unnamed(folder)
      if opened >= 0 {
        descriptor = Descriptor(owning: opened)
        isMemory = false
        return
      }
    }
    let memory = csys_memfd("roost-output")
    guard memory >= 0 else { return nil }
    descriptor = Descriptor(owning: memory)
    isMemory = true
  }

  /// Writes at that place; answers how many bytes, fewer than given when the disk is full or has failed.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
    var written = 0
    while written < bytes.count {
      let count = pwrite(
        descriptor.raw, bytes.baseAddress.unsafelyUnwrapped + written, bytes.count - written, off_t(offset + written))
      if count > 0 {
        written += count
      } else if count == 0 || errno != EINTR {
        break
      }
    }
    return written
  }

  /// Bytes from that place on: as many as asked for, fewer at the end of the file or where it cannot be read.
  package func read(at offset: Int, count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: max(0, count)) { buffer, filled in
      while filled < count {
        let got = pread(
          descriptor.raw, buffer.baseAddress.unsafelyUnwrapped + filled, count - filled, off_t(offset + filled))
        if got > 0 {
          filled += got
        } else if got == 0 || errno != EINTR {
          break
        }
      }
    }
  }
}
