package import Cluster
import Formats
import Operations
import Sessions

// What happens to the servers behind this one, as events.
extension OwnEvents {
  /// Emits what happened to an entry of the registry.
  package func emit(_ announcement: RegistryAnnouncement) {
    let (type, members) = OwnEvents.members(of: announcement.news)
    var all: [JSON.Member] = [.init("address", .string(announcement.address))]
    if let id = announcement.serverID { all.append(.init("server_id", .string(id))) }
    if let name = announcement.hostname { all.append(.init("hostname", .string(name))) }
    for (name, value) in members { if let value { all.append(.init(name, value)) } }
    emit(type, origin: announcement.key, because: announcement.cause, type.data(of: .object(all)))
  }

  private static func members(of news: RegistryAnnouncement.News) -> (EventType, [(String, JSON?)]) {
    switch news {
    case .added(let terms, let source):
      (
        RegistryEvents.added,
        [
          ("role", .string(terms.role.rawValue)),
          ("tags", terms.tags.isEmpty ? nil : .array(terms.tags.map { .string($0) })),
          ("transitive", .bool(terms.transitive)), ("source", .string(source.rawValue)),
        ]
      )
    case .removed: (RegistryEvents.removed, [])
    case .roleChanged(let old, let new):
      (RegistryEvents.roleChanged, [("role", .string(new.rawValue)), ("previous", .string(old.rawValue))])
    case .healthChanged(let old, let report):
      (
        RegistryEvents.healthChanged,
        [
          ("health", .string(report.health.rawValue)), ("previous", .string(old.rawValue)),
          ("reason", report.reason.map { .string($0) }),
          ("latency_ms", report.latency.map { .integer($0.milliseconds) }),
        ]
      )
    case .identityChanged(let old, let new):
      (RegistryEvents.identityChanged, identities(old, new, isConfirmed: false))
    case .identityConfirmed(let old, let new):
      (RegistryEvents.identityChanged, identities(old, new, isConfirmed: true))
    }
  }

  private static func identities(_ old: String, _ new: String, isConfirmed: Bool) -> [(String, JSON?)] {
    [("expected", .string(old)), ("reported", .string(new)), ("confirmed", .bool(isConfirmed))]
  }
}
