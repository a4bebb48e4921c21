import Events
import Formats
import Glibc
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
  .asEvents(resumesBy: "after", own: ownServerSentEvent, serverSentEvent)
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

  /// The same for an event as it stands in this server's log, in one line: its number and type are at its beginning, and what comes behind them is
  /// not looked at. `false` for what does not begin so.
  static func ownServerSentEvent(_ message: UnsafeRawBufferPointer, _ text: inout [UInt8]) -> Bool {
    var at = 1
    func string() -> Range<Int>? {
      guard at < message.count, message[at] == UInt8(ascii: "\"") else { return nil }
      at += 1
      let start = at
      while at < message.count, message[at] != UInt8(ascii: "\"") {
        if message[at] == UInt8(ascii: "\\") { return nil }
        at += 1
      }
      guard at < message.count else { return nil }
      defer { at += 1 }
      return start..<at
    }
    func skip(_ byte: UInt8) -> Bool {
      guard at < message.count, message[at] == byte else { return false }
      at += 1
      return true
    }
    func name(_ range: Range<Int>, is word: StaticString) -> Bool {
      range.count == word.utf8CodeUnitCount
        && memcmp(message.baseAddress! + range.lowerBound, word.utf8Start, range.count) == 0
    }
    guard message.first == UInt8(ascii: "{") else { return false }
    var (number, type): (Range<Int>?, Range<Int>?)
    while number == nil || type == nil {
      guard let key = string(), skip(UInt8(ascii: ":")), at < message.count else { return false }
      if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(message[at]) {
        let start = at
        while at < message.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(message[at]) { at += 1 }
        if name(key, is: "seq") { number = start..<at }
      } else {
        guard let value = string() else { return false }
        // CloudEvents have it as text.
        if name(key, is: "sequence") { number = value } else if name(key, is: "type") { type = value }
      }
      guard skip(UInt8(ascii: ",")) else { return false }
    }
    guard let number, let type else { return false }
    text.append(contentsOf: "id: ".utf8)
    text.append(contentsOf: message[number])
    text.append(contentsOf: "\nevent: ".utf8)
    text.append(contentsOf: message[type])
    text.append(contentsOf: "\ndata: ".utf8)
    text.append(contentsOf: message)
    text.append(contentsOf: "\n\n".utf8)
    return true
  }
}
