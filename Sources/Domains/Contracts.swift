package import Operations

/// What a server can be asked for, and what it tells: one contract for each domain. A new domain is one more line here, and one in what binds
/// them (`Commands/Server.swift`).
package enum Contracts {
  package static let all: [any Contract.Type] = [
    SessionContract.self, ServerContract.self, ServersContract.self, EventContract.self, TokenContract.self,
  ]
}

/// Every type of event that a server emits of its own accord. The table of `docs/events.md` is this one.
package enum EventTypes {
  package static let all = Contracts.all.flatMap { $0.events } + AuditEvents.all

  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

  package static func named(_ name: String) -> EventType? { byName[name] }

  /// Whether a type is for the server's own events and for replays: those of the table, and all of their kind that later versions may add to
  /// audit. What is published under another's word would be taken for it.
  package static func isReserved(_ type: String) -> Bool {
    let first = type.utf8.prefix { $0 != UInt8(ascii: ".") }
    return first.elementsEqual("audit".utf8) || first.elementsEqual("replay".utf8) || named(type) != nil
  }
}
