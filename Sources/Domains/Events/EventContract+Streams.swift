import Events
import Formats
import Operations
import Store

/// The streams of the `events` domain: events as they come, from a place in the log on.
extension EventContract {
  static let follow = TypedStream(
    .init(
      .serverSentEvents, "events.stream", "/events/stream",
      "Events as they come, from a place in the log on, as server-sent events."),
    .init(.webSocket, "ws.events", "/events/ws", "WebSocket: events as they come, from a place in the log on."),
    scopes: [.eventsRead], takes: FollowInput.self
  )
  .sharing(.eventFollowers)
  .asEvents(resumesBy: "after", serverSentEvent)
  .overRPC(
    Stream.RPC(subscribe: "bus.subscribe", unsubscribe: "bus.unsubscribe", notification: "bus.event", greets: true) {
      message in
      if let gap = gap(in: message) { return ("gap", gap) }
      return ("event", message[...])
    })

  private static let gapPrefix = Array("{\"gap\":".utf8)

  private static func gap(in message: [UInt8]) -> ArraySlice<UInt8>? {
    guard message.starts(with: gapPrefix) else { return nil }
    return JSONText.members(of: message[...])?.first { $0.name == "gap" }?.value
  }

  /// A message of the socket as an event of the stream, with its number as `id`, so that a client that comes again goes on where it was. It may
  /// be another server's: what is no event is not passed on.
  static func serverSentEvent(_ message: [UInt8]) -> [UInt8]? {
    guard let line = JSONText.compact(message[...]), let members = JSONText.members(of: line[...]) else { return nil }
    func value(_ name: String) -> ArraySlice<UInt8>? { members.first { $0.name == name }?.value }
    if let next = value("next").flatMap(JSONText.integer), value("connected") != nil {
      return ServerSentEvent.comment("following from \(next)")
    }
    if let gap = value("gap") {
      guard
        let last = JSONText.members(of: gap)?.first(where: { $0.name == "to" }).flatMap({ JSONText.integer($0.value) })
      else { return nil }
      return ServerSentEvent.text(id: last, event: "gap", line: gap)
    }
    guard let type = value("type").flatMap(JSONText.string) else { return nil }
    // CloudEvents have it as text.
    let number =
      value("seq").flatMap(JSONText.integer) ?? value("sequence").flatMap(JSONText.string).flatMap { Int($0) }
    return ServerSentEvent.text(id: number, event: type, line: line[...])
  }
}
