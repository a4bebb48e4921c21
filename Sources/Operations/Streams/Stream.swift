package import Cluster
package import Net
package import Store
package import TerminalEngine

/// One stream that a client can open, stated once as an ``Operation`` is, without what serves it: the paths at which it is found, the OpenAPI document, the methods of
/// JSON-RPC and what a hub passes on are made from these values.
///
/// To who serves it a stream is a ``MessageSocket`` of messages, whatever carries them.
package struct Stream: Sendable {
  /// The ways in.
  package let entrances: [Entrance]
  /// What a JSON-RPC socket calls it; `nil` where none carries it.
  package internal(set) var rpc: RPC?
  package var input: Schema { lazyInput.value }
  private let lazyInput: Lazy<Schema>
  /// All that a caller must be allowed to do to be let in with everything that the stream can do.
  package let scopes: [Scope]
  /// What a caller needs for what he asks for.
  let needs: @Sendable (Arguments) throws(OperationError) -> Needs
  /// Of what an open stream takes one.
  package internal(set) var share: Share?
  /// What to do instead of opening it through a hub; `nil` for what may be opened so.
  package internal(set) var insteadOfHub: String?
  /// Whether calls can be made over it: that it was opened at another server leaves a record here, where the calls leave none.
  package internal(set) var carriesCalls = false
  /// What one may do who lacks a scope, as a sentence.
  var hints: [Scope: String] = [:]
  /// How it goes on by itself where the way to its server was lost; `nil` where its client has to come again.
  var reopening: Reopening?
  /// The field that says behind which message it is to go on, for carriers that have a place of their own for that (`Last-Event-ID`).
  package internal(set) var resumesBy: String?
  /// A message as one of server-sent events (HTML §9.2), with the empty line at its end; `nil` for what is not passed on.
  package internal(set) var serverSentEvent: @Sendable ([UInt8]) -> [UInt8]? = Stream.plainEvent
  /// The same, added to what is being sent, for a message that this server has made and that need not be looked through; `false` where it has to.
  package internal(set) var ownServerSentEvent: OwnEvent?
  package typealias OwnEvent = @Sendable (UnsafeRawBufferPointer, inout [UInt8]) -> Bool

  /// Where a stream is opened, and what carries it.
  package struct Entrance: Sendable {
    package enum Carrier: Sendable {
      case webSocket
      /// `text/event-stream`: one way only.
      case serverSentEvents
    }

    package let carrier: Carrier
    /// As an operation's name: in audit records, metrics and the OpenAPI document.
    package let name: String
    /// One sentence for people.
    package let summary: String
    package let route: Route

    package init(_ carrier: Carrier, _ name: String, _ path: String, _ summary: String) {
      self.carrier = carrier
      self.name = name
      self.summary = summary
      route = Route("GET", path)
    }
  }

  /// What a caller must be allowed to do, and what kind of work it is to a server that is in a role.
  package struct Needs: Sendable {
    package var scopes: [Scope]
    package var work: Work

    package init(_ scopes: [Scope], _ work: Work = .reads) {
      self.scopes = scopes
      self.work = work
    }
  }

  /// How a stream looks over JSON-RPC: a method begins it and answers with its number and what it says first, a notification brings each message.
  package struct RPC: Sendable {
    package let subscribe: String
    package let unsubscribe: String
    package let notification: String
    /// Whether its first message says what it is: then the members of that are the answer's, and it is answered with that message.
    package let greets: Bool
    /// The member of the notification's parameters that a message is.
    package let member: @Sendable ([UInt8]) -> (name: String, value: ArraySlice<UInt8>)

    package init(
      subscribe: String, unsubscribe: String, notification: String, greets: Bool = false,
      member: @escaping @Sendable ([UInt8]) -> (name: String, value: ArraySlice<UInt8>) = { ("message", $0[...]) }
    ) {
      self.subscribe = subscribe
      self.unsubscribe = unsubscribe
      self.notification = notification
      self.greets = greets
      self.member = member
    }
  }

  /// How a stream of terminal bytes goes on at a server that was lost and is back.
  package struct Reopening: Sendable {
    /// The subprotocol in which text is control, both ways.
    let controlProtocol: String
    /// What is asked for then: the same, for a client of this size, without what it has been shown.
    let arguments: @Sendable (Arguments, _ size: TerminalSize?) -> Arguments

    package init(
      controlProtocol: String, arguments: @escaping @Sendable (Arguments, _ size: TerminalSize?) -> Arguments
    ) {
      self.controlProtocol = controlProtocol
      self.arguments = arguments
    }
  }

  init(
    _ entrances: [Entrance], scopes: [Scope], input: Lazy<Schema>,
    needs: (@Sendable (Arguments) throws(OperationError) -> Needs)?
  ) {
    self.entrances = entrances
    self.scopes = scopes
    lazyInput = input
    if let needs {
      self.needs = needs
    } else {
      self.needs = { (_: Arguments) throws(OperationError) -> Needs in Needs(scopes) }
    }
  }
}

extension Stream {
  /// The way in that a hub takes, whatever carries the stream here.
  var webSocket: Entrance? { entrances.first { $0.carrier == .webSocket } }

  private static func plainEvent(_ message: [UInt8]) -> [UInt8]? {
    ServerSentEvent.text(id: nil, event: nil, data: message)
  }
}

/// What a stream is opened with beside its input.
package struct StreamRequest: Sendable {
  package let call: Call
  /// The subprotocols that the client knows.
  package let subprotocols: [String]
  package let catalogue: Catalogue
}

/// A stream that has been looked at and may begin.
package struct StreamOpening: Sendable {
  /// The subprotocol chosen among those that the client offered, if any.
  package var subprotocol: String?
  /// Where it lives; `nil` for where its socket is.
  package var loop: EventLoop?
  /// Whether its messages are another server's.
  package var isRelayed = false
  /// Begins, on that loop. Sets the socket's handler, and calls `closed` there once, when the socket has closed for good.
  package var start: @Sendable (_ socket: any MessageSocket, _ closed: @escaping @Sendable () -> Void) -> Void

  package init(
    subprotocol: String? = nil, loop: EventLoop? = nil,
    start: @escaping @Sendable (_ socket: any MessageSocket, _ closed: @escaping @Sendable () -> Void) -> Void
  ) {
    self.subprotocol = subprotocol
    self.loop = loop
    self.start = start
  }

  /// The same, which gives something back when it is over.
  func keeping(_ lease: Accounts.Lease?) -> StreamOpening {
    guard let lease else { return self }
    var opening = self
    opening.start = { [start] socket, closed in
      start(socket) {
        lease.leave()
        closed()
      }
    }
    return opening
  }
}
