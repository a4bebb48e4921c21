/// All that the world can know of a domain. It needs no running server: surfaces, the documentation, the command line and tests read it.
package protocol Contract: SendableMetatype {
  /// Every call, in the order of the documentation.
  static var operations: [Operation] { get }
  /// Every stream.
  static var streams: [Stream] { get }
  /// What the server tells of it in the event log.
  static var events: [EventType] { get }
}

extension Contract {
  package static var operations: [Operation] { [] }
  package static var streams: [Stream] { [] }
  package static var events: [EventType] { [] }
}
