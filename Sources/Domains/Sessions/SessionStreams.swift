import Cluster
import Formats
import Net
package import Operations
package import Sessions
import Store
import TerminalEngine

/// What serves the streams of the session domain.
package struct SessionStreams: Sendable {
  private let store: SessionStore

  package init(store: SessionStore) { self.store = store }

  package var all: [StreamBinding] {
    let store = store
    return [
      SessionContract.liveSessions.on { request, _ in
        let lookup = SessionLookup(catalogue: request.catalogue, store: store)
        return StreamOpening { webSocket, closed in
          let socket = ServerJSONSocket(webSocket, lookup: lookup, call: request.call, onClosed: closed)
          socket.assumeIsolated { $0.open() }
        }
      },
      SessionContract.liveScreen.on { request, input in
        let session = try await SessionStreams.roomySession(input.session, in: store, request)
        return StreamOpening(loop: session.loop) { webSocket, closed in
          let socket = SessionJSONSocket(
            session, webSocket, catalogue: request.catalogue, call: request.call, onClosed: closed)
          socket.assumeIsolated { $0.open() }
        }
      },
      SessionContract.terminal.on { request, input in
        let screen = try input.screen()
        let session = try await SessionStreams.roomySession(input.session, in: store, request)
        let (call, catalogue) = (request.call, request.catalogue)
        let isReadOnly = input.readonly ?? false
        let isAttach = request.subprotocols.contains(SessionRawSocket.attachProtocol)
        let onEnvironment = SessionStreams.surroundings(of: call, for: store, isReadOnly: isReadOnly)
        return StreamOpening(subprotocol: isAttach ? SessionRawSocket.attachProtocol : nil, loop: session.loop) {
          webSocket, closed in
          let socket = SessionRawSocket(
            session, webSocket, call: call, accounts: catalogue.accounts, audit: catalogue.audit, isAttach: isAttach,
            isReadOnly: isReadOnly, onEnvironment: onEnvironment, onClosed: closed)
          socket.assumeIsolated { $0.open(screen: screen, history: input.scrollback ?? 0) }
        }
      },
    ]
  }

  /// The session, if it has room for one more client. Joining checks again; here the refusal still has a status.
  private static func roomySession(
    _ name: String, in store: SessionStore, _ request: StreamRequest
  ) async throws(OperationError) -> Session {
    let lookup = SessionLookup(catalogue: request.catalogue, store: store)
    let session = try await lookup.find(name, for: request.call)
    do throws(SessionError) {
      try await session.requireRoom(forClientOf: request.call.principal.holder)
    } catch {
      throw OperationError(wrapping: error)
    }
    return session
  }

  /// What takes the surroundings of a client: those of this server's own user on this machine are what new sessions are to have.
  private static func surroundings(
    of call: Call, for store: SessionStore, isReadOnly: Bool
  ) -> (@Sendable (ArraySlice<UInt8>) -> Void)? {
    guard !isReadOnly, call.via.isEmpty, case .localUser = call.principal else { return nil }
    return { document in
      var values: [String: String?] = [:]
      for (name, value) in JSONText.members(of: document) ?? [] {
        // What is neither a text nor null says nothing.
        guard JSONText.isNull(value) || JSONText.string(value) != nil else { continue }
        values[name] = .some(JSONText.string(value))
      }
      store.take(surroundings: values)
    }
  }
}
