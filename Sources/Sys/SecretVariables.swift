import Glibc

/// The variables by which Roost is given secrets. They are for the process that is given them: no session, no keeper and no other process that
/// Roost starts gets them, neither in its environment nor in memory that it was copied with.
package enum SecretVariables {
  package static let names: Set<String> = ["ROOST_TOKEN", "ROOST_BACKEND_TOKEN"]

  /// Whether this process was given any.
  package static var arePresent: Bool { names.contains { getenv($0) != nil } }

  /// Whether an entry of an environment, "NAME=value", is one.
  package static func isSecret(_ entry: String) -> Bool {
    entry.firstIndex(of: "=").map { names.contains(String(entry[..<$0])) } ?? false
  }

  /// Takes them out of this process's environment, and overwrites what the kernel shows of it (proc(5), `environ`). Only where no other thread
  /// runs yet.
  package static func erase() {
    for name in names {
      while let value = getenv(name) {
        let start = value - name.utf8.count - 1
        let count = strlen(start)
        unsetenv(name)
        memset(start, 0, count)
      }
    }
  }
}
