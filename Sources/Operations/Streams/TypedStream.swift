package import Store

/// A ``Stream`` with the type of what it is opened with: what whoever serves it is held against.
package struct TypedStream<Input: Decodable & Sendable>: Sendable {
  package let stream: Stream
  private let known: Lazy<Set<String>>

  private init(_ stream: Stream, _ known: Lazy<Set<String>>) {
    self.stream = stream
    self.known = known
  }

  /// - Parameters:
  ///   - scopes: all that a caller must be allowed to do to be let in with everything that the stream can do.
  ///   - needs: what a caller needs where that depends on what he asks for; without it all of `scopes`, and to read.
  package init(
    _ entrances: Stream.Entrance..., scopes: [Scope], takes: Input.Type,
    needs: (@Sendable (Arguments) throws(OperationError) -> Stream.Needs)? = nil
  ) {
    let input = Lazy { Schema.of(Input.self) }
    self.init(
      Stream(entrances, scopes: scopes, input: input, needs: needs), Lazy { Set(input.value.fields.map(\.name)) })
  }

  /// The same stream, bound to what serves it.
  /// - Parameter open: looks whether there is what was asked for; nothing is begun before what it returns is started.
  package func on(
    _ open: @escaping @Sendable (StreamRequest, Input) async throws -> StreamOpening
  ) -> StreamBinding {
    // No capture list, as in ``TypedOperation/on(_:)``.
    let known = known
    return StreamBinding(stream) { request, arguments in
      try await open(request, try arguments.decode(Input.self, known: known.value, rawField: nil))
    }
  }
}

/// A stream, and what serves it on this server.
package struct StreamBinding: Sendable {
  package let stream: Stream
  let open: @Sendable (StreamRequest, Arguments) async throws -> StreamOpening

  fileprivate init(
    _ stream: Stream, open: @escaping @Sendable (StreamRequest, Arguments) async throws -> StreamOpening
  ) {
    self.stream = stream
    self.open = open
  }
}

extension TypedStream {
  private func with(_ change: (inout Stream) -> Void) -> TypedStream {
    var stream = stream
    change(&stream)
    return TypedStream(stream, known)
  }

  /// The same stream, of which one caller has so many and no more.
  package func sharing(_ share: Share) -> TypedStream { with { $0.share = share } }

  /// The same stream, over which calls are made.
  package func carryingCalls() -> TypedStream { with { $0.carriesCalls = true } }

  /// The same stream, which is not passed on to other servers, nor opened for a hub.
  package func notThroughHubs(_ instead: String) -> TypedStream { with { $0.insteadOfHub = instead } }

  /// The same stream, with what one may do who lacks a scope.
  package func hinting(_ hint: String, without scope: Scope) -> TypedStream {
    with { $0.hints[scope] = hint }
  }

  /// The same stream, which a JSON-RPC socket carries too.
  package func overRPC(_ rpc: Stream.RPC) -> TypedStream { with { $0.rpc = rpc } }

  /// The same stream, which goes on by itself after its server was lost.
  package func reopening(_ reopening: Stream.Reopening) -> TypedStream { with { $0.reopening = reopening } }

  /// The same stream, whose messages are server-sent events in a way of their own.
  /// - Parameter own: a shorter way for messages of this server's own making.
  package func asEvents(
    resumesBy field: String, own: Stream.OwnEvent? = nil, _ event: @escaping @Sendable ([UInt8]) -> [UInt8]?
  ) -> TypedStream {
    with {
      $0.resumesBy = field
      $0.ownServerSentEvent = own
      $0.serverSentEvent = event
    }
  }
}
