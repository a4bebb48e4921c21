import Causality
package import Events
import Formats
package import Operations
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

  package var all: [OperationBinding] { asking + publishing + places + bus }

  private var asking: [OperationBinding] {
    [
      EventContract.query.on { call, input in
        var query = try input.query()
        query.admits = call.access.admitting
        let (form, isList) = (input.format ?? .roost, input.list ?? false)
        return try await log.page(query, forOwner: call.principal.holder == nil) {
          EventPageOutput($0, as: form, isList: isList)
        }
      },
      EventContract.status.on { call, _ in
        // Its numbers are those of everybody's events.
        guard !call.access.isLimited else {
          throw OperationError(
            .insufficientScope,
            "This token may not do events.status: it is limited to some sessions, and the log is not.")
        }
        await log.whenOpen()
        return EventLogStatus(log)
      },
      EventContract.get.on { call, input in
        guard let event = try await log.event(input.id, forOwner: call.principal.holder == nil),
          call.access.admits(event)
        else {
          throw OperationError(.eventNotFound, "There is no event \(input.id) in the log; it may have aged out.")
        }
        return EventOutput(event, as: input.format ?? .roost)
      },
    ]
  }

  // MARK: Publishing

  private var publishing: [OperationBinding] {
    [
      EventContract.publish.on { call, arguments in
        guard case .json(let body) = arguments.body, arguments.query.allSatisfy({ $0.name == "server" }) else {
          throw OperationError(.invalidEvent, "Send the event as a JSON object in the body.")
        }
        let publications = try Publication.all(in: body[...])
        let receipts = try await publish(publications, for: call)
        return .json(EventOperations.answer(receipts, isList: JSONText.firstByte(body[...]) == 0x5B))
      },
      EventContract.replay.on { call, input in
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
        return EventReceiptOutput(try await log.append(draft), draft)
      },
    ]
  }

  /// All of them are checked before the first is stored; they are numbered in their order and stored together or not at all.
  private func publish(_ publications: [Publication], for call: Call) async throws -> [EventReceiptOutput] {
    let drafts = try publications.map { try draft(of: $0, for: call) }
    try allowance.take(drafts, for: call.principal)
    let receipts = try await log.publish(
      drafts, chosen: publications.compactMap(\.id), forOwner: call.principal.holder == nil)
    return zip(receipts, drafts).map { EventReceiptOutput($0, $1) }
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

  private static func answer(_ receipts: [EventReceiptOutput], isList: Bool) -> [UInt8] {
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

  private var places: [OperationBinding] {
    let (log, cursors) = (log, cursors)
    return [
      EventContract.cursors.on { call, _ in
        try EventOperations.stored { try cursors.list(of: call.cursorOwner) }.map { CursorOutput($0) }
      },
      EventContract.cursor.on { call, input in
        CursorOutput(try EventOperations.stored { try cursors.find(input.name, of: call.cursorOwner) })
      },
      EventContract.setCursor.on { call, input in
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
      EventContract.removeCursor.on { call, input in
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

  private var bus: [OperationBinding] {
    [
      EventContract.busPublish.on { call, arguments in
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
      EventContract.busSubscribe.on { call, input in
        var query = EventQuery()
        if let subject = input.subject { query.filter.subjects = [try SubjectPattern(subject)] }
        query.limit = (input.limit ?? .standard).value
        query.isDescending = true
        query.admits = call.access.admitting
        return try await log.page(query, forOwner: call.principal.holder == nil) {
          EventPageOutput($0, as: .roost, isCounted: true)
        }
      },
      EventContract.busHealth.on { call, _ in
        await log.whenOpen()
        return BusHealth(
          ok: log.statistics.fault == nil, stats: call.access.isLimited ? nil : .init(events: log.lastSeq))
      },
      EventContract.hubInfo.on { _, _ in
        let info = await control.info()
        return HubInfo(hubID: info.serverID, version: info.version, hostname: info.hostname, status: "running")
      },
      EventContract.hubHealth.on { _, _ in
        await log.whenOpen()
        let isWritable = log.statistics.fault == nil
        return HubHealth(
          status: isWritable ? "healthy" : "degraded",
          services: ["events": isWritable ? "healthy" : "unavailable", "sessions": "healthy"])
      },
    ]
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
