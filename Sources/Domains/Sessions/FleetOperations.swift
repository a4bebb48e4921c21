import Cluster
import Formats
import Operations
import Sessions
import Store

/// The sessions of all servers: this one's own, and those that its backends tell of.
///
/// A call that another server sent on is answered with own sessions alone: a hub shows those of its backends, and not what these see.
struct SessionListing: Sendable {
  private let store: SessionStore
  private let server: String
  private let serverID: String?
  private let cluster: ClusterMap?

  init(store: SessionStore, server: String, serverID: String?, cluster: ClusterMap?) {
    self.store = store
    self.server = server
    self.serverID = serverID
    self.cluster = cluster
  }

  /// Room that a record takes in most lists, in bytes.
  private static let usualRecord = 640

  // MARK: session.list

  /// An array of all sessions that are known to be as they are told. Backends that are left out are remarked on.
  func list(_ input: ListInput, own: Bool, for call: Call) async -> Answer {
    let tags = input.tag ?? []
    let fleet = fleet(own: own, for: call)
    let sessions = await sessions(tags, for: call)
    let fresh = fleet.filter(\.isFresh)
    var json = JSONWriter(reserving: room(sessions.count, fresh))
    json.beginArray()
    for record in sessions { record.write(to: &json) }
    for member in fresh { _ = append(member, tags, for: call, to: &json) }
    json.endArray()
    call.remarks?.missingServers = fleet.filter { !$0.isFresh }.map(\.member.name)
    return .json(json.finish())
  }

  static var listSchema: Schema { .array(sessionSchema) }

  /// A session of this server has all that ``SessionRecord`` says. One of another has its name and its server; what else is told of it is of the
  /// form that is stated here (``RecordForm``), and beside it may stand what only that server knows.
  static var sessionSchema: Schema {
    .open(
      Schema.of(SessionRecord.self).fields.map { field in
        .init(field.name, field.schema, required: field.name == "name" || field.name == "server")
      } + [
        .init("as_of", .string(format: .dateTime), required: false), .init("stale", .boolean, required: false),
      ])
  }

  // MARK: fleet.sessions

  /// The same with word of every server: what is missing, and how old is what is told.
  func fleetSessions(_ input: FleetSessionsInput, own: Bool, for call: Call) async -> Answer {
    let tags = input.tag ?? []
    let fleet = fleet(own: own, for: call)
    let sessions = await sessions(tags, for: call)
    var json = JSONWriter(reserving: room(sessions.count, fleet))
    json.beginObject()
    json.key("sessions")
    json.beginArray()
    for record in sessions { record.write(to: &json) }
    var counts: [Int] = []
    for member in fleet {
      let isTold = member.isFresh || input.includeStale == true
      counts.append(isTold ? append(member, tags, for: call, to: &json) : 0)
    }
    json.endArray()
    json.key("servers")
    json.beginArray()
    writeOwnServer(sessions.count, to: &json)
    for (member, count) in zip(fleet, counts) { write(member, count, to: &json) }
    json.endArray()
    let missing = fleet.filter { !$0.isFresh }.map(\.member.name)
    json.key("missing")
    json.beginArray()
    for name in missing { json.string(name) }
    json.endArray()
    json.key("complete")
    json.bool(missing.isEmpty)
    json.endObject()
    call.remarks?.missingServers = missing
    return .json(json.finish())
  }

  static var fleetSchema: Schema {
    .object([
      .init("sessions", listSchema),
      .init(
        "servers",
        .array(
          .object([
            .init("name", .string()), .init("server_id", .string(), required: false),
            .init("role", .string(format: .oneOf(Role.allCases.map(\.rawValue))), required: false),
            .init("health", .string(format: .oneOf(Health.allCases.map(\.rawValue)))),
            .init("reason", .string(), required: false),
            .init("as_of", .string(format: .dateTime), required: false),
            .init("age_ms", .integer(nil), required: false),
            .init("fresh", .boolean), .init("sessions", .integer(nil)),
          ]))),
      .init("missing", .array(.string())), .init("complete", .boolean),
    ])
  }

