/// Where an event comes from: the kind of thing and which one, on the server that logs it.
package struct EventOrigin: Sendable, Equatable {
  /// `server`, `session`, `token`, `client`, `tool`, `project`, …: 1 to 32 of `a`–`z`, `0`–`9`, `_`, `-`.
  package let kind: String
  /// 1 to 128 bytes of printable text without quotation marks and backslashes.
  package let id: String

  package init(kind: String, id: String) {
    self.kind = kind
    self.id = id
  }
}

/// An event before the log has taken it: everything but its number and its time, which the log gives.
package struct EventDraft: Sendable {
  /// A UUID in lower case.
  package var id: String
  /// `domain.what_happened`, such as `session.created`.
  package var type: String
  package var subject: Subject
  package var origin: EventOrigin
  package var correlationID: String
  /// The event that caused this one.
  package var causationID: String?
  package var principal: String?
  /// A JSON value, encoded.
  package var data: [UInt8]
  /// Who made it. The log refuses a draft whose subject claims another maker.
  package let maker: EventMaker

  package init(
    id: String, type: String, subject: Subject, origin: EventOrigin, correlationID: String, causationID: String? = nil,
    principal: String? = nil, data: [UInt8], maker: EventMaker = .publisher
  ) {
    self.id = id
    self.type = type
    self.subject = subject
    self.origin = origin
    self.correlationID = correlationID
    self.causationID = causationID
    self.principal = principal
    self.data = data
    self.maker = maker
  }
}

/// Takes events of the server's own, without making it wait: what cannot be stored is counted and told of, not thrown.
package protocol EventSink: Sendable {
  func emit(_ draft: EventDraft)

  /// An event of this id will come, and others may hear of the id before: nobody else is given it meanwhile.
  func promise(_ id: String)

  /// What was promised does not come.
  func forget(_ id: String)
}

extension EventSink {
  package func promise(_ id: String) {}
  package func forget(_ id: String) {}
}
