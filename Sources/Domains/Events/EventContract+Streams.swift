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
    guard let head = OwnEventHead(message) else { return false }
    let size = 20 + head.number.count + head.type.count + message.count
    text.reserveCapacity(text.count + size)
    text.append(contentsOf: idField)
    text.append(contentsOf: head.number)
    text.append(contentsOf: eventField)
    text.append(contentsOf: head.type)
    text.append(contentsOf: dataField)
    text.append(contentsOf: message)
    text.append(contentsOf: emptyLine)
    return true
  }

  private static let (idField, eventField) = (Array("id: ".utf8), Array("\nevent: ".utf8))
  private static let (dataField, emptyLine) = (Array("\ndata: ".utf8), Array("\n\n".utf8))
}

/// The number and type of an event, which stand among the plain members at its beginning.
private struct OwnEventHead {
  let number: UnsafeRawBufferPointer
  let type: UnsafeRawBufferPointer

  init?(_ message: UnsafeRawBufferPointer) {
    guard let start = message.baseAddress, message.first == UInt8(ascii: "{") else { return nil }
    let end = message.count
    var at = 1
    var (number, type): (UnsafeRawBufferPointer?, UnsafeRawBufferPointer?)
    while number == nil || type == nil {
      guard let key = OwnEventHead.string(start, &at, end), at < end, message[at] == UInt8(ascii: ":") else {
        return nil
      }
      at += 1
      guard at < end else { return nil }
      if message[at] == UInt8(ascii: "\"") {
        guard let value = OwnEventHead.string(start, &at, end) else { return nil }
        // CloudEvents have it as text.
        if OwnEventHead.equals(key, "sequence") {
          number = value
        } else if OwnEventHead.equals(key, "type") {
          type = value
        }
      } else {
        let from = at
        while at < end, message[at] &- UInt8(ascii: "0") < 10 { at += 1 }
        guard at > from else { return nil }
        if OwnEventHead.equals(key, "seq") { number = UnsafeRawBufferPointer(start: start + from, count: at - from) }
      }
      guard at < end, message[at] == UInt8(ascii: ",") else { return nil }
      at += 1
    }
    guard let number, let type else { return nil }
    self.number = number
    self.type = type
  }

  /// A string without escapes, with what is between its quotation marks.
  private static func string(_ start: UnsafeRawPointer, _ at: inout Int, _ end: Int) -> UnsafeRawBufferPointer? {
    guard at < end, start.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: "\"") else { return nil }
    let from = at + 1
    guard let close = memchr(start + from, Int32(UInt8(ascii: "\"")), end - from) else { return nil }
    let count = UnsafeRawPointer(close) - (start + from)
    guard memchr(start + from, Int32(UInt8(ascii: "\\")), count) == nil else { return nil }
    at = from + count + 1
    return UnsafeRawBufferPointer(start: start + from, count: count)
  }

  private static func equals(_ text: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
    text.count == word.utf8CodeUnitCount && memcmp(text.baseAddress!, word.utf8Start, text.count) == 0
  }
}
