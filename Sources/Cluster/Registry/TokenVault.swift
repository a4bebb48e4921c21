import Glibc
package import Store
import Sys

/// The tokens of backends that were added over the API: a file of mode 0600 for each, in a folder of mode 0700. A token belongs to an
/// entry *and* the address it was given for, so that no change of the address can send it elsewhere.
package final class TokenVault: Sendable {
  private let folder: String

  package init(paths: Paths) { folder = paths.backendTokens }

  /// Waits for the disk.
  @concurrent
  package func store(_ token: String, for key: String, at address: BackendAddress) async throws(StoreError) {
    guard isUUID(key) else { throw StoreError(code: .invalidName, message: "that names no entry") }
    try preparePrivateFolder(folder)
    do throws(SystemError) {
      try AtomicFile.write(Array("\(address.text)\n\(token)\n".utf8), to: path(key))
    } catch {
      throw StoreError(error, "the token could not be stored: \(error.reason)")
    }
  }

  /// The token of an entry for this address; `nil` when there is none, or it was given for another address.
  package func token(for key: String, at address: BackendAddress) -> String? {
    guard isUUID(key),
      let bytes = try? readRegularFile(path(key), limit: BackendAddress.longest + BackendToken.longest + 2)
    else { return nil }
    let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    guard lines.count >= 2, lines[0].elementsEqual(address.text.utf8) else { return nil }
    return try? BackendToken.checked(String(decoding: lines[1], as: UTF8.self))
  }

  /// Forgets the token of an entry, if there is one.
  package func remove(_ key: String) {
    if isUUID(key) { unlink(path(key)) }
  }

  /// Forgets the tokens of all other entries: what a crash between two steps left behind.
  package func keepOnly(_ keys: Set<String>) {
    guard let entries = opendir(folder) else { return }
    defer { closedir(entries) }
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      // Also what a crash left of an unfinished one: its name is longer.
      if name != ".", name != "..", !keys.contains(name) { unlink("\(folder)/\(name)") }
    }
  }

  private func path(_ key: String) -> String { "\(folder)/\(key)" }
}
