import Formats
import TestKit

extension Roost {
  /// The events that the server has logged, oldest first, as `GET /events` gives them.
  func events(_ query: String = "") async throws -> [JSON] {
    var events: [JSON] = []
    var after = ""
    while true {
      let page = try await http.another().get("/events?limit=1000\(query)\(after)")
      events += page["events"].array ?? []
      guard let next = page["next"].integer else { return events }
      after = "&after=\(next)"
    }
  }

  /// The events, once one of them fits.
  @discardableResult
  func events(until what: String, within duration: Duration = Deadline.standard, _ fits: (JSON) -> Bool) async throws
    -> [JSON]
  {
    var events: [JSON] = []
    try await eventually(what, within: duration) {
      events = try await self.events()
      return events.contains(where: fits)
    }
    return events
  }
}

extension [JSON] {
  func of(_ type: String) -> [JSON] { filter { $0["type"].string == type } }
  /// The audit events of an operation.
  func audit(_ operation: String, _ outcome: String = "allowed") -> [JSON] {
    of("audit.\(outcome)").filter { $0["data"]["operation"].string == operation }
  }
}
