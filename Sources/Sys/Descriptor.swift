import CSys
import Glibc

/// An open descriptor with one owner, closed when the owner goes.
package struct Descriptor: ~Copyable, Sendable {
  private let number: CInt

  /// Takes over `descriptor`, which must be open and owned by nobody else.
  package init(owning descriptor: CInt) {
    number = descriptor
  }

  deinit {
    // Linux releases the number even when close reports EINTR: a second close could hit somebody else's descriptor.
    close(number)
  }

  /// The number, for calls; it stays owned here.
  package var raw: CInt { number }

  /// Gives the number to the caller, who closes it.
  package consuming func release() -> CInt {
    let released = number
    discard self
    return released
  }

  /// A second, close-on-exec descriptor of the same open file.
  package borrowing func duplicate() throws(SystemError) -> Descriptor {
    Descriptor(owning: try duplicateDescriptor(number))
  }

  package borrowing func setNonBlocking() throws(SystemError) {
    try Sys.setNonBlocking(number)
  }
}

/// A close-on-exec duplicate above the standard descriptors.
package func duplicateDescriptor(_ descriptor: CInt) throws(SystemError) -> CInt {
  let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
  guard copy >= 0 else { throw .last("fcntl(F_DUPFD_CLOEXEC)") }
  return copy
}

/// Whether there is something to read, or an end to be told, without waiting.
package func isReadable(_ descriptor: CInt) -> Bool {
  var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
  return poll(&entry, 1, 0) == 1
}

/// Closes one whose number is kept by hand.
package func close(descriptor: CInt) { close(descriptor) }

/// Sets `O_NONBLOCK` on the open file: every duplicate of the descriptor, in other processes too, is affected.
package func setNonBlocking(_ descriptor: CInt) throws(SystemError) {
  let flags = fcntl(descriptor, F_GETFL)
  guard flags >= 0 else { throw .last("fcntl(F_GETFL)") }
  guard flags & O_NONBLOCK != 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) >= 0 else {
    throw .last("fcntl(F_SETFL)")
  }
}

/// What one attempt to read or write did.
package enum TransferResult: Sendable, Equatable {
  /// At least one byte, for a non-empty buffer.
  case bytes(Int)
  case wouldBlock
  /// Nothing more will come. A PTY master whose last slave is closed reports EIO, which is its end of file.
  case endOfFile
  case failed(SystemError)
}

/// One read, repeated only when a signal interrupted it.
package func readBytes(_ descriptor: CInt, into buffer: UnsafeMutableRawBufferPointer) -> TransferResult {
  while true {
    let count = read(descriptor, buffer.baseAddress, buffer.count)
    if count > 0 { return .bytes(count) }
    if count == 0 { return buffer.isEmpty ? .bytes(0) : .endOfFile }
    switch errno {
    case EINTR: continue
    case EAGAIN: return .wouldBlock
    case EIO: return .endOfFile
    case let code: return .failed(SystemError(code: code, call: "read"))
    }
  }
}

/// One write, repeated only when a signal interrupted it. EPIPE and, for a PTY, EIO mean that nobody reads any more.
package func writeBytes(_ descriptor: CInt, from buffer: UnsafeRawBufferPointer) -> TransferResult {
  while true {
    let count = write(descriptor, buffer.baseAddress, buffer.count)
    if count >= 0 { return .bytes(count) }
    switch errno {
    case EINTR: continue
    case EAGAIN: return .wouldBlock
    case EPIPE, EIO: return .endOfFile
    case let code: return .failed(SystemError(code: code, call: "write"))
    }
  }
}

/// Lets other threads run that want this processor; returns at once when there is none.
package func yieldProcessor() {
  sched_yield()
}

/// Writes all of `bytes` to a blocking descriptor.
package func writeAll(_ descriptor: CInt, _ bytes: borrowing [UInt8]) throws(SystemError) {
  var offset = 0
  while offset < bytes.count {
    let result = bytes.withUnsafeBytes { writeBytes(descriptor, from: .init(rebasing: $0[offset...])) }
    switch result {
    case .bytes(let count): offset += count
    case .wouldBlock: throw SystemError(code: EAGAIN, call: "write")
    case .endOfFile: throw SystemError(code: EPIPE, call: "write")
    case .failed(let error): throw error
    }
  }
}

/// A pipe whose two ends are close-on-exec.
package func makePipe() throws(SystemError) -> (read: CInt, write: CInt) {
  var ends: [CInt] = [-1, -1]
  guard csys_pipe(&ends) == 0 else { throw .last("pipe2") }
  return (ends[0], ends[1])
}

/// What is at a path instead of a file, for the middle of a sentence ("is a folder"); nil for a file, and where there is nothing.
package func irregularity(of path: String) -> String? {
  var status = stat()
  guard stat(path, &status) == 0 else { return nil }
  return switch status.st_mode & S_IFMT {
  case S_IFREG: nil
  case S_IFDIR: "is a folder, not a file"
  case S_IFIFO: "is a FIFO, not a file"
  case S_IFSOCK: "is a socket, not a file"
  default: "is a device, not a file"
  }
}

/// The same as `readFile` for a file that a user has named or written: one that turns out to be a FIFO or a device fails with ENOTSUP and stops
/// nobody, where `irregularity` has not told of it before.
package func readRegularFile(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
  let file = Descriptor(owning: try openRegularFile(path, O_RDONLY))
  return try readAll(file.raw, path, limit: limit)
}

/// Opens a file, for which nobody waits where it turns out to be a FIFO or a device: that fails with ENOTSUP. For files of ours in folders that
/// other programs of the user can write. The descriptor is the caller's to close.
package func openRegularFile(_ path: String, _ flags: CInt, mode: UInt32 = 0o600) throws(SystemError) -> CInt {
  let opened = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode)
  // A FIFO that nobody reads, and a socket, cannot be opened to be written.
  guard opened >= 0 else {
    throw errno == ENXIO ? SystemError(code: ENOTSUP, call: "open \(path)") : .last("open \(path)")
  }
  var status = stat()
  guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
    close(opened)
    throw SystemError(code: ENOTSUP, call: "open \(path)")
  }
  return opened
}

/// Reads a whole file, at most `limit` bytes of it. Made for /proc and small state files: size is not asked first.
package func readFile(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8] {
  let opened = open(path, O_RDONLY | O_CLOEXEC)
  guard opened >= 0 else { throw .last("open \(path)") }
  let file = Descriptor(owning: opened)
  return try readAll(file.raw, path, limit: limit)
}

private func readAll(_ file: CInt, _ path: String, limit: Int) throws(SystemError) -> [UInt8] {
  var bytes: [UInt8] = []
  // /proc hands out at most a page a read; 16 KiB suits it and small files alike.
  var chunk = [UInt8](repeating: 0, count: min(limit, 16 << 10))
  while bytes.count < limit {
    let wanted = min(chunk.count, limit - bytes.count)
    let result = chunk.withUnsafeMutableBytes { readBytes(file, into: .init(rebasing: $0[..<wanted])) }
    switch result {
    case .bytes(let count): bytes.append(contentsOf: chunk[..<count])
    case .endOfFile: return bytes
    case .wouldBlock: throw SystemError(code: EAGAIN, call: "read \(path)")
    case .failed(let error): throw SystemError(code: error.code, call: "read \(path)")
    }
  }
  return bytes
}
