/// What a backend may be used for. Whoever adds a backend without a word about its role gets ``none``: to be on a list is not to consent to work.
package enum Role: String, Sendable, CaseIterable, Codable {
  /// Listed, and asked who it is; nothing else.
  case none
  /// May be looked at.
  case observer
  /// Full member: may be given sessions, and everything may be done with them.
  case member
  /// Everything may be done with the sessions that are there; new ones are not started.
  case drain
  /// A hub of somebody else: may be looked at, and is never a place for work.
  case hub

  package func permits(_ work: Work) -> Bool {
    switch work {
    case .identity: true
    case .reads: self != .none
    case .changes: self == .member || self == .drain
    case .places: self == .member
    }
  }

  /// The role that permits only what both permit: a call that has come through a hub is bound by every hop's role.
  package func narrowed(to other: Role) -> Role {
    Work.allCases.allSatisfy { permits($0) ? other.permits($0) : true } ? self : other
  }

  /// A role that permits something: what a refusal recommends. Not ``drain``, which is for servers that are being emptied.
  package static func needed(for work: Work) -> Role {
    switch work {
    case .identity: .none
    case .reads: .observer
    case .changes, .places: .member
    }
  }
}

/// What an operation means to the server that performs it, as far as roles are concerned.
package enum Work: Sendable, CaseIterable {
  /// It says who the server is.
  case identity
  /// It looks, or waits.
  case reads
  /// It changes what is there.
  case changes
  /// It brings new work: a session.
  case places
}
