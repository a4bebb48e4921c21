import Events
import Formats
import Net
import Operations
import Store

/// What one JSON-RPC socket follows: `bus.subscribe` begins, `bus.unsubscribe` ends, and between them each event is a notification
/// `bus.event` with the `subscription` that it is for.
///
/// Bound to the socket's loop.
final class BusSubscriptions: @unchecked Sendable {
  // Unchecked: touched on the socket's loop only.

  /// Most that one socket may have. A client that wants more can ask for several subjects in one.
  static let maximum = 16

  private let webSocket: any MessageSocket
  private let feeds: EventFeeds
  private let catalogue: Catalogue
  private let call: Call
  private let allowance: EventAllowance
  private var pumps: [Int: EventPump] = [:]
  private var last = 0

  init(_ webSocket: any MessageSocket, feeds: EventFeeds, catalogue: Catalogue, call: Call) {
    self.catalogue = catalogue
    self.webSocket = webSocket
    self.feeds = feeds
    self.call = call
    allowance = EventAllowance(call, catalogue.accounts, feeds.waiters, loop: webSocket.loop)
    allowance.onRoom = { [unowned self] in drained() }
  }

  /// Begins one. Returns its number and the number of the first event that it will give; nothing is sent before ``begin(_:)``.
  func subscribe(_ parameters: Arguments.Body) async throws(OperationError) -> (subscription: Int, next: UInt64) {
    guard call.access.allows(.eventsRead) else {
      throw OperationError(.insufficientScope, "This token may not do bus.subscribe: it needs the scope 'events:read'.")
    }
    try catalogue.requireHere(
      try Arguments(body: parameters).requestedServer(), "bus.subscribe",
      hint: "follow its events at /events/ws?server=….")
    guard pumps.count < BusSubscriptions.maximum else {
      throw OperationError(
        .resourceLimitReached, "Resource limit reached: a socket has at most \(BusSubscriptions.maximum) subscriptions."
      )
    }
    let following = try EventFollowing(try BusSubscriptions.query(parameters))
    let start = try await following.start(feeds, for: call)
    last += 1
    func frame(_ member: String) -> (before: [UInt8], after: [UInt8]) {
      (
        Array("{\"jsonrpc\":\"2.0\",\"method\":\"bus.event\",\"params\":{\"subscription\":\(last),\"\(member)\":".utf8),
        Array("}}".utf8)
      )
    }
    pumps[last] = EventPump(
      webSocket, following, from: start, feeds: feeds, access: call.access, allowance: allowance,
      eventFrame: frame("event"), gapFrame: frame("gap"))
    return (last, start)
  }

  /// Sends what there is from now on. Called once the answer to the subscription is out.
  func begin(_ subscription: Int) { pumps[subscription]?.pump() }

  func unsubscribe(_ parameters: Arguments.Body) throws(OperationError) {
    guard case .json(let body) = parameters, let members = JSONText.members(of: body[...]),
      let number = members.first(where: { $0.name == "subscription" }).flatMap({ JSONText.integer($0.value) }),
      let pump = pumps.removeValue(forKey: number)
    else { throw OperationError(.invalidRequest, "Invalid request: 'subscription' must be one of this socket's.") }
    pump.stop()
  }

  /// The client has read.
  func drained() { for pump in pumps.values { pump.pump() } }

  func stop() {
    for pump in pumps.values { pump.stop() }
    pumps = [:]
    allowance.end()
  }

  /// The parameters as those of a query: text and numbers as they are, lists with commas.
  private static func query(_ parameters: Arguments.Body) throws(OperationError) -> [(name: String, value: String)] {
    guard case .json(let body) = parameters else { return [] }
    guard let members = JSONText.members(of: body[...]) else {
      throw OperationError(.invalidRequest, "Invalid request: 'params' must be an object.")
    }
    var query: [(name: String, value: String)] = []
    for (name, value) in members where name != "server" && !JSONText.isNull(value) {
      if let text = JSONText.string(value) {
        query.append((name, text))
      } else if let elements = JSONText.elements(of: value) {
        query.append((name, elements.map { JSONText.string($0) ?? "" }.joined(separator: ",")))
      } else {
        query.append((name, String(decoding: value, as: UTF8.self)))
      }
    }
    return query
  }
}
