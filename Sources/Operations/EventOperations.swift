import Causality
package import Events
import Formats
package import Store

/// The operations on the event log: ask, publish, play again, cursors. `events.>` and `bus.>` are two names for one log: the second are
/// those of the hub prototype.
package struct EventOperations: Sendable {
  let log: EventLog
  let cursors: CursorStore
  let control: any ServerControl
  private let allowance: PublishAllowance

  package init(log: EventLog, cursors: CursorStore, control: any ServerControl) {
    self.log = log
    allowance = PublishAllowance(logBytes: log.configuration.retention.bytes)
    self.cursors = cursors
    self.control = control
  }

  package var all: [Operation] { asking + publishing + places + bus }

  private var asking: [Operation] {
    [
      Operation(
        document: "events.query", "List events of the log: by time, subject, type, origin and correlation",
        .eventsRead, "GET", "/events", .reads
      ) { (call: Call, input: EventQueryInput) -> EventPageOutput in
        var query = try input.query()
        query.admits = call.access.admitting
        let page = try await log.page(query, forOwner: call.principal.holder == nil)
        return EventPageOutput(page, as: input.format ?? .roost, isList: input.list ?? false)
      }.sharing(.searches),
      Operation("events.status", "Tell how the event log is", .eventsRead, "GET", "/events/status", .reads) {
        (call: Call, _: NoInput) -> EventLogStatus in
        // Its numbers are those of everybody's events.
        guard !call.access.isLimited else {
          throw OperationError(
            .insufficientScope,
            "This token may not do events.status: it is limited to some sessions, and the log is not.")
        }
        await log.whenOpen()
        return EventLogStatus(log)
      },
      Operation(
        document: "events.get", "Show one event, by its id or its number", .eventsRead, "GET", "/events/{id}", .reads
      ) { (call: Call, input: EventInput) -> EventOutput in
        guard let event = try await log.event(input.id, forOwner: call.principal.holder == nil),
          call.access.admits(event)
        else {
          throw OperationError(.eventNotFound, "There is no event \(input.id) in the log; it may have aged out.")
        }
        return EventOutput(event, as: input.format ?? .roost)
      }.sharing(.searches),
    ]
  }

  private static let event = FieldMeaning("id", "The event's id, or its number")

  private struct EventInput: Decodable, Sendable, MeaningTelling {
    static let meanings = [EventOperations.event, EventForm.meaning]

    var id: String
    var format: EventForm?
  }

  // MARK: Publishing

  private var publishing: [Operation] {
    [
      Operation(
        raw: "events.publish", "Publish an event, or a list of them; the answer comes when they are on the disk",
        .eventsPublish, "POST", "/events", .publishes, status: 201, input: EventOperations.publicationSchema,
        output: .any
      ) { call, arguments in
        guard case .json(let body) = arguments.body, arguments.query.allSatisfy({ $0.name == "server" }) else {
          throw OperationError(.invalidEvent, "Send the event as a JSON object in the body.")
        }
        let publications = try Publication.all(in: body[...])
        let receipts = try await publish(publications, for: call)
        return .json(EventOperations.answer(receipts, isList: JSONText.firstByte(body[...]) == 0x5B))
      },
      Operation(
        "events.replay", "Publish a copy of an event again, under 'replay.' and its subject", .eventsPublish, "POST",
        "/events/replay", .publishes, status: 201
      ) { (call: Call, input: ReplayInput) -> Receipt in
        // The answer tells of the event: of its subject, and that it is there.
        guard call.access.allows(.eventsRead) else {
          throw OperationError(
            .insufficientScope,
            "This token may not do events.replay: it needs the scope '\(Scope.eventsRead.rawValue)' beside '\(Scope.eventsPublish.rawValue)'."
          )
        }
        guard let event = try await log.event(input.id, forOwner: call.principal.holder == nil),
          call.access.admits(event)
        else {
          throw OperationError(.eventNotFound, "There is no event \(input.id) in the log; it may have aged out.")
        }
        // A replay of a replay keeps one prefix.
        let subject = event.maker == .replay ? event.subject : "replay.\(event.subject)"
        // Whoever asks for a type of the server's own wants what has happened, not what is told once more.
        let type = event.maker == .server ? "replay.\(event.type)" : event.type
        let draft = EventDraft(
          id: makeUUID(), type: type, subject: try Subject(subject),
          origin: EventOrigin(kind: event.originKind, id: event.originID), correlationID: call.correlationID,
          causationID: event.id, principal: call.principal.description, data: Array(event.data), maker: .replay)
        try allowance.take([draft], for: call.principal)
        return Receipt(try await log.append(draft), draft)
      }.sharing(.searches),
    ]
  }

  private struct ReplayInput: Decodable, Sendable, MeaningTelling {
    static let meanings = [EventOperations.event]

    var id: String
  }

  private static let publicationSchema = Schema.object([
    .init(FieldMeaning("subject", "Its subject: tokens with dots between them"), .string()),
    .init(FieldMeaning("type", "Its type; without it the subject"), .string()),
    .init(FieldMeaning("data", "Any JSON", standard: .null), .any),
    .init(
      FieldMeaning(
        "id", "Its id: one that was published before is not published again; without it the server gives one"),
      .string()),
    .init(
      FieldMeaning("origin", "What it comes from; without it the client that publishes it"),
      .object([.init("kind", .string()), .init("id", .string())])),
    .init(FieldMeaning("correlation_id", "What it belongs to; without it the call"), .string()),
    .init(FieldMeaning("causation_id", "The event that caused it; without it none"), .string()),
  ])

  /// All of them are checked before the first is stored; they are numbered in their order and stored together or not at all.
  private func publish(_ publications: [Publication], for call: Call) async throws -> [Receipt] {
    let drafts = try publications.map { try draft(of: $0, for: call) }
    try allowance.take(drafts, for: call.principal)
    let receipts = try await log.publish(
      drafts, chosen: publications.compactMap(\.id), forOwner: call.principal.holder == nil)
    return zip(receipts, drafts).map { Receipt($0, $1) }
  }

  private func draft(of publication: Publication, for call: Call) throws(OperationError) -> EventDraft {
    let first = publication.subject.firstToken
    guard !Publication.reserved.contains(first) else {
      throw OperationError(
        .subjectReserved, "Subjects under '\(first).' are this server's own; publish under another first token.")
    }
    guard !EventTypes.isReserved(publication.type) else {
      throw OperationError(
        .typeReserved,
        "Events of the type '\(publication.type)' are this server's own; publish under another type, such as 'my.\(publication.type)'."
      )
    }
    guard EventOperations.mayTell(publication, call.access) else {
      throw OperationError(
        .insufficientScope,
        "This token may not publish as a session that it may not reach: name one of its own in 'data', as 'session', or leave 'origin' out."
      )
    }
    let origin = publication.origin ?? EventOperations.origin(of: call.principal)
    return EventDraft(
      id: publication.id ?? makeUUID(), type: publication.type, subject: publication.subject, origin: origin,
      correlationID: publication.correlationID ?? call.correlationID, causationID: publication.causationID,
      principal: call.principal.description, data: publication.data)
  }

  /// Whether a caller who may reach only some sessions publishes about those: readers who are limited are given what has a session as its
  /// origin, by what its data say.
  private static func mayTell(_ publication: Publication, _ access: Access) -> Bool {
    guard access.isLimited, publication.origin?.kind == "session" else { return true }
    guard let data = try? JSON(parsing: publication.data), data["tags"].isNull, let name = data["session"].string else {
      return false
    }
    return access.covers(name: name, tagTexts: [])
  }

  private static func origin(of principal: Principal) -> EventOrigin {
    switch principal {
    case .localUser(let uid): EventOrigin(kind: "user", id: String(uid))
    case .token(let id, _): EventOrigin(kind: "token", id: id)
    case .anonymous: EventOrigin(kind: "user", id: "anonymous")
    case .relayed(let hub, _): origin(of: hub)
    }
  }

  private struct Receipt: Codable, Sendable {
    var id: String
    var seq: UInt64
    var time: String
    var subject: String
    var correlationID: String

    init(_ receipt: EventReceipt, _ draft: EventDraft) {
      id = receipt.id
      seq = receipt.seq
      time = receipt.time.description
      subject = draft.subject.text
      correlationID = draft.correlationID
    }

    func write(to json: inout JSONWriter) {
      json.beginObject()
      json.key("id")
      json.string(id)
      json.key("seq")
      json.integer(seq)
      json.key("time")
      json.string(time)
      json.key("subject")
      json.string(subject)
      json.key("correlation_id")
      json.string(correlationID)
      json.endObject()
    }
  }

  private static func answer(_ receipts: [Receipt], isList: Bool) -> [UInt8] {
    var json = JSONWriter()
    if isList {
      json.beginObject()
      json.key("events")
      json.beginArray()
    }
    for receipt in receipts { receipt.write(to: &json) }
    if isList {
      json.endArray()
      json.endObject()
    }
    return json.finish()
  }

  // MARK: Cursors

  private var places: [Operation] {
    let (log, cursors) = (log, cursors)
    return [
      Operation("events.cursors", "List the caller's named cursors", .eventsRead, "GET", "/events/cursors", .reads) {
        (call: Call, _: NoInput) -> [CursorOutput] in
        try EventOperations.stored { try cursors.list(of: call.cursorOwner) }.map { CursorOutput($0) }
      },
      Operation(
        "events.cursor", "Tell where a named cursor stands", .eventsRead, "GET", "/events/cursors/{name}", .reads
      ) { (call: Call, input: CursorInput) -> CursorOutput in
        CursorOutput(try EventOperations.stored { try cursors.find(input.name, of: call.cursorOwner) })
      },
      Operation(
        "events.set_cursor", "Set a named cursor to the number of the last event that is done with", .eventsRead, "PUT",
        "/events/cursors/{name}", .changes
      ) { (call: Call, input: SetCursorInput) -> CursorOutput in
        try EventOperations.requireMoving(call, "events.set_cursor")
        await log.whenOpen()
        guard input.seq <= log.lastSeq else {
          throw OperationError(
            .invalidRequest, "Invalid request: there is no event \(input.seq) yet; the newest is \(log.lastSeq).")
        }
        return CursorOutput(
          try EventOperations.stored {
            try cursors.set(input.name, of: call.cursorOwner, to: input.seq, at: Timestamp.now().milliseconds)
          })
      },
      Operation(
        silent: "events.remove_cursor", "Forget a named cursor", .eventsRead, "DELETE", "/events/cursors/{name}",
        .changes
      ) { (call: Call, input: CursorInput) in
        try EventOperations.requireMoving(call, "events.remove_cursor")
        try EventOperations.stored { try cursors.remove(input.name, of: call.cursorOwner) }
      },
    ]
  }

  /// Whoever may only read leaves nothing on the server.
  private static func requireMoving(_ call: Call, _ operation: String) throws(OperationError) {
    guard call.mayMoveCursors else {
      throw OperationError(
        .insufficientScope,
        "This token may not do \(operation): it needs the scope '\(Scope.eventsPublish.rawValue)' beside '\(Scope.eventsRead.rawValue)'."
      )
    }
  }

  private static let cursor = FieldMeaning("name", "The cursor's name, which is the caller's own")

  private struct CursorInput: Decodable, Sendable, MeaningTelling {
    static let meanings = [EventOperations.cursor]

    var name: String
  }

  private struct SetCursorInput: Decodable, Sendable, MeaningTelling {
    static let meanings = [
      EventOperations.cursor, FieldMeaning("seq", "The number of the last event that is done with"),
    ]

    var name: String
    var seq: UInt64
  }

  private struct CursorOutput: Codable, Sendable {
    var name: String
    var seq: UInt64
    var updatedAt: Timestamp

    init(_ cursor: NamedCursor) {
      name = cursor.name
      seq = cursor.seq
      updatedAt = Timestamp(milliseconds: cursor.updatedAt)
    }
  }

  package static func stored<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as StoreError {
      switch error.code {
      case .notFound: throw OperationError(.cursorNotFound, "There is no cursor of that name.")
      case .invalidName: throw OperationError(.invalidRequest, "Invalid request: \(error.message).")
      case .full:
        throw OperationError(.storageFull, "The disk is full; make room and try again: \(error.message).")
      case .limitReached:
        throw OperationError(.resourceLimitReached, "Resource limit reached: \(error.message).")
      default: throw OperationError(.eventLogUnavailable, "The cursors could not be read or written: \(error.message).")
      }
    }
  }

  // MARK: The bus, as the hub prototype knew it

  private var bus: [Operation] {
    [
      Operation(
        raw: "bus.publish", "Publish an event by topic and payload", .eventsPublish, "POST", "/bus/publish", .publishes,
        input: .object([
          .init(FieldMeaning("topic", "Its subject"), .string()),
          .init(FieldMeaning("subject", "Another word for topic"), .string()),
          .init(FieldMeaning("type", "Its type; without it the subject"), .string()),
          .init(FieldMeaning("payload", "Any JSON", standard: .null), .any),
          .init(FieldMeaning("data", "Another word for payload"), .any),
          .init(FieldMeaning("correlation_id", "What it belongs to; without it the call"), .string()),
        ]),
        output: .any
      ) { call, arguments in
        guard case .json(let body) = arguments.body else {
          throw OperationError(.invalidEvent, "Send 'topic' and 'payload'.")
        }
        let publication = try Publication(try BusMessage.event(body)[...])
        let receipt = try await publish([publication], for: call)[0]
        var json = JSONWriter()
        json.beginObject()
        json.key("published")
        json.bool(true)
        json.key("ok")
        json.bool(true)
        json.key("subject")
        json.string(receipt.subject)
        json.key("correlation_id")
        json.string(receipt.correlationID)
        json.key("id")
        json.string(receipt.id)
        json.key("seq")
        json.integer(receipt.seq)
        json.endObject()
        return .json(json.finish())
      },
      Operation(
        document: "bus.subscribe",
        "List the newest events of a subject; over a WebSocket at /rpc they are followed instead", .eventsRead, "GET",
        "/bus/events", .reads
      ) { (call: Call, input: BusInput) -> EventPageOutput in
        var query = EventQuery()
        if let subject = input.subject { query.filter.subjects = [try SubjectPattern(subject)] }
        query.limit = (input.limit ?? .standard).value
        query.isDescending = true
        query.admits = call.access.admitting
        let page = try await log.page(query, forOwner: call.principal.holder == nil)
        return EventPageOutput(page, as: .roost, isCounted: true)
      }.sharing(.searches),
      Operation("bus.health", "Say whether events can be published", .eventsRead, "GET", "/bus/health", .reads) {
        (call: Call, _: NoInput) -> BusHealth in
        await log.whenOpen()
        return BusHealth(
          ok: log.statistics.fault == nil, stats: call.access.isLimited ? nil : .init(events: log.lastSeq))
      },
      Operation("hub.info", "Tell what this hub is", .sessionsRead, "GET", "/hub/info", .reads) {
        (_: Call, _: NoInput) -> HubInfo in
        let info = await control.info()
        return HubInfo(hubID: info.serverID, version: info.version, hostname: info.hostname, status: "running")
      },
      Operation("hub.health", "Tell how this hub and its parts are", .sessionsRead, "GET", "/hub/health", .reads) {
        (_: Call, _: NoInput) -> HubHealth in
        await log.whenOpen()
        let isWritable = log.statistics.fault == nil
        return HubHealth(
          status: isWritable ? "healthy" : "degraded",
          services: ["events": isWritable ? "healthy" : "unavailable", "sessions": "healthy"])
      },
    ]
  }

  private struct BusInput: Decodable, Sendable, MeaningTelling {
    static let meanings = [
      FieldMeaning("subject", "A subject, with the wildcards '*' and '>'; without it all"), PageLimit.meaning,
    ]

    var subject: String?
    var limit: PageLimit?
  }

  private struct HubInfo: Codable, Sendable {
    var hubID: String
    var version: String
    var hostname: String
    var status: String
  }

  private struct HubHealth: Codable, Sendable {
    var status: String
    var services: [String: String]
  }

  private struct BusHealth: Codable, Sendable {
    struct Statistics: Codable, Sendable { var events: UInt64 }
    var ok: Bool
    /// Left out for a caller who may hear of some events only.
    var stats: Statistics?
  }
}

