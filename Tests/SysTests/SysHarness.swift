import Glibc
import Testing

@testable import Sys

/// How long a test waits for what must happen; reached only when it fails.
let patience: CInt = 20_000

func waitReadable(_ descriptor: CInt, milliseconds: CInt = patience) -> Bool {
  var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
  return poll(&entry, 1, milliseconds) == 1
}

/// A child for one test; killed and reaped when the test is over.
final class TestChild {
  let master: CInt
  let pid: ProcessID
  let pidfd: CInt
  private var status: Sys.ExitStatus?

  init(
    _ arguments: [String], environment: [String] = ["PATH=/usr/bin:/bin"], directory: String? = "/tmp",
    openFileLimit: UInt64? = nil, cgroup: CInt? = nil
  ) throws {
    (master, pid, pidfd) = try spawn(
      ChildSpec(
        arguments: arguments, environment: environment, directory: directory,
        size: WindowSize(rows: 24, columns: 80), openFileLimit: openFileLimit), cgroup: cgroup
    ).release()
  }

  deinit {
    if status == nil {
      _ = try? sendSignal(.kill, to: .pidfd(pidfd))
      _ = wait()
    }
    close(master)
    close(pidfd)
  }

  func wait() -> Sys.ExitStatus? {
    if status == nil, waitReadable(pidfd) { status = (try? reap(pidfd: pidfd)).flatMap { $0 } }
    return status
  }

  /// What it writes until its end, or until `marker` has come.
  func output(until marker: String? = nil) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      guard waitReadable(master) else {
        Issue.record("neither an end nor \(marker ?? "") in \(String(decoding: bytes, as: UTF8.self))")
        break
      }
      guard case .bytes(let count) = chunk.withUnsafeMutableBytes({ readBytes(master, into: $0) }) else { break }
      bytes.append(contentsOf: chunk[..<count])
      if let marker, String(decoding: bytes, as: UTF8.self).contains(marker) { break }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  func type(_ text: String) throws { try writeAll(master, Array(text.utf8)) }
}

/// A folder of its own for one test, removed with the files in it.
final class TestFolder: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/roost-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError.last("mkdtemp") }
    path = String(cBuffer: template)
  }

  deinit {
    if let directory = opendir(path) {
      while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        unlink("\(path)/\(name)")
      }
      closedir(directory)
    }
    rmdir(path)
  }

  func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws -> String {
    let file = Descriptor(owning: open("\(path)/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, mode))
    try writeAll(file.raw, Array(text.utf8))
    return "\(path)/\(name)"
  }
}

/// Looks again until it is so. For what the kernel tells nobody about; 20 s at most.
func eventually(_ condition: () -> Bool) -> Bool {
  for _ in 0..<Int(patience) {
    if condition() { return true }
    poll(nil, 0, 1)
  }
  return condition()
}
