import Cluster
import Formats
import Operations
import Sessions

// The inputs and outputs of the operations on the servers behind this one.

/// A role that says which ones there are when it is none.
struct RoleName: Decodable, Sendable, SchemaDescribing {
  let role: Role

  static let schema = Schema.string(format: .oneOf(Role.allCases.map(\.rawValue)))
  static let sample = RoleName(role: .none)

  init(role: Role) { self.role = role }

  init(from decoder: any Decoder) throws {
    role = try BackendRecord.role(try decoder.singleValueContainer().decode(String.self))
  }
}

/// By what a server is known, with the words there are when it is none.
struct IdentityRuleName: Decodable, Sendable, SchemaDescribing {
  let rule: IdentityRule

  static let schema = Schema.string(format: .oneOf(IdentityRule.allCases.map(\.rawValue)))
  static let sample = IdentityRuleName(rule: .serverID)

  init(rule: IdentityRule) { self.rule = rule }

  init(from decoder: any Decoder) throws {
    rule = try BackendRecord.identity(try decoder.singleValueContainer().decode(String.self))
  }
}

/// Which entry: its id, host name, address or the beginning of its id. Not called `server`: that names the server that is asked.
struct BackendInput: Decodable, Sendable, MeaningTelling {
  static let meaning = FieldMeaning("backend", "The server, by host name, id, address, or the beginning of its id")
  static let meanings = [meaning]

  var backend: String
}

struct AddBackendInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning("address", "Where it is: HOST:PORT, https://HOST:PORT, or unix: and a path"),
    FieldMeaning("token", "The token that it takes; without one a token file, or none"),
    FieldMeaning("token_file", "A file of this machine with the token; for this machine's own user only"),
    FieldMeaning("role", "What may be done there", standard: .string(Role.none.rawValue)),
    FieldMeaning("tags", "Tags to find it by", standard: []),
    FieldMeaning("transitive", "Whether the servers behind it are shown too", standard: false),
    FieldMeaning("identity", "By what it is known again", standard: .string(IdentityRule.serverID.rawValue)),
    FieldMeaning("fingerprint", "Its certificate's, SHA256:…; without it the authorities of this machine decide"),
  ]

  var address: String
  var token: String?
  var tokenFile: String?
  var role: RoleName?
  var tags: [String]?
  var transitive: Bool?
  var identity: IdentityRuleName?
  var fingerprint: String?

  var new: NewBackend {
    NewBackend(
      address: address, token: token, tokenFile: tokenFile,
      terms: BackendTerms(
        role: role?.role ?? .none, tags: tags ?? [], transitive: transitive ?? false,
        identity: identity?.rule ?? .serverID),
      fingerprint: fingerprint)
  }
}

struct UpdateBackendInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    BackendInput.meaning,
    FieldMeaning("role", "What may be done there from now on; without it as before"),
    FieldMeaning("tags", "All of its tags; without it as before"),
    FieldMeaning("transitive", "Whether the servers behind it are shown too; without it as before"),
    FieldMeaning("identity", "By what it is known again; without it as before"),
    FieldMeaning("address", "Where it is now; without it as before"),
    FieldMeaning("fingerprint", "Its certificate's, SHA256:…; without it as before"),
    FieldMeaning("token", "Another token; without it as before"),
    FieldMeaning("confirm", "Whether another server at the address is the right one now", standard: false),
  ]

  var backend: String
  var role: RoleName?
  var tags: [String]?
  var transitive: Bool?
  var identity: IdentityRuleName?
  var address: String?
  var fingerprint: String?
  var token: String?
  var confirm: Bool?

  var patch: BackendPatch {
    BackendPatch(
      role: role?.role, tags: tags, transitive: transitive, identity: identity?.rule, address: address,
      fingerprint: fingerprint, token: token, confirm: confirm ?? false)
  }
}

/// A server as `GET /servers` has it. What is not known is `null`, so that every entry has every field.
struct BackendOutput: Codable, Sendable, NullTelling {
  static let nullMembers: Set<String> = [
    "hostname", "health", "reason", "since", "latency_ms", "server_id", "source", "added_by", "added_at", "sessions",
    "version",
  ]

  struct Terms: Codable, Sendable {
    var role: String
    var tags: [String]
    var transitive: Bool
    var identity: String?
  }
  struct Identity: Codable, Sendable {
    var serverID: String
    var hostname: String
  }

  struct Behind: Codable, Sendable {
    var serverID: String
    var hostname: String
    var role: String
    var health: String
  }

