package import Causality
package import Events
import Store

/// Makes events of the server's own and hands them to the log.
package struct OwnEvents: Sendable {
  private let sink: any EventSink
  package let serverID: String
  /// By type: a subject is checked when it is made, and this often is too often.
  private let subjects: [String: Subject]

  /// - Parameter types: all that will be emitted often.
  package init(sink: any EventSink, serverID: String, types: [EventType] = AuditEvents.all) {
    self.sink = sink
    self.serverID = serverID
    subjects = Dictionary(
      uniqueKeysWithValues: types.map { ($0.name, Subject(own: "hub", serverID, $0.name)) })
  }

  /// `origin` is the id of the thing that ``EventType/origin`` names; `nil` for the server itself. What happens without a cause begins a
  /// correlation of its own.
  package func emit(
    _ type: EventType, id: String = makeUUID(), origin: String? = nil, because cause: Cause?, _ data: [UInt8]
  ) {
    sink.emit(
      EventDraft(
        id: id, type: type.name, subject: subjects[type.name] ?? Subject(own: "hub", serverID, type.name),
        origin: EventOrigin(kind: type.origin, id: origin ?? serverID),
        correlationID: cause?.correlationID ?? makeUUID(),
        causationID: cause?.causationID, principal: cause?.principal, data: data, maker: .server))
  }

  /// The id of an event that will be emitted, and that others may hear of before: no publisher is given it.
  func promise() -> String {
    let id = makeUUID()
    sink.promise(id)
    return id
  }

  /// What was promised is not emitted.
  func forget(_ id: String) { sink.forget(id) }
}
