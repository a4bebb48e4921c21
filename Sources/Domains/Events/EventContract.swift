import Events
package import Operations
import Store

/// The `event` domain, as the world knows it.
package enum EventContract: Contract {
  /// CloudEvents by media type.
  private static let (one, batch) = ("application/cloudevents+json", "application/cloudevents-batch+json")

  static let query = TypedOperation(
    "events.query", "List events of the log: by time, subject, type, origin and correlation", .eventsRead,
    .get("/events"), .reads, takes: EventQueryInput.self, gives: EventPageOutput.self
  )
  .sharing(.searches)
  .answeringAtLength()
  .negotiating(
    AnswerForm(batch, means: [("format", EventForm.cloudEvents.rawValue), ("list", "true")]),
    AnswerForm(one, means: [("format", EventForm.cloudEvents.rawValue)], as: "application/json"))
  static let status = TypedOperation(
    "events.status", "Tell how the event log is", .eventsRead,
    .get("/events/status"), .reads, takes: NoInput.self, gives: EventLogStatus.self)
  static let get = TypedOperation(
    "events.get", "Show one event, by its id or its number", .eventsRead,
    .get("/events/{id}"), .reads, takes: EventInput.self, gives: EventOutput.self
  )
  .sharing(.searches)
  .negotiating(AnswerForm(one, means: [("format", EventForm.cloudEvents.rawValue)]))
  static let publish = TypedOperation(
    "events.publish", "Publish an event, or a list of them; the answer comes when they are on the disk", .eventsPublish,
    .post("/events"), .publishes, status: 201, takes: EventContract.publicationSchema, gives: .any)
  static let replay = TypedOperation(
    "events.replay", "Publish a copy of an event again, under 'replay.' and its subject", .eventsPublish,
    .post("/events/replay"), .publishes, status: 201, takes: ReplayInput.self, gives: EventReceiptOutput.self
  )
  .sharing(.searches)
  static let cursors = TypedOperation(
    "events.cursors", "List the caller's named cursors", .eventsRead,
    .get("/events/cursors"), .reads, takes: NoInput.self, gives: [CursorOutput].self)
  static let cursor = TypedOperation(
    "events.cursor", "Tell where a named cursor stands", .eventsRead,
    .get("/events/cursors/{name}"), .reads, takes: CursorInput.self, gives: CursorOutput.self)
  static let setCursor = TypedOperation(
    "events.set_cursor", "Set a named cursor to the number of the last event that is done with", .eventsRead,
    .put("/events/cursors/{name}"), .changes, takes: SetCursorInput.self, gives: CursorOutput.self)
  static let removeCursor = TypedOperation(
    "events.remove_cursor", "Forget a named cursor", .eventsRead,
    .delete("/events/cursors/{name}"), .changes, takes: CursorInput.self)
  static let busPublish = TypedOperation(
    "bus.publish", "Publish an event by topic and payload", .eventsPublish,
    .post("/bus/publish"), .publishes, takes: topicSchema, gives: .any)
  static let busSubscribe = TypedOperation(
    "bus.subscribe", "List the newest events of a subject; over a WebSocket at /rpc they are followed instead",
    .eventsRead,
    .get("/bus/events"), .reads, takes: BusInput.self, gives: EventPageOutput.self
  )
  .sharing(.searches)
  static let busHealth = TypedOperation(
    "bus.health", "Say whether events can be published", .eventsRead,
    .get("/bus/health"), .reads, takes: NoInput.self, gives: BusHealth.self)
  static let hubInfo = TypedOperation(
    "hub.info", "Tell what this hub is", .sessionsRead,
    .get("/hub/info"), .reads, takes: NoInput.self, gives: HubInfo.self)
  static let hubHealth = TypedOperation(
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
  package static let events = LogEvents.all
  package static let streams = [follow.stream]
}