  var hostname: String?
  /// `local` for the server itself.
  var address: String
  var health: String?
  var reason: String?
  var since: Timestamp?
  var latencyMs: Int?
  var role: String
  var serverID: String?
  var tags: [String]
  var transitive: Bool
  var source: String?
  var addedBy: String?
  var addedAt: Timestamp?
  var sessions: Int?
  var list: String
  var version: String?
  var fingerprint: String?
  /// `address` where it is known by that.
  var identity: String?
  /// What the configuration says, where the API has set something else.
  var declared: Terms?
  /// Who answers in its place.
  var stranger: Identity?
  /// The servers behind it, where they may be seen through it.
  var servers: [Behind]?

  init(_ entry: BackendEntry) {
    let record = entry.record
    hostname = record.hostname
    address = record.address.text
    health = entry.report?.health.rawValue
    reason = entry.report?.reason
    since = entry.report?.since
    latencyMs = entry.report?.latency?.milliseconds
    role = record.terms.role.rawValue
    serverID = record.serverID
    tags = record.terms.tags
    transitive = record.terms.transitive
    source = record.source.rawValue
    addedBy = record.addedBy
    addedAt = record.addedAt
    sessions = entry.sessions
    list = record.list.rawValue
    version = entry.version
    fingerprint = record.fingerprint
    identity = record.terms.identity == .address ? record.terms.identity.rawValue : nil
    if let terms = record.declared, !record.overrides.isEmpty {
      declared = Terms(
        role: terms.role.rawValue, tags: terms.tags, transitive: terms.transitive,
        identity: record.overrides.contains("identity") ? terms.identity.rawValue : nil)
    }
    servers = entry.behind?.map {
      Behind(
        serverID: $0.serverID, hostname: $0.hostname, role: $0.role.rawValue, health: $0.health.rawValue)
    }
    stranger = entry.stranger.map { Identity(serverID: $0.serverID, hostname: $0.hostname) }
  }

  /// The same for a caller: one that may reach only some sessions is not told how many there are.
  init(_ entry: BackendEntry, for call: Call) {
    self.init(entry)
    if call.access.isLimited { sessions = nil }
  }

  /// The server itself.
  init(_ info: ServerInfo) {
    hostname = info.hostname
    address = "local"
    health = Cluster.Health.healthy.rawValue
    since = info.startedAt
    role = Role.member.rawValue
    serverID = info.serverID
    tags = []
    transitive = false
    sessions = info.sessionCount
    list = BackendRecord.List.active.rawValue
    version = info.version
  }

  func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(hostname, forKey: .hostname)
    try fields.encode(address, forKey: .address)
    try fields.encode(health, forKey: .health)
    try fields.encode(reason, forKey: .reason)
    try fields.encode(since, forKey: .since)
    try fields.encode(latencyMs, forKey: .latencyMs)
    try fields.encode(role, forKey: .role)
    try fields.encode(serverID, forKey: .serverID)
    try fields.encode(tags, forKey: .tags)
    try fields.encode(transitive, forKey: .transitive)
    try fields.encode(source, forKey: .source)
    try fields.encode(addedBy, forKey: .addedBy)
    try fields.encode(addedAt, forKey: .addedAt)
    try fields.encode(sessions, forKey: .sessions)
    try fields.encode(list, forKey: .list)
    try fields.encode(version, forKey: .version)
    // These are news where they are there at all.
    try fields.encodeIfPresent(fingerprint, forKey: .fingerprint)
    try fields.encodeIfPresent(identity, forKey: .identity)
    try fields.encodeIfPresent(declared, forKey: .declared)
    try fields.encodeIfPresent(stranger, forKey: .stranger)
    try fields.encodeIfPresent(servers, forKey: .servers)
  }
}

struct ReloadOutput: Codable, Sendable {
  struct Change: Codable, Sendable {
    var address: String
    var hostname: String?
    var fields: [String]
  }

  var added: [String]
  var removed: [String]
  var changed: [Change]
  var unchanged: Int
  var settings: [String]
  var needsRestart: [String]
  /// The certificate that clients see from now on, where it is another one.
  var certificate: ServerReload.Certificate?

  init(_ reload: ServerReload) {
    let report = reload.report
    added = report.added
    removed = report.removed
    changed = report.changed.map { Change(address: $0.address, hostname: $0.hostname, fields: $0.fields) }
    unchanged = report.unchanged
    settings = report.settings
    needsRestart = report.needsRestart
    certificate = reload.certificate
  }
}
