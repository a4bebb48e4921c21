import Formats
import Store

/// A backend to be enrolled.
package struct NewBackend: Sendable {
  package var address: String
  package var token: String?
  /// A file of this machine that holds the token.
  package var tokenFile: String?
  package var terms: BackendTerms
  package var fingerprint: String?

  package init(
    address: String, token: String? = nil, tokenFile: String? = nil, terms: BackendTerms = BackendTerms(),
    fingerprint: String? = nil
  ) {
    self.address = address
    self.token = token
    self.tokenFile = tokenFile
    self.terms = terms
    self.fingerprint = fingerprint
  }
}

/// What is to be changed of an entry; `nil` stays as it is.
package struct BackendPatch: Sendable, Equatable {
  package var role: Role?
  package var tags: [String]?
  package var transitive: Bool?
  package var identity: IdentityRule?
  /// Needs a new token, if there was one.
  package var address: String?
  package var fingerprint: String?
  package var token: String?
  /// The server that answers now is the one that is meant.
  package var confirm = false

  package init(
    role: Role? = nil, tags: [String]? = nil, transitive: Bool? = nil, identity: IdentityRule? = nil,
    address: String? = nil,
    fingerprint: String? = nil, token: String? = nil, confirm: Bool = false
  ) {
    self.role = role
    self.tags = tags
    self.transitive = transitive
    self.identity = identity
    self.address = address
    self.fingerprint = fingerprint
    self.token = token
    self.confirm = confirm
  }
}

extension Registry {
  /// Enrols a backend and begins to connect to it. An address of the list of discovered ones moves from there.
  package func add(_ new: NewBackend, by principal: String) async throws(RegistryError) -> BackendEntry {
    let address = try BackendAddress(new.address)
    let fingerprint = try new.fingerprint.map { text throws(RegistryError) in
      try BackendRecord.fingerprint(text, for: address)
    }
    let token = try new.token.map { text throws(RegistryError) in try BackendToken.checked(text) }
    var terms = new.terms
    terms.tags = try BackendRecord.tags(terms.tags)
    var digest: [UInt8]?
    if let path = new.tokenFile {
      guard token == nil else { throw RegistryError(.invalidRequest, "Give a token or a file with one, not both.") }
      guard path.hasPrefix("/") else {
        throw RegistryError(.invalidRequest, "The path of the token file must begin with /.")
      }
      digest = Digest.sha256(Array(try BackendToken.read(path).utf8))
    }
    await enter()
    defer { leave() }
    let place = entries.firstIndex { $0.record.address == address }
    if let place, entries[place].record.list == .active {
      let name = entries[place].record.serverID ?? address.text
      throw RegistryError(
        .alreadyRegistered,
        "\(address) is registered already (\(name)); change it with 'roost servers update' or PATCH, or remove it first."
      )
    }
    guard place != nil || entries.count < Registry.mostBackends else {
      throw RegistryError(
        .limitReached, "\(Registry.mostBackends) servers are registered, which is the most; remove some.")
    }
    var record =
      place.map { entries[$0].record } ?? BackendRecord(key: makeUUID(), address: address, addedBy: principal)
    record.list = .active
    record.terms = terms
    record.fingerprint = fingerprint
    record.tokenFile = new.tokenFile ?? (token == nil ? record.tokenFile : nil)
    record.addedBy = principal
    record.addedAt = .now()
    try await save(record, token: token)
    if let place {
      entries[place] = Entry(record: record, tokenDigest: digest)
    } else {
      entries.append(Entry(record: record, tokenDigest: digest))
    }
    announce(RegistryAnnouncement(record, .added(terms, record.source)))
    connect(record.key)
    publish()
    return try view(record.key)
  }

