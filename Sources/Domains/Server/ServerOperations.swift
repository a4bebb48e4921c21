package import Cluster
package import Formats
package import Operations
import Store

/// What a server tells of itself.
package struct ServerInfo: Codable, Sendable {
  package var hostname: String
  package var version: String
  package var serverID: String
  package var instanceName: String
  package var socketPath: String
  package var tcpAddr: String?
  /// The SHA-256 of the certificate that clients over TCP see; none when plain text is spoken there.
  package var tlsFingerprint: String?
  package var sessionCount: Int
  package var startedAt: Timestamp
  package var pid: Int
  package var keeperPid: Int?
  /// Whether the server goes on when its last session has ended.
  package var persistent: Bool
  /// Damaged files of the server's state, under the names by which they are kept; none when all are well.
  package var damagedFiles: [String]?
  /// What is taken of what all users share, without names; not told to those who are limited to some sessions.
  package var shares: [ShareInfo]?

  /// How a ``Share`` stands.
  package struct ShareInfo: Codable, Sendable {
    package var share: String
    /// Taken by everybody.
    package var used: Int
    /// For everybody together.
    package var limit: Int
    /// The most that one token has.
    package var most: Int
    /// Times that there was no more for somebody.
    package var refused: Int
  }

  package init(
    hostname: String, version: String, serverID: String, instanceName: String, socketPath: String, tcpAddr: String?,
    tlsFingerprint: String?,
    sessionCount: Int,
    startedAt: Timestamp, pid: Int, keeperPid: Int?, persistent: Bool,
    damagedFiles: [String]? = nil, shares: [ShareInfo]? = nil
  ) {
    self.hostname = hostname
    self.version = version
    self.serverID = serverID
    self.instanceName = instanceName
    self.socketPath = socketPath
    self.tcpAddr = tcpAddr
    self.tlsFingerprint = tlsFingerprint
    self.sessionCount = sessionCount
    self.startedAt = startedAt
    self.pid = pid
    self.keeperPid = keeperPid
    self.persistent = persistent
    self.damagedFiles = damagedFiles
    self.shares = shares
  }
}

extension Accounts {
  /// For `server.info`.
  package var shareInfos: [ServerInfo.ShareInfo] {
    standings.map {
      .init(
        share: $0.share.rawValue, used: $0.used, limit: $0.share.limits.total, most: $0.most,
        refused: Int(clamping: $0.refused))
    }
  }
}

/// What the `server` domain needs from the process that it runs in.
package protocol ServerControl: Sendable {
  func info() async -> ServerInfo
  /// How many sessions run that such a caller may reach.
  func countSessions(reachableBy access: Access) async -> Int
  /// Whether the server goes on when its last session has ended.
  func setPersistent(_ persistent: Bool) async
  /// Begins to stop. Throws ``ErrorCode/sessionsRunning`` when sessions run and are not to be ended.
  func shutDown(endingSessions: Bool) async throws(OperationError)
  /// Reads the configuration file and the certificate again. All of it is used, or nothing: throws ``ErrorCode/configInvalid``.
  func reload() async throws(OperationError) -> ServerReload
}

/// What reading the settings again has changed.
package struct ServerReload: Sendable {
  /// A certificate that clients see from now on.
  package struct Certificate: Codable, Sendable, Equatable {
    package var fingerprint: String
    /// What is wrong with it but no reason not to serve.
    package var warning: String?

    package init(fingerprint: String, warning: String?) {
      self.fingerprint = fingerprint
      self.warning = warning
    }
  }

  package var report: ReloadReport
  /// `nil` when it is the one that it was, or there is none.
  package var certificate: Certificate?

  package init(report: ReloadReport, certificate: Certificate?) {
    self.report = report
    self.certificate = certificate
  }
}

extension ServerControl {
  /// What a caller is told of the server: of sessions that are out of its reach not even how many there are.
  func info(for call: Call) async -> ServerInfo {
    var info = await info()
    if call.access.isLimited {
      info.sessionCount = await countSessions(reachableBy: call.access)
      info.shares = nil
    }
    return info
  }
}

struct ServerHealth: Codable, Sendable { var status: String }

struct ShutdownInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning(
      "kill_sessions", "Whether its sessions end with it, and do not wait for the next server", standard: false)
  ]

  var killSessions: Bool?
}

struct Persistence: Codable, Sendable, MeaningTelling {
  static let meanings = [FieldMeaning("persistent", "Whether the server goes on without sessions")]

  var persistent: Bool
}

/// The operations of the `server` domain.
package func serverOperations(_ control: any ServerControl) -> [OperationBinding] {
  [
    ServerContract.health.on { _, _ in
      ServerHealth(status: "ok")
    },
    ServerContract.info.on { call, _ in
      await control.info(for: call)
    },
    ServerContract.persistence.on { _, _ in
      Persistence(persistent: await control.info().persistent)
    },
    ServerContract.persist.on { _, input in
      await control.setPersistent(input.persistent)
      return input
    },
    ServerContract.shutdown.on { _, input in
      try await control.shutDown(endingSessions: input.killSessions ?? false)
    },
  ]
}
