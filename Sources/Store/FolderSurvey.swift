import Glibc
import Sys

/// What can be done with folders that the environment names, looked at and not touched: they may be another user's (`su`, `sudo -E`), may
/// not be there (cron, containers), or may not take anything (a read-only home).
package struct FolderSurvey: Sendable {
  /// Why a folder cannot be used, in words that follow its name; nil when it is there, a folder of ours, and takes new files.
  package var fault: @Sendable (_ path: String) -> String?
  /// The same for a folder that is ours to make where it is missing, with those above it. A link in its own place is not followed.
  package var faultInMaking: @Sendable (_ path: String) -> String?

  package init(
    fault: @escaping @Sendable (_ path: String) -> String?,
    faultInMaking: @escaping @Sendable (_ path: String) -> String?
  ) {
    self.fault = fault
    self.faultInMaking = faultInMaking
  }

  /// The file system, as the user we run as meets it.
  package static let system = FolderSurvey(fault: systemFault, faultInMaking: systemFaultInMaking)

  /// Everything is as it should be.
  package static let trusting = FolderSurvey(fault: { _ in nil }, faultInMaking: { _ in nil })

  private static let missing = "does not exist"
  private static let foreign = "is not yours"
  private static let closed = "cannot be written"

  private static func systemFault(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else { return errno == ENOENT ? missing : "cannot be reached" }
    guard status.st_mode & S_IFMT == S_IFDIR else { return "is not a folder" }
    guard status.st_uid == geteuid() else { return foreign }
    return takesFiles(path) ? nil : closed
  }

  private static func systemFaultInMaking(_ path: String) -> String? {
    var status = stat()
    if lstat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else { return "is not a folder" }
      guard status.st_uid == geteuid() else { return foreign }
      return takesFiles(path) ? nil : closed
    }
    guard errno == ENOENT else { return "cannot be reached" }
    var above = path
    while let slash = above.lastIndex(of: "/") {
      above = slash == above.startIndex ? "/" : String(above[..<slash])
      guard stat(above, &status) == 0 else {
        guard errno == ENOENT, above != "/" else { return "cannot be reached" }
        continue
      }
      guard status.st_mode & S_IFMT == S_IFDIR else { return "cannot be made: \(above) is not a folder" }
      // Root may write anywhere. What it made in a user's own folder would be root's, and the user locked out of it.
      if geteuid() == 0, status.st_uid != 0 { return foreign }
      return takesFiles(above) ? nil : "cannot be made"
    }
    return "cannot be made"
  }

  /// As the user who counts for files, not the one who started us; a file system that is mounted read-only takes none either.
  private static func takesFiles(_ path: String) -> Bool { faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0 }
}