  /// Changes an entry. With a role an entry of the list of discovered ones is enrolled.
  package func update(_ name: String, _ patch: BackendPatch) async throws(RegistryError) -> BackendEntry {
    guard patch != BackendPatch() else { throw RegistryError(.invalidRequest, "There is nothing to change.") }
    let token = try patch.token.map { text throws(RegistryError) in try BackendToken.checked(text) }
    await enter()
    defer { leave() }
    let entry = entries[try find(name)]
    let old = entry.record
    var record = old
    if let role = patch.role {
      record.terms.role = role
      record.list = .active
    }
    if let tags = patch.tags { record.terms.tags = try BackendRecord.tags(tags) }
    if let transitive = patch.transitive { record.terms.transitive = transitive }
    if let identity = patch.identity { record.terms.identity = identity }
    if let text = patch.address { try move(&record, to: BackendAddress(text), hasToken: token != nil) }
    if let text = patch.fingerprint { record.fingerprint = try BackendRecord.fingerprint(text, for: record.address) }
    if token != nil, let file = record.tokenFile {
      throw RegistryError(.invalidRequest, "Its token is in \(file): write the new one there, then reload.")
    }
    if patch.confirm {
      guard let stranger = entry.stranger else {
        throw RegistryError(
          .invalidRequest, "There is nothing to confirm: no other server has answered at its address.")
      }
      if let reason = conflict(of: stranger.serverID, for: record.key) {
        throw RegistryError(.identityChanged, "This cannot be confirmed: \(reason).")
      }
      record.serverID = stranger.serverID
      record.hostname = stranger.hostname
    }
    try await save(record, token: token)
    guard let index = index(record.key) else { throw Registry.unknown() }
    entries[index].record = record
    if patch.confirm { entries[index].stranger = nil }
    tell(of: record, after: old)
    let isOtherWay =
      old.address != record.address || old.terms.transitive != record.terms.transitive
      || old.fingerprint != record.fingerprint
    if isOtherWay || old.list != record.list {
      renew(record.key)
    } else if let control = entries[index].control {
      if old.terms.role != record.terms.role { control.update(role: record.terms.role) }
      // One that was refused may be the right one by the other rule.
      let isKnownOtherwise = old.terms.identity != record.terms.identity && entries[index].stranger != nil
      if token != nil || patch.confirm || isKnownOtherwise { control.reconnect() }
    }
    // An entry that was refused as a second one of the server that is gone may be the only one now.
    if patch.confirm { retryRejected(besides: record.key) }
    publish()
    return try view(record.key)
  }

  /// Takes an entry off its list. One that the configuration declares comes back when that is loaded again.
  package func remove(_ name: String) async throws(RegistryError) {
    await enter()
    defer { leave() }
    let index = try find(name)
    var record = entries[index].record
    let control = entries[index].control
    do throws(StoreError) {
      if record.source == .config {
        record.list = .removed
        try await store.apply(saved: [record])
      } else {
        try await store.apply(saved: [], removed: [record.key])
      }
    } catch {
      throw Registry.failure(error)
    }
    vault.remove(record.key)
    if let index = self.index(record.key) {
      if record.source == .config {
        entries[index] = Entry(record: record, generation: entries[index].generation + 1)
      } else {
        entries.remove(at: index)
      }
    }
    announce(RegistryAnnouncement(record, .removed))
    disconnect(control)
    retryRejected()
    publish()
  }

  /// Puts an address on the list of discovered ones, from where ``update(_:_:)`` enrols it. Known ones stay as they are.
  package func discover(_ text: String, hostname: String? = nil, by principal: String) async throws(RegistryError) {
    let address = try BackendAddress(text)
    await enter()
    defer { leave() }
    guard !entries.contains(where: { $0.record.address == address }) else { return }
    guard entries.count < Registry.mostBackends else {
      throw RegistryError(.limitReached, "\(Registry.mostBackends) servers are known, which is the most.")
    }
    let record = BackendRecord(
      key: makeUUID(), list: .discovered, address: address,
      hostname: hostname.flatMap { BackendIdentity.isHostname($0) ? $0 : nil }, addedBy: principal)
    try await save(record, token: nil)
    entries.append(Entry(record: record))
  }

  /// Stores an entry, and its token where there is a new one. The token first: an entry without its token would be tried without.
  private func save(_ record: BackendRecord, token: String?) async throws(RegistryError) {
    do throws(StoreError) {
      if let token { try await vault.store(token, for: record.key, at: record.address) }
      try await store.apply(saved: [record])
    } catch {
      throw Registry.failure(error)
    }
  }

  private func move(
    _ record: inout BackendRecord, to address: BackendAddress, hasToken: Bool
  ) throws(RegistryError) {
    guard address != record.address else { return }
    guard record.source == .api else {
      throw RegistryError(
        .invalidRequest, "Its address is declared in \(configurationFile): change it there, then reload.")
    }
    if let other = entries.first(where: { $0.record.address == address }), other.record.list != .removed {
      throw RegistryError(.alreadyRegistered, "\(address) is registered already (\(other.record.name)).")
    }
    guard hasToken || vault.token(for: record.key, at: record.address) == nil && record.tokenFile == nil else {
      throw RegistryError(
        .invalidRequest, "Its token was given for the old address only: give the token for the new one too.")
    }
    record.address = address
    record.tokenFile = nil
    if !address.isSecure { record.fingerprint = nil }
  }

  private func tell(of record: BackendRecord, after old: BackendRecord) {
    if record.list != old.list {
      announce(RegistryAnnouncement(record, .added(record.terms, record.source)))
    } else if record.terms.role != old.terms.role {
      announce(RegistryAnnouncement(record, .roleChanged(from: old.terms.role, to: record.terms.role)))
    }
    if let before = old.serverID, let now = record.serverID, before != now {
      announce(RegistryAnnouncement(record, .identityConfirmed(from: before, to: now)))
    }
  }
}
