package import Formats

/// What is known of one backend's sessions at one moment, with what this server thinks of the backend.
package struct FleetMember: Sendable {
  /// A backend that was not heard of for so long is not fresh, whatever its link thinks of itself: three pings and a little.
  package static let freshFor = 35_000

  package let member: Member
  package let records: [DirectoryRecord]
  /// When the backend was last heard of.
  package let asOf: Timestamp?
  /// Milliseconds since then.
  package let age: Int?
  /// Whether the records can be taken for how things are: the backend can be used, has told everything, and was heard of lately.
  package let isFresh: Bool

  init(_ member: Member, now: ContinuousClock.Instant) {
    let snapshot = member.directory?.snapshot
    self.member = member
    records = snapshot?.records ?? []
    asOf = snapshot?.heard?.timestamp
    age = snapshot?.age(now: now)
    isFresh =
      member.report.health.isUsable && snapshot?.isCurrent == true && (age ?? .max) <= FleetMember.freshFor
  }

  /// Where each of the records is, as members of a JSON object without braces.
  package var origin: [UInt8] {
    var json = JSONWriter()
    json.key("server")
    json.string(member.name)
    if let id = member.serverID {
      json.key("server_id")
      json.string(id)
    }
    return json.finish()
  }

  /// How old each of the records may be; the members bring their commas.
  package var ending: [UInt8] {
    var json = JSONWriter()
    json.needsComma = true
    if let asOf {
      json.key("as_of")
      json.string(asOf.text)
    }
    if !isFresh {
      json.key("stale")
      json.bool(true)
    }
    return json.finish()
  }
}

extension ClusterMap {
  /// The backends that may be looked at, each with what is known of its sessions.
  package func fleet(now: ContinuousClock.Instant = .now) -> [FleetMember] {
    members.filter { $0.role.permits(.reads) }.map { FleetMember($0, now: now) }
  }

  /// The sessions of that name on all backends that may be looked at.
  package func sessions(named name: String) -> [(member: FleetMember, record: DirectoryRecord)] {
    sessions { $0.name == name }
  }

  /// The sessions with one of these tags on all backends that may be looked at.
  package func sessions(tagged tags: Set<String>) -> [(member: FleetMember, record: DirectoryRecord)] {
    sessions { !tags.isDisjoint(with: $0.tags) }
  }

  private func sessions(
    where matches: (DirectoryRecord) -> Bool
  ) -> [(member: FleetMember, record: DirectoryRecord)] {
    fleet().flatMap { member in member.records.lazy.filter(matches).map { (member, $0) } }
  }
}
