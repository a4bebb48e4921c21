package import Formats
import Glibc
import Store
import Sys

/// What the user has written into `config.toml`, checked. A file that is not there is an empty one.
package struct ClusterConfiguration: Sendable, Equatable {
  /// A `[[servers]]` table.
  package struct Declaration: Sendable, Equatable {
    package var address: BackendAddress
    package var terms: BackendTerms
    package var fingerprint: String?
    package var tokenFile: String?
    /// SHA-256 of the token in the file: tells whether it is another one, without keeping it.
    package var tokenDigest: [UInt8]?
    /// Where it stands, for people.
    package var line: Int

    package init(
      address: BackendAddress, terms: BackendTerms, fingerprint: String? = nil, tokenFile: String? = nil,
      tokenDigest: [UInt8]? = nil, line: Int = 0
    ) {
      self.address = address
      self.terms = terms
      self.fingerprint = fingerprint
      self.tokenFile = tokenFile
      self.tokenDigest = tokenDigest
      self.line = line
    }
  }

  /// `[server] hostname`: what this server calls itself.
  package var hostname: String?
  package var servers: [Declaration] = []
  /// `[ip_access]`
  package var access = IPAccess()
  /// `[link]`
  package var timings = LinkTimings.standard

  package init() {}

  /// Whether reading it has read tokens as well.
  package var namesTokens: Bool { servers.contains { $0.tokenFile != nil } }

  /// As many as the registry takes.
  package static let mostServers = 1000
  /// Ranges on a list: each is looked at for every connect.
  package static let mostRanges = 4096

  /// Reads the file. Throws `config_invalid` with the file's path, the line and what to do.
  package static func load(_ path: String) throws(RegistryError) -> ClusterConfiguration {
    let bytes: [UInt8]
    if let what = irregularity(of: path) { throw RegistryError(.configInvalid, "\(path) cannot be read: it \(what).") }
    do throws(SystemError) {
      // A byte more than is let in, so that what is too long is seen to be.
      bytes = try readRegularFile(path, limit: TOML.longest + 1)
    } catch {
      if error.code == ENOENT { return ClusterConfiguration() }
      throw RegistryError(.configInvalid, "\(path) cannot be read: \(error.reason).")
    }
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    do throws(TOML.Failure) {
      return try ClusterConfiguration(parsing: bytes, folder: folder)
    } catch {
      throw RegistryError(.configInvalid, "\(path): \(error).")
    }
  }

  /// - Parameters:
  ///   - folder: What paths in the file are relative to.
  ///   - home: What `~/` stands for.
  package init(parsing bytes: [UInt8], folder: String, home: String = Host.userHome) throws(TOML.Failure) {
    var reader = try SettingsTable(TOML(parsing: bytes), name: nil)
    if var server = try reader.table("server") {
      if let (text, line) = try server.string("hostname") {
        guard BackendIdentity.isHostname(text) else {
          throw .at(line, "'hostname' has 1 to \(BackendIdentity.longestHostname) printable characters without / and :")
        }
        hostname = text
      }
      try server.finish()
    }
    if var lists = try reader.table("ip_access") {
      access.blocklist = try ClusterConfiguration.ranges("blocklist", &lists)
      access.allowlist = try ClusterConfiguration.ranges("allowlist", &lists)
      try lists.finish()
    }
    if var link = try reader.table("link") {
      // Below a tenth of a second pings are all that a link does; above an hour nothing would ever be missed.
      if let ping = try link.integer("ping_ms", 100...3_600_000) { timings.ping = .milliseconds(ping.value) }
      let deadline = try link.integer("deadline_ms", 200...3_600_000)
      if let deadline { timings.deadline = .milliseconds(deadline.value) }
      guard timings.deadline > timings.ping else {
        throw .at(deadline?.line ?? link.line, "'deadline_ms' must be greater than 'ping_ms'")
      }
      // Below a second a backend that is only busy would be given up; more than an hour nobody waits.
      if let answer = try link.integer("answer_ms", 1000...3_600_000) { timings.answer = .milliseconds(answer.value) }
      try link.finish()
    }
    let tables = try reader.tables("servers")
    guard tables.count <= ClusterConfiguration.mostServers else {
      throw .at(tables.last?.line ?? 0, "there are more than \(ClusterConfiguration.mostServers) servers")
    }
    for var table in tables {
      let server = try ClusterConfiguration.declaration(&table, folder: folder, home: home)
      if let other = servers.first(where: { $0.address == server.address }) {
        throw .at(server.line, "\(server.address) is declared on line \(other.line) already")
      }
      servers.append(server)
    }
    try reader.finish()
  }

  private static func ranges(_ name: String, _ table: inout SettingsTable) throws(TOML.Failure) -> [IPRange] {
    let texts = try table.strings(name)
    guard texts.count <= mostRanges else { throw .at(table.line, "'\(name)' has more than \(mostRanges) entries") }
    var ranges: [IPRange] = []
    for (text, line) in texts {
      guard let range = IPRange(text) else {
        throw .at(line, "'\(name)' holds something that is no address and no range such as 10.0.0.0/8 or fd00::/8")
      }
      ranges.append(range)
    }
    return ranges
  }

  private static func declaration(
    _ table: inout SettingsTable, folder: String, home: String
  ) throws(TOML.Failure) -> Declaration {
    guard let (text, addressLine) = try table.string("address") else {
      throw .at(table.line, "a [[servers]] table needs an 'address'")
    }
    if let (_, line) = try table.any("token") {
      throw .at(
        line, "a token does not go into this file; put it into one of its own, chmod 600, and name that as 'token_file'"
      )
    }
    let address = try checked(addressLine) { () throws(RegistryError) in try BackendAddress(text) }
    var terms = BackendTerms()
    if let (text, line) = try table.string("role") {
      terms.role = try checked(line) { () throws(RegistryError) in try BackendRecord.role(text) }
    }
    let tags = try table.strings("tags")
    terms.tags = try checked(tags.first?.line ?? table.line) { () throws(RegistryError) in
      try BackendRecord.tags(tags.map(\.value))
    }
    terms.transitive = try table.boolean("transitive")?.value ?? false
    if let (text, line) = try table.string("identity") {
      terms.identity = try checked(line) { () throws(RegistryError) in try BackendRecord.identity(text) }
    }
    var server = Declaration(address: address, terms: terms, line: table.line)
    if let (text, line) = try table.string("fingerprint") {
      server.fingerprint = try checked(line) { () throws(RegistryError) in
        try BackendRecord.fingerprint(text, for: address)
      }
    }
    if let (text, line) = try table.string("token_file") {
      guard !text.isEmpty, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }), text.utf8.count < 4096 else {
        throw .at(line, "'token_file' is no path")
      }
      let path = text.hasPrefix("~/") ? home + text.dropFirst() : text.hasPrefix("/") ? text : "\(folder)/\(text)"
      let token = try checked(line) { () throws(RegistryError) in try BackendToken.read(path) }
      server.tokenDigest = Digest.sha256(Array(token.utf8))
      server.tokenFile = path
    }
    try table.finish()
    return server
  }

  /// An error of a value, with the line that it stands on.
  private static func checked<Value>(
    _ line: Int, _ body: () throws(RegistryError) -> Value
  ) throws(TOML.Failure) -> Value {
    do throws(RegistryError) {
      return try body()
    } catch {
      let message = error.message
      throw .at(line, message.hasSuffix(".") ? String(message.dropLast()) : message)
    }
  }
}
