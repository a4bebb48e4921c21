import Causality
package import Events
import Store

/// Makes events of the server's own and hands them to the log.
package struct OwnEvents: Sendable {
  private let sink: any EventSink
  package let serverID: String

  package init(sink: any EventSink, serverID: String) {
    self.sink = sink
    self.serverID = serverID
  }

  /// `origin` is the id of the thing that ``EventType/origin`` names; `nil` for the server itself. What happens without a cause begins a
  /// correlation of its own.
  func emit(_ type: EventType, id: String = makeUUID(), origin: String? = nil, because cause: Cause?, _ data: [UInt8]) {
    sink.emit(
      EventDraft(
        id: id, type: type.name, subject: Subject(own: "hub", serverID, type.name),
        origin: EventOrigin(kind: type.origin, id: origin ?? serverID),
        correlationID: cause?.correlationID ?? makeUUID(),
        causationID: cause?.causationID, principal: cause?.principal, data: data))
  }
}
