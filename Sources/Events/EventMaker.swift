/// Who made an event, as opposed to what it says: the first token of its subject tells, since the log takes no event whose subject claims
/// another maker than it has.
package enum EventMaker: Sendable, Equatable {
  /// The server, of its own accord: `hub.…`. Audit lines are written of such events alone.
  case server
  /// Somebody who published it.
  case publisher
  /// Somebody who had an event of the log published once more: `replay.…`.
  case replay

  package init(of subject: Subject) { self.init(firstToken: subject.firstToken) }

  init(firstToken: String) {
    self =
      switch firstToken {
      case "hub": .server
      case "replay": .replay
      default: .publisher
      }
  }
}

extension StoredEvent {
  /// Who made the event.
  package var maker: EventMaker { EventMaker(firstToken: String(subject.unicodeScalars.prefix { $0 != "." })) }
}
