package import Formats

/// By what a backend is known to be the one that was enrolled.
package enum IdentityRule: String, Sendable, CaseIterable {
  /// By its id: another one is refused until somebody confirms it.
  case serverID = "server_id"
  /// By its address and host name, where it is a server without a link, such as wsh: those make a new id at every start. A server with a
  /// link keeps its id, and is known by that whatever is chosen here.
  case address
}

/// What a backend is enrolled for. The configuration declares it for those it names, and the API may change it for each.
package struct BackendTerms: Sendable, Equatable {
  package var role: Role
  package var tags: [String]
  /// Whether the backend's own backends may be seen through it.
  package var transitive: Bool
  package var identity: IdentityRule

  package init(
    role: Role = .none, tags: [String] = [], transitive: Bool = false, identity: IdentityRule = .serverID
  ) {
    self.role = role
    self.tags = tags
    self.transitive = transitive
    self.identity = identity
  }
}

/// An entry of the registry, as it is stored: everything but the token.
package struct BackendRecord: Sendable, Equatable {
  package enum Source: String, Sendable, CaseIterable {
    case config, api
  }

  package enum List: String, Sendable, CaseIterable {
    /// Connected to.
    case active
    /// Has been heard of, and waits for somebody to enrol it.
    case discovered
    /// The configuration declares it, the API has removed it: so it stays away until the configuration is loaded again.
    case removed
  }

  /// A UUID of our own making; everything else may change.
  package let key: String
  package var list: List
  package var address: BackendAddress
  /// The server that was enrolled here; `nil` until it has answered for the first time.
  package var serverID: String?
  /// What it called itself last.
  package var hostname: String?
  package var terms: BackendTerms
  /// What the configuration says, for those that it names.
  package var declared: BackendTerms?
  /// SHA-256 of the TLS certificate that is pinned: 64 digits in lower case.
  package var fingerprint: String?
  /// The file with its token, where the configuration names one; otherwise the token is in the vault.
  package var tokenFile: String?
  package var source: Source
  /// The principal, as audit records name them; `config` for the configuration.
  package var addedBy: String
  package var addedAt: Timestamp

  package init(
    key: String, list: List = .active, address: BackendAddress, serverID: String? = nil, hostname: String? = nil,
    terms: BackendTerms = BackendTerms(), declared: BackendTerms? = nil, fingerprint: String? = nil,
    tokenFile: String? = nil, source: Source = .api, addedBy: String, addedAt: Timestamp = .now()
  ) {
    self.key = key
    self.list = list
    self.address = address
    self.serverID = serverID
    self.hostname = hostname
    self.terms = terms
    self.declared = declared
    self.fingerprint = fingerprint
    self.tokenFile = tokenFile
    self.source = source
    self.addedBy = addedBy
    self.addedAt = addedAt
  }

  /// How people call it.
  package var name: String { hostname ?? address.text }

  /// Names of the terms that the API has set to something else than the configuration says.
  package var overrides: [String] {
    guard let declared else { return [] }
    var names: [String] = []
    if declared.role != terms.role { names.append("role") }
    if declared.tags != terms.tags { names.append("tags") }
    if declared.transitive != terms.transitive { names.append("transitive") }
    if declared.identity != terms.identity { names.append("identity") }
    return names
  }

  // MARK: What is let in

  package static let mostTags = 64
  package static let longestTag = 64

  /// Checks tags and puts them in order. Throws `invalid_request`.
  package static func tags(_ texts: [String]) throws(RegistryError) -> [String] {
    for text in texts {
      let isPlain = text.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
      }
      guard isPlain, (1...longestTag).contains(text.utf8.count) else {
        throw RegistryError(
          .invalidRequest, "A tag has 1 to \(longestTag) letters, digits and - . _; one of these does not.")
      }
    }
    let tags = Set(texts).sorted()
    guard tags.count <= mostTags else {
      throw RegistryError(.invalidRequest, "A server has at most \(mostTags) tags.")
    }
    return tags
  }

  /// Throws `invalid_role` with the words that are known.
  package static func role(_ text: String) throws(RegistryError) -> Role {
    guard let role = Role(rawValue: text) else {
      let known = Role.allCases.map(\.rawValue).joined(separator: ", ")
      throw RegistryError(.invalidRole, "A role is one of \(known).")
    }
    return role
  }

  /// Throws `invalid_request` with the words that are known.
  package static func identity(_ text: String) throws(RegistryError) -> IdentityRule {
    guard let rule = IdentityRule(rawValue: text) else {
      let known = IdentityRule.allCases.map(\.rawValue).joined(separator: " or ")
      throw RegistryError(.invalidRequest, "A server is known by \(known): one of these is 'identity'.")
    }
    return rule
  }

  /// Reads a SHA-256 fingerprint as tools print it: `sha256:` before it, colons between its digits and capitals are let pass.
  package static func fingerprint(_ text: String, for address: BackendAddress) throws(RegistryError) -> String {
    guard address.isSecure else {
      throw RegistryError(
        .invalidRequest, "A fingerprint goes with an https address; without TLS there is no certificate to compare.")
    }
    var digits = text.lowercased()
    if digits.hasPrefix("sha256:") { digits.removeFirst(7) }
    digits.removeAll { $0 == ":" }
    let isHexadecimal = digits.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    guard digits.utf8.count == 64, isHexadecimal else {
      throw RegistryError(.invalidRequest, "A fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits.")
    }
    return digits
  }
}
