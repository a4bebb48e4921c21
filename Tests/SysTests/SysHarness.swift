import Glibc
import TestKit
import Testing

@testable import Sys

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

/// Looks again until it is so. For what the kernel tells nobody about; 20 s at most.
func eventually(_ condition: () -> Bool) -> Bool {
  for _ in 0..<Int(patience) {
    if condition() { return true }
    poll(nil, 0, 1)
  }
  return condition()
}
