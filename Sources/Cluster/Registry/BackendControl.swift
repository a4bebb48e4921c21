import Store

/// What a connection to a backend is made from. The registry makes it; the connection asks the closures whenever it connects, so that
/// what changes meanwhile holds from the next attempt on.
package struct BackendSettings: Sendable {
  /// Names the entry of the registry for good: a UUID of our own making.
  package let key: String
  package let address: BackendAddress
  /// The bearer token for this address and no other; `nil` when none was given. Waits for the disk; never to be kept, logged or shown.
  package let token: @Sendable () -> String?
  /// SHA-256 of the only TLS certificate that is accepted, 64 digits in lower case; `nil` for the usual checks.
  package let fingerprint: String?
  package let role: Role
  /// Whether the backend's own backends may be seen through it.
  package let transitive: Bool
  /// Which addresses may be connected to: asked with every address that a name has, just before the connect.
  package let access: @Sendable () -> IPAccess
  package let timings: LinkTimings

  package init(
    key: String, address: BackendAddress, token: @escaping @Sendable () -> String?, fingerprint: String? = nil,
    role: Role, transitive: Bool = false, access: @escaping @Sendable () -> IPAccess = { IPAccess() },
    timings: LinkTimings = .standard
  ) {
    self.key = key
    self.address = address
    self.token = token
    self.fingerprint = fingerprint
    self.role = role
    self.transitive = transitive
    self.access = access
    self.timings = timings
  }
}

/// How often a link is tried, and how long silence is borne.
package struct LinkTimings: Sendable, Equatable {
  /// Between two pings.
  package var ping: Duration
  /// After so long without any sign of life the backend counts as unavailable.
  package var deadline: Duration
  /// How long a call may take beside what it waits for something: longer than a backend that lives needs for the largest answer.
  package var answer: Duration

  package init(ping: Duration, deadline: Duration, answer: Duration = .seconds(60)) {
    self.ping = ping
    self.deadline = deadline
    self.answer = answer
  }

  package static let standard = LinkTimings(ping: .seconds(5), deadline: .seconds(15))
}

/// What a backend says of itself. Nothing of it is believed before ``BackendIdentity/init(serverID:hostname:version:)`` has looked at it.
package struct BackendIdentity: Sendable, Equatable {
  /// A UUID in lower case.
  package let serverID: String
  package let hostname: String
  package let version: String
  /// Whether it has a link, as Roost servers do: those keep their ids.
  package let hasLink: Bool

  /// The longest host name that is taken (RFC 1035 §2.3.4).
  package static let longestHostname = 253
  package static let longestVersion = 128

  /// `nil` unless the id is a UUID and the other two are printable and within their bounds: a backend must not be able to write into a
  /// terminal. Nor may its name pass for an id, an address or a path of servers, so it has no `:` and no `/`.
  package init?(serverID: String, hostname: String, version: String, hasLink: Bool = true) {
    let serverID = serverID.lowercased()
    guard isUUID(serverID), BackendIdentity.isHostname(hostname),
      version.isEmpty || BackendIdentity.isPrintable(version, longest: BackendIdentity.longestVersion)
    else { return nil }
    self.serverID = serverID
    self.hostname = hostname
    self.version = version
    self.hasLink = hasLink
  }

  /// Whether a server may call itself so.
  package static func isHostname(_ text: String) -> Bool {
    isPrintable(text, longest: longestHostname) && !text.utf8.contains { $0 == 0x2F || $0 == 0x3A }
      && !isUUID(text.lowercased())
  }

  /// One to `longest` bytes without control characters, those of bidirectional text included.
  private static func isPrintable(_ text: String, longest: Int) -> Bool {
    guard (1...longest).contains(text.utf8.count) else { return false }
    return text.unicodeScalars.allSatisfy { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
      default: true
      }
    }
  }
}

/// What the registry says to the identity that a backend has just shown.
package enum IdentityVerdict: Sendable, Equatable {
  case accepted
  /// The connection is to end with ``Health/rejected`` and this reason, and to be tried again only after ``BackendControl/reconnect()``.
  case rejected(String)
}

/// How a connection tells the registry what happens to it. May be called from any loop.
package struct BackendObserver: Sendable {
  /// To be asked each time that a backend has said who it is, before anything else is done with it.
  package let identified: @Sendable (BackendIdentity) async -> IdentityVerdict
  /// Health, its reason, the way to it or the latency has changed: the registry looks at ``BackendControl`` again.
  package let changed: @Sendable () -> Void

  package init(
    identified: @escaping @Sendable (BackendIdentity) async -> IdentityVerdict, changed: @escaping @Sendable () -> Void
  ) {
    self.identified = identified
    self.changed = changed
  }
}

/// The connection to one backend, as the registry steers it. It connects by itself when it is made, and again after every loss.
package protocol BackendControl: AnyObject, Sendable {
  /// Ends the connection for good.
  func stop() async
  /// The role is another one from now on.
  func update(role: Role)
  /// Connects anew, now: token, access and identity may have changed. Also leaves ``Health/rejected`` and ``Health/authFailed``.
  func reconnect()
  /// How things are. Asked from any loop, without waiting; so are the others.
  var report: HealthReport { get }
  /// What the backend said last; `nil` before it said anything.
  var identity: BackendIdentity? { get }
  /// The numeric address that it is, or was last, connected to; `nil` before the first time.
  var peer: String? { get }
  /// The way to it; `nil` while there is none.
  var remote: (any RemoteServer)? { get }
  /// What is known of its sessions; empty for a backend that tells nothing of them.
  var directory: DirectoryCopy { get }
  /// The servers behind it, as it tells; `nil` for one that is not asked (its entry is not transitive) or has not answered.
  var behind: [ServerBehind]? { get }
}

/// Makes the connection to a backend.
package typealias BackendConnector = @Sendable (BackendSettings, BackendObserver) -> any BackendControl
