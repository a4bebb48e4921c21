import Glibc
import Sys
import TestKit

func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

func fileExists(_ path: String) -> Bool { access(path, F_OK) == 0 }

func textOfFile(_ path: String) throws -> String {
  String(decoding: try readFile(path), as: UTF8.self)
}

/// Whether a process lives; a zombie, which only waits to be reaped, does not.
func isAlive(_ pid: Int) -> Bool {
  guard let status = try? textOfFile("/proc/\(pid)/stat"), let end = status.lastIndex(of: ")") else { return false }
  return status[end...].dropFirst(2).first != "Z"
}

/// A folder for a test's files below the server's home, whose name no other test has.
func makeFolder(in roost: Roost) throws -> String {
  var template = Array("\(roost.home.path)/home/test-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw TestFailure("no folder: \(SystemError.last("mkdtemp"))") }
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// A named pipe that holds a program up until the test lets it go on.
struct Gate: Sendable {
  let path: String

  init(in roost: Roost) throws {
    path = try makeFolder(in: roost) + "/gate"
    guard mkfifo(path, 0o600) == 0 else { throw TestFailure("no pipe \(path): \(SystemError.last("mkfifo"))") }
  }

  /// Lets the program go on that reads a line from the pipe, or will.
  func open() async throws {
    let path = path
    try await eventually("the program waits at \(path)") {
      // Without a reader there is nobody to let go on (ENXIO).
      let pipe = Glibc.open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
      guard pipe >= 0 else { return false }
      defer { close(pipe) }
      try writeAll(pipe, Array("go\n".utf8))
      return true
    }
  }
}

/// Whether the text is among the bytes. The library's search takes a second for what this does in a millisecond.
func contains(_ bytes: [UInt8], _ text: String) -> Bool {
  let text = Array(text.utf8)
  guard let first = text.first, text.count <= bytes.count else { return text.isEmpty }
  return bytes.withUnsafeBufferPointer { bytes in
    text.withUnsafeBufferPointer { text in
      guard let base = bytes.baseAddress, let pattern = text.baseAddress else { return false }
      var offset = 0
      while offset + text.count <= bytes.count,
        let found = memchr(base + offset, Int32(first), bytes.count - text.count - offset + 1)
      {
        let start = UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
        if memcmp(base + start, pattern, text.count) == 0 { return true }
        offset = start + 1
      }
      return false
    }
  }
}

/// Memory that a process holds in RAM, in bytes.
func residentMemory(of pid: pid_t) throws -> Int {
  let pages = try textOfFile("/proc/\(pid)/statm").split(separator: " ")
  guard pages.count > 1, let resident = Int(pages[1]) else { throw TestFailure("no /proc/\(pid)/statm") }
  return resident * sysconf(Int32(_SC_PAGESIZE))
}

/// The most memory that a process has held in RAM since `forgetPeakMemory`, in bytes, as the kernel keeps it (proc(5), VmHWM).
func peakMemory(of pid: pid_t) throws -> Int {
  let line = try textOfFile("/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
  guard let kilobytes = line?.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Int($0) }) else {
    throw TestFailure("no VmHWM of \(pid)")
  }
  return kilobytes << 10
}

/// What a process holds now is its peak from here on (proc(5), /proc/PID/clear_refs).
func forgetPeakMemory(of pid: pid_t) throws {
  let file = open("/proc/\(pid)/clear_refs", O_WRONLY | O_CLOEXEC)
  guard file >= 0 else { throw TestFailure("/proc/\(pid)/clear_refs: errno \(errno)") }
  defer { close(file) }
  try writeAll(file, Array("5\n".utf8))
}
