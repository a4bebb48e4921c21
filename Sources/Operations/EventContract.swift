import Store

/// The `event` domain, as the world knows it.
package enum EventContract: Contract {
  static let query = Endpoint(
    "events.query", "List events of the log: by time, subject, type, origin and correlation", .eventsRead,
    .get("/events"), .reads, takes: EventQueryInput.self, gives: EventPageOutput.self
  )
  .sharing(.searches)
  static let status = Endpoint(
    "events.status", "Tell how the event log is", .eventsRead,
    .get("/events/status"), .reads, takes: NoInput.self, gives: EventLogStatus.self)
  static let get = Endpoint(
    "events.get", "Show one event, by its id or its number", .eventsRead,
    .get("/events/{id}"), .reads, takes: EventInput.self, gives: EventOutput.self
  )
  .sharing(.searches)
  static let publish = Endpoint(
    "events.publish", "Publish an event, or a list of them; the answer comes when they are on the disk", .eventsPublish,
    .post("/events"), .publishes, status: 201, takes: EventContract.publicationSchema, gives: .any)
  static let replay = Endpoint(
    "events.replay", "Publish a copy of an event again, under 'replay.' and its subject", .eventsPublish,
    .post("/events/replay"), .publishes, status: 201, takes: ReplayInput.self, gives: EventReceiptOutput.self
  )
  .sharing(.searches)
  static let cursors = Endpoint(
    "events.cursors", "List the caller's named cursors", .eventsRead,
    .get("/events/cursors"), .reads, takes: NoInput.self, gives: [CursorOutput].self)
  static let cursor = Endpoint(
    "events.cursor", "Tell where a named cursor stands", .eventsRead,
    .get("/events/cursors/{name}"), .reads, takes: CursorInput.self, gives: CursorOutput.self)
  static let setCursor = Endpoint(
    "events.set_cursor", "Set a named cursor to the number of the last event that is done with", .eventsRead,
    .put("/events/cursors/{name}"), .changes, takes: SetCursorInput.self, gives: CursorOutput.self)
  static let removeCursor = Endpoint(
    "events.remove_cursor", "Forget a named cursor", .eventsRead,
    .delete("/events/cursors/{name}"), .changes, takes: CursorInput.self)
  static let busPublish = Endpoint(
    "bus.publish", "Publish an event by topic and payload", .eventsPublish,
    .post("/bus/publish"), .publishes, takes: topicSchema, gives: .any)
  static let busSubscribe = Endpoint(
    "bus.subscribe", "List the newest events of a subject; over a WebSocket at /rpc they are followed instead",
    .eventsRead,
    .get("/bus/events"), .reads, takes: BusInput.self, gives: EventPageOutput.self
  )
  .sharing(.searches)
  static let busHealth = Endpoint(
    "bus.health", "Say whether events can be published", .eventsRead,
    .get("/bus/health"), .reads, takes: NoInput.self, gives: BusHealth.self)
  static let hubInfo = Endpoint(
    "hub.info", "Tell what this hub is", .sessionsRead,
    .get("/hub/info"), .reads, takes: NoInput.self, gives: HubInfo.self)
  static let hubHealth = Endpoint(
    "hub.health", "Tell how this hub and its parts are", .sessionsRead,
    .get("/hub/health"), .reads, takes: NoInput.self, gives: HubHealth.self)

  package static let operations: [Operation] = [
    query.operation,
    status.operation,
    get.operation,
    publish.operation,
    replay.operation,
    cursors.operation,
    cursor.operation,
    setCursor.operation,
    removeCursor.operation,
    busPublish.operation,
    busSubscribe.operation,
    busHealth.operation,
    hubInfo.operation,
    hubHealth.operation,
  ]
}
