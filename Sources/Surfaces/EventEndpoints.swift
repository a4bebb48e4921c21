import Events
import Formats
import Net
import Operations
import Store

/// How clients follow the event log, and in which form they are given events.
extension HTTPSurface {
  private func requireFeeds() throws(OperationError) -> EventFeeds {
    guard let events else { throw OperationError(.notFound, "This server keeps no event log.") }
    return events
  }

  func eventStream(_ request: HTTPRequest, for call: Call) async throws(OperationError) -> HTTPReply {
    let given = try QueryText.parse(request.query)
    if let relayed = try await relayedEventStream(request, given, for: call) { return relayed }
    let feeds = try requireFeeds()
    let query = try checkedQuery(given, at: .eventStream)
    let following = try EventFollowing(query, lastEventID: request.headers[first: "last-event-id"])
    let start = try await following.start(feeds, for: call)
    let place = try eventFollower(for: call)
    let (authenticator, tenures, accounts) = (authenticator, catalogue.tenures, catalogue.accounts)
    return .stream(Responses.eventStream()) { writer in
      let stream = EventStream(
        following, access: call.access, EventAllowance(call, accounts, feeds.waiters, loop: writer.loop),
        loop: writer.loop
      ) {
        // Asked again at every keepalive too: the file of the tokens may be another's work.
        (try? await authenticator.authenticate(request)) != nil
      }
      let tenure = tenures?.hold(call) { stream.loop.execute { stream.assumeIsolated { $0.wake() } } }
      await stream.run(from: start, feeds.log, into: writer, until: { tenure?.ended != nil })
      tenure?.release()
      place.leave()
    }
  }

  func eventFollower(for call: Call) throws(OperationError) -> Accounts.Lease {
    try catalogue.accounts.take(.eventFollowers, for: call.principal)
  }

  func eventSocket(
    _ query: [(name: String, value: String)], for call: Call
  ) async throws(OperationError) -> HTTPReply {
    let feeds = try requireFeeds()
    guard call.access.allows(.eventsRead) else {
      throw refusal(
        "This token may not follow events: it needs the scope '\(Scope.eventsRead.rawValue)'.", at: .eventSocket, nil,
        for: call)
    }
    let following = try EventFollowing(try checkedQuery(query, at: .eventSocket))
    let start = try await following.start(feeds, for: call)
    let (place, open, accounts) = (try eventFollower(for: call), authenticator.sockets, catalogue.accounts)
    return .upgrade(
      WebSocketUpgrade { webSocket in
        let forget = open.add(webSocket, call)
        let socket = EventSocket(webSocket, following, from: start, feeds: feeds, call: call, accounts: accounts) {
          place.leave()
          forget()
        }
        socket.assumeIsolated { $0.open() }
      })
  }

  /// The query without `server`, which must mean this one.
  private func checkedQuery(
    _ query: [(name: String, value: String)], at endpoint: FixedEndpoint
  ) throws(OperationError) -> [(name: String, value: String)] {
    try checkQuery(query.filter { $0.name == "server" }, at: endpoint)
    return query.filter { $0.name != "server" }
  }

  // MARK: CloudEvents by media type

  private static let cloudEvent = "application/cloudevents+json"
  private static let cloudEvents = "application/cloudevents-batch+json"

  /// What an `Accept` header asks of the operations that give events: the parameters that say it, and the media type of the answer.
  func negotiated(
    _ operation: Operation, _ request: HTTPRequest, _ arguments: inout Arguments
  ) -> String? {
    guard operation.name == "events.query" || operation.name == "events.get",
      let accept = request.headers[first: "accept"]?.lowercased(),
      !arguments.query.contains(where: { $0.name == "format" })
    else { return nil }
    if operation.name == "events.query", accept.contains(HTTPSurface.cloudEvents) {
      arguments.query.append((name: "format", value: EventForm.cloudEvents.rawValue))
      arguments.query.append((name: "list", value: "true"))
      return HTTPSurface.cloudEvents
    }
    guard accept.contains(HTTPSurface.cloudEvent) else { return nil }
    arguments.query.append((name: "format", value: EventForm.cloudEvents.rawValue))
    return operation.name == "events.get" ? HTTPSurface.cloudEvent : "application/json"
  }
}
