import Formats

/// `roost events trace`
func traceEvents(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let id = try context.invocation.required(Arguments.traced)
  var correlationID = id
  var records = try await allEvents(of: id, context)
  if records.isEmpty {
    // It may be the id, or the number, of an event.
    let event: JSON
    do throws(CommandFailure) {
      event = try await context.client.call("GET", "/events/" + PercentEncoding.encode(id))
    } catch {
      guard error.exitCode == .notFound || error.exitCode == .usage else { throw error }
      throw CommandFailure(
        .notFound, "no event has the correlation id '\(printable(id))'", serverCode: "event_not_found")
    }
    correlationID = event["correlation_id"].plainText
    records = try await allEvents(of: correlationID, context)
  }
  let tree = EventTree(records)
  if context.usesJSON {
    context.output.json(document: tree.json(correlationID: correlationID))
    return .ok
  }
  let style = context.output.style
  let first = records.map(\.time).min().map { LocalTime.system.text($0) } ?? ""
  context.output.write(
    style.bold(printable(correlationID)) + "  \(first), \(records.count) \(records.count == 1 ? "event" : "events")\n"
      + tree.text(style: style, width: context.output.width))
  return .ok
}

/// More than one call causes; a tree of more is of no use to anybody.
private let mostTraced = 100_000

private func allEvents(of id: String, _ context: ClientContext) async throws(CommandFailure) -> [EventRecord] {
  var pages = EventPages(
    context.client, EventQuery(correlationID: id).parameters, isAscending: true, limit: mostTraced)
  var records: [EventRecord] = []
  do throws(CommandFailure) {
    while let events = try await pages.next() { records += events.compactMap(EventRecord.init) }
  } catch {
    // What is no correlation id has no events; whether it is something else is looked at next.
    guard error.exitCode == .usage, records.isEmpty else { throw error }
    return []
  }
  if pages.hasMore, !records.isEmpty {
    context.output.note("Only the first \(mostTraced) events are shown.")
  }
  return records
}
