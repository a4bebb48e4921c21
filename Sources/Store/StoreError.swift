import Glibc
package import Sys

/// What went wrong with something kept on disk; `message` says what to do where something can be done.
package struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Code: String, Sendable, CaseIterable {
    /// A server's, token's or session's name that is not allowed.
    case invalidName = "invalid_name"
    /// A folder that others own or can enter.
    case unsafeFolder = "unsafe_folder"
    /// Another process holds the lock.
    case alreadyRunning = "already_running"
    case notFound = "not_found"
    /// There are as many as there may be.
    case limitReached = "limit_reached"
    /// Data that was read back is not what was written.
    case corrupt
    /// The disk is full.
    case full
    /// The disk or the file system refused.
    case systemFailure = "system_failure"
  }
  package var code: Code
  package var message: String
  /// The file is well, and another program's to read.
  var isOfNewerVersion = false

  package init(code: Code, message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }

  /// A refusal of the system's, told apart by whether there was no room.
  package init(_ error: SystemError, _ message: String) {
    self.init(code: error.code == ENOSPC || error.code == EDQUOT ? .full : .systemFailure, message: message)
  }
}
