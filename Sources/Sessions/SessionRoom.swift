import Sys

/// How many sessions a server may have for want of descriptors: as many as the next server can take over that has the same limit of open files.
package struct SessionRoom: Sendable, Equatable {
  /// The terminal and the process.
  package static let descriptorsPerSession = 2
  /// Kept beside what the server has open without sessions, for connections and files: 429 comes before anything else fails.
  package static let reserve = 24
  /// What a server that takes over still has to open before it answers, and a few for those who ask first. Less than `reserve`, or the next
  /// server would not take over all that this one has made.
  package static let startReserve = 16

  /// Sessions that it may have, those that have ended and are listed among them: the keeper holds their terminals.
  package let most: Int

  /// - Parameters:
  ///   - limit: of open files.
  ///   - own: what the server has open without sessions.
  package init(limit: UInt64, own: Int) {
    most = max(0, (Int(clamping: limit) - own - Self.reserve) / Self.descriptorsPerSession)
  }

  /// Where nothing bounds them but their number.
  package static let unbounded = SessionRoom(limit: UInt64(Int.max), own: 0)

  /// How many sessions a server that begins can take over now.
  package static var forTakeover: Int {
    max(0, (Int(clamping: Host.openFileLimit) - Host.openDescriptors - startReserve) / descriptorsPerSession)
  }
}
