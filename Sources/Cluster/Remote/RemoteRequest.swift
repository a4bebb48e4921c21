package import Formats

/// An operation to be performed by a backend.
package struct RemoteRequest: Sendable, Equatable {
  package enum Body: Sendable, Equatable {
    case none
    /// A JSON object.
    case json([UInt8])
    /// Bytes for the operation's raw field.
    case raw([UInt8])
  }

  package struct Parameter: Sendable, Equatable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Name of the operation: `session.screen`.
  package var operation: String
  /// Values from the path, decoded, by their names in the route. Without `server`.
  package var path: [Parameter]
  /// Values of the query, decoded. Without `server`.
  package var query: [Parameter]
  package var body: Body
  /// Where the operation is over REST, for servers that know nothing else: `GET`, `/sessions/{session}/screen`.
  package var method: String
  package var route: String
  /// How long it may wait for something at the backend before it answers; zero for what is done at once. Not told to the backend.
  package var wait: Duration
  package var context: CallContext

  package init(
    operation: String, path: [Parameter] = [], query: [Parameter] = [], body: Body = .none, method: String,
    route: String, wait: Duration = .zero, context: CallContext
  ) {
    self.operation = operation
    self.path = path
    self.query = query
    self.body = body
    self.method = method
    self.route = route
    self.wait = wait
    self.context = context
  }
}

/// What a backend answered.
package enum RemoteAnswer: Sendable, Equatable {
  /// A JSON document.
  case json([UInt8])
  /// Done, and there is nothing to say.
  case empty
}

/// A WebSocket to be opened at a backend.
package struct RemoteSocketRequest: Sendable, Equatable {
  /// Percent-encoded, below the backend's base: `/sessions/build/ws/raw`.
  package var path: String
  /// Percent-encoded, without `server`; empty for none.
  package var query: String
  /// The subprotocols that the client offered.
  package var subprotocols: [String]
  package var context: CallContext

  package init(path: String, query: String, subprotocols: [String], context: CallContext) {
    self.path = path
    self.query = query
    self.subprotocols = subprotocols
    self.context = context
  }
}

/// Why a call to a backend came to nothing.
package struct RemoteFailure: Error, Sendable, Equatable {
  /// A code of the table in docs/errors.md, possibly one that only the backend knows.
  package var code: String
  package var message: String
  /// HTTP status that goes with the code.
  package var status: Int
  /// Names of the servers that the call took from the backend on, the backend first; those behind a hop that failed are missing.
  package var path: [String]
  /// What can be said beside the sentence, a JSON object.
  package var details: JSON?

  package init(code: String, message: String, status: Int, path: [String], details: JSON? = nil) {
    self.details = details
    self.code = code
    self.message = message
    self.status = status
    self.path = path
  }
}
