import Store

// Who answers at an address.
extension Registry {
  /// Decides whether the server that answered is the one that was enrolled. The first to answer is; from then on it is nobody else until
  /// somebody confirms it.
  func identified(_ identity: BackendIdentity, as key: String, generation: Int) async -> IdentityVerdict {
    if isSettled(identity, key, generation) { return .accepted }
    await enter()
    defer { leave() }
    guard let index = index(key), entries[index].generation == generation else {
      return .rejected("this connection is over")
    }
    var record = entries[index].record
    if let reason = conflict(of: identity.serverID, for: key) { return .rejected(reason) }
    var news: RegistryAnnouncement.News?
    if let known = record.serverID, known != identity.serverID {
      guard record.isKnownByAddress(identity) else {
        if entries[index].stranger?.serverID != identity.serverID {
          announce(RegistryAnnouncement(record, .identityChanged(from: known, to: identity.serverID), because: nil))
        }
        entries[index].stranger = identity
        return .rejected(
          "another server answers here: \(identity.serverID) calling itself \(identity.hostname), where \(known) was enrolled; "
            + "if that is meant: roost servers confirm \(known), or PATCH /servers/\(known) {\"confirm\":true}"
            + Registry.hint(to: identity)
        )
      }
      news = .identityConfirmed(from: known, to: identity.serverID)
    }
    record.serverID = identity.serverID
    record.hostname = identity.hostname
    do throws(StoreError) {
      try await store.apply(saved: [record])
    } catch {
      return .rejected("its identity could not be stored: \(error.message)")
    }
    guard let index = self.index(key), entries[index].generation == generation else {
      return .rejected("this connection is over")
    }
    entries[index].record = record
    entries[index].stranger = nil
    if let news { announce(RegistryAnnouncement(record, news, because: nil)) }
    publish()
    return .accepted
  }

  /// What spares the confirming next time, where that is not the server's own fault.
  private static func hint(to identity: BackendIdentity) -> String {
    identity.hasLink
      ? ""
      : "; a wsh server has another id after every start: roost servers update NAME --identity address lets that pass"
  }

  /// Nothing new: the usual case after a drop, which needs neither disk nor queue.
  private func isSettled(_ identity: BackendIdentity, _ key: String, _ generation: Int) -> Bool {
    guard let index = index(key), entries[index].generation == generation else { return false }
    let record = entries[index].record
    guard record.serverID == identity.serverID, record.hostname == identity.hostname else { return false }
    entries[index].stranger = nil
    return true
  }

  /// Why the server of that id cannot be this entry's; `nil` when it can.
  func conflict(of serverID: String, for key: String) -> String? {
    if serverID == map.serverID { return "it is this server itself" }
    guard
      let other = entries.first(where: {
        $0.record.serverID == serverID && $0.record.key != key && $0.record.list == .active
      })
    else { return nil }
    return "that server is registered already, as \(other.record.name) at \(other.record.address) (\(serverID))"
  }
}

extension BackendRecord {
  /// Whether a server that shows another id than was enrolled is known all the same. The host name tells apart what has come to the address
  /// by accident; whoever means to deceive gives that name.
  fileprivate func isKnownByAddress(_ identity: BackendIdentity) -> Bool {
    terms.identity == .address && !identity.hasLink && (hostname == nil || hostname == identity.hostname)
  }
}
