import Events
import Net
import Operations

/// CloudEvents by media type.
extension HTTPSurface {
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
