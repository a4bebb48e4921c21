import Glibc

/// A process's number, or its session's or group's (pid_t).
package typealias ProcessID = Int32

/// A system call that failed: which one, and the errno it left.
package struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
  package var code: CInt
  package var call: String

  package init(code: CInt, call: String) {
    self.code = code
    self.call = call
  }

  /// Takes the errno of the call that has just failed; nothing may run between the call and this.
  @inline(never)
  package static func last(_ call: String) -> SystemError {
    SystemError(code: errno, call: call)
  }

  /// The C library's sentence for the errno alone: "No such file or directory".
  package var reason: String {
    var buffer = [CChar](repeating: 0, count: 256)
    // glibc's strerror_r of this name is the POSIX one in Swift's import: it fills the buffer.
    guard strerror_r(code, &buffer, buffer.count) == 0 else { return "errno \(code)" }
    return String(cBuffer: buffer)
  }

  package var description: String { "\(call): \(reason)" }
}

extension String {
  /// The text up to the first NUL of a buffer that a C call filled.
  init(cBuffer: [CChar]) {
    let bytes = cBuffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    self = String(decoding: bytes, as: UTF8.self)
  }
}

/// Calls `body` with a NULL-terminated array of C strings that lives for the call.
func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) throws -> Result
) rethrows -> Result {
  // One block for all the bytes, so that nothing needs freeing one by one when `body` throws.
  var bytes: [CChar] = []
  var offsets: [Int] = []
  offsets.reserveCapacity(strings.count)
  for string in strings {
    offsets.append(bytes.count)
    bytes.append(contentsOf: string.utf8.lazy.map { CChar(bitPattern: $0) })
    bytes.append(0)
  }
  return try bytes.withUnsafeBufferPointer { block in
    var pointers: [UnsafePointer<CChar>?] = offsets.map { block.baseAddress.unsafelyUnwrapped + $0 }
    pointers.append(nil)
    return try pointers.withUnsafeBufferPointer { try body($0.baseAddress.unsafelyUnwrapped) }
  }
}