  private func writeOwnServer(_ sessions: Int, to json: inout JSONWriter) {
    json.beginObject()
    json.key("name")
    json.string(server)
    if let serverID {
      json.key("server_id")
      json.string(serverID)
    }
    json.key("health")
    json.string(Health.healthy.rawValue)
    json.key("as_of")
    json.string(Timestamp.now().text)
    json.key("age_ms")
    json.integer(0)
    json.key("fresh")
    json.bool(true)
    json.key("sessions")
    json.integer(sessions)
    json.endObject()
  }

  private func write(_ fleetMember: FleetMember, _ sessions: Int, to json: inout JSONWriter) {
    let member = fleetMember.member
    json.beginObject()
    json.key("name")
    json.string(member.name)
    if let id = member.serverID {
      json.key("server_id")
      json.string(id)
    }
    json.key("role")
    json.string(member.role.rawValue)
    json.key("health")
    json.string(member.report.health.rawValue)
    if let reason = member.report.reason {
      json.key("reason")
      json.string(reason)
    }
    if let asOf = fleetMember.asOf {
      json.key("as_of")
      json.string(asOf.text)
    }
    if let age = fleetMember.age {
      json.key("age_ms")
      json.integer(age)
    }
    json.key("fresh")
    json.bool(fleetMember.isFresh)
    json.key("sessions")
    json.integer(sessions)
    json.endObject()
  }

  // MARK: Sessions

  private func fleet(own: Bool, for call: Call) -> [FleetMember] {
    own || !call.via.isEmpty ? [] : cluster?.fleet() ?? []
  }

  private func room(_ own: Int, _ fleet: [FleetMember]) -> Int {
    SessionListing.usualRecord * fleet.reduce(own + 1) { $0 + $1.records.count }
  }

  /// Those of this server that the caller may reach.
  private func sessions(_ tags: [Tag], for call: Call) async -> [SessionRecord] {
    // One look at the processes serves all sessions: a look for each would take time by the square of their number.
    let processes = ProcessTable()
    let sessions = await store.list(tags: Set(tags)).filter { call.access.covers(name: $0.name.text, tags: $0.tags) }
    return await lookAround(sessions.map(\.session)) { [server, serverID] session in
      session.record(server: server, serverID: serverID, processes: processes)
    }
  }

  /// Those of a backend; returns how many.
  private func append(_ member: FleetMember, _ tags: [Tag], for call: Call, to json: inout JSONWriter) -> Int {
    let wanted = Set(tags.map(\.text))
    let (origin, ending, now) = (member.origin, member.ending, ContinuousClock.now)
    var count = 0
    for record in member.records {
      guard wanted.isEmpty || !wanted.isDisjoint(with: record.tags),
        call.access.covers(name: record.name, tagTexts: record.tags)
      else { continue }
      record.write(to: &json, origin: origin, ending: ending, now: now)
      count += 1
    }
    return count
  }
}

struct FleetSessionsInput: Decodable, Sendable, MeaningTelling {
  static let meanings =
    ListInput.meanings + [
      FieldMeaning(
        "include_stale", "Whether sessions of servers that are not reached are told as they were last known",
        standard: false)
    ]

  var tag: [Tag]?
  var includeStale: Bool?
}

extension SessionOperations {
  private var listing: SessionListing {
    SessionListing(store: store, server: server, serverID: serverID, cluster: cluster)
  }

  /// Lists of sessions, on all servers.
  var lists: [OperationBinding] {
    let listing = listing
    return [
      SessionContract.list.on { call, arguments in
        let input = try arguments.decode(ListInput.self, known: ["tag"], rawField: nil)
        return await listing.list(input, own: try arguments.requestedServer() != nil, for: call)
      },
      SessionContract.fleetSessions.on { call, arguments in
        let input = try arguments.decode(FleetSessionsInput.self, known: ["tag", "include_stale"], rawField: nil)
        return await listing.fleetSessions(input, own: try arguments.requestedServer() != nil, for: call)
      },
    ]
  }
}
