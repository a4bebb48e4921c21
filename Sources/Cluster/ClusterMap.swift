import Synchronization

/// A backend as the rest of the server sees it at one moment.
package struct Member: Sendable {
  /// Stable; `nil` until the backend has said it. Names a backend for good.
  package var serverID: String?
  /// What the backend calls itself; `nil` until it has said it. Several may have one name.
  package var hostname: String?
  /// Where it is reached, as it was enrolled: names it until it has said its id.
  package var address: String
  package var role: Role
  package var tags: [String]
  package var report: HealthReport
  /// The way to it; `nil` while there is none.
  package var remote: (any RemoteServer)?
  /// What is known of its sessions; `nil` while it was never asked.
  package var directory: DirectoryCopy?

  package init(
    serverID: String? = nil, hostname: String? = nil, address: String, role: Role, tags: [String] = [],
    report: HealthReport, remote: (any RemoteServer)? = nil, directory: DirectoryCopy? = nil
  ) {
    self.serverID = serverID
    self.hostname = hostname
    self.address = address
    self.role = role
    self.tags = tags
    self.report = report
    self.remote = remote
    self.directory = directory
  }

  /// How people and records call it.
  package var name: String { hostname ?? address }
}

/// Which servers there are: asked for every call that names one, from any loop, without waiting.
package final class ClusterMap: Sendable {
  /// The shortest beginning of a server id that stands for it.
  package static let shortestPrefix = 8

  /// Whether a name is the beginning of a server's id, and long enough to stand for it.
  static func isBeginning(_ name: String, of serverID: String?) -> Bool {
    name.utf8.count >= shortestPrefix && serverID?.hasPrefix(name) == true
  }

  /// Of this server.
  package let serverID: String
  package let hostname: String
  private let state = Mutex<[Member]>([])
  private let observers = Observers()

  package init(serverID: String, hostname: String) {
    self.serverID = serverID
    self.hostname = hostname
  }

  /// The enrolled backends, in the order of their enrolment.
  package var members: [Member] { state.withLock { $0 } }

  package func set(_ members: [Member]) {
    state.withLock { $0 = members }
    observers.tell()
  }

  /// Calls `changed`, on whatever thread, when something about the members has become different.
  package func observe(_ changed: @escaping @Sendable () -> Void) -> Int { observers.add(changed) }

  package func forget(_ observer: Int) { observers.remove(observer) }

  /// What a name stands for.
  package enum Resolution: Sendable {
    case here
    case member(Member)
    case unknown
    /// Several backends have that name.
    case ambiguous([Member])
  }

  /// Looks a name up: this server's own names first, then a backend's id, its host name, its address, the beginning of its id.
  package func resolve(_ name: String) -> Resolution {
    if name == hostname || name == serverID { return .here }
    let members = members
    if let found = members.first(where: { $0.serverID == name }) { return .member(found) }
    // What a server calls itself is its own word: it does not take the calls of another one whose id begins so.
    let found = members.filter {
      $0.hostname == name || $0.address == name || ClusterMap.isBeginning(name, of: $0.serverID)
    }
    let isOwn = ClusterMap.isBeginning(name, of: serverID)
    if found.isEmpty { return isOwn ? .here : .unknown }
    return found.count == 1 && !isOwn ? .member(found[0]) : .ambiguous(found)
  }
}
