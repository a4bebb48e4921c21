import Glibc
import Synchronization
import Sys
import TestKit

/// A user whom the user database does not know, as in a container that is run with any number; only root can be another one.
struct OtherUser {
  private static let setpriv = "/usr/bin/setpriv"
  private static let next = Mutex<UInt32>(41_000 + UInt32(getpid()) % 10_000 * 2)

  static var isPossible: Bool { getuid() == 0 && isExecutable(setpriv) }

  let id: UInt32

  init() {
    id = OtherUser.next.withLock { number in
      number += 1
      return number
    }
  }

  /// Where its runtime folder is replaced. Removed at the end of the body.
  var temporaryFolder: String { "/tmp/roost-\(id)" }

  /// A home whose folders are this user's, and what comes of it. `removed` are variables that it does not have.
  func withHome(
    removing removed: Set<String> = [], _ body: (_ roost: Roost, _ environment: [String: String]) async throws -> Void
  ) async throws {
    try await withScratchHome { roost in
      // Others are to get through, not to look.
      chmod(String(roost.home.path[..<(roost.home.path.lastIndex(of: "/") ?? roost.home.path.endIndex)]), 0o711)
      chmod(roost.home.path, 0o711)
      for folder in ["home", "run", "state", "config", "data", "cache"] {
        chown("\(roost.home.path)/\(folder)", id, id)
      }
      let environment = roost.environment.filter { !removed.contains($0.key) }
      do {
        try await body(roost, environment)
      } catch {
        try await removeTemporaryFolder(roost)
        throw error
      }
      try await removeTemporaryFolder(roost)
    }
  }

  private func removeTemporaryFolder(_ roost: Roost) async throws {
    roost.home.killProcesses()
    _ = try await runProcess("/bin/rm", ["-rf", temporaryFolder], environment: [:])
  }

  /// Runs the command line as this user.
  func run(_ arguments: [String], _ environment: [String: String], directory: String = "/") async throws
    -> ProcessResult
  {
    try await runProcess(
      OtherUser.setpriv, ["--reuid=\(id)", "--regid=\(id)", "--clear-groups", Roost.executable] + arguments,
      environment: environment, directory: directory)
  }
}