extension Call {
  /// Whose cursors the call sees: the server's own user and whoever may do everything share theirs, a token has its own; and of a hub's
  /// token each caller of the hub.
  package var cursorOwner: CursorOwner {
    guard !access.allows(.admin), let token = principal.tokenID else { return .local }
    if case .relayed(_, let caller) = principal { return .token(token, for: caller) }
    return .token(token)
  }

  package var mayMoveCursors: Bool { access.allows(.eventsPublish) }
}

/// The prototype's `{topic, payload, correlation_id?}` as an event of ours.
enum BusMessage {
  static func event(_ body: [UInt8]) throws(EventError) -> [UInt8] {
    guard let members = JSONText.members(of: body[...]) else {
      throw EventError(.invalidEvent, "Send an object with 'topic' and 'payload'.")
    }
    let names = ["topic": "subject", "payload": "data"]
    let known: Set<String> = ["topic", "payload", "subject", "data", "type", "correlation_id", "server"]
    var json = JSONWriter(reserving: body.count + 32)
    json.beginObject()
    for (name, value) in members where name != "server" {
      guard known.contains(name) else {
        throw EventError(
          .invalidEvent, "Unknown member '\(name.prefix(80))'; known are topic, payload, type and correlation_id.")
      }
      json.key(text: names[name] ?? name)
      json.raw(value)
    }
    json.endObject()
    return json.finish()
  }
}
