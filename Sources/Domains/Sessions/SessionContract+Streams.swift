import Cluster
import Operations
import Store

/// The streams of the `session` domain: what happens to all sessions, the screen of one as events, its terminal's bytes.
extension SessionContract {
  static let liveSessions = TypedStream(
    .init(.webSocket, "ws.json", "/ws/json", "WebSocket: events of all sessions, and every operation by name."),
    scopes: [.sessionsRead], takes: NoInput.self
  )
  .sharing(.serverSockets)
  .carryingCalls()

  static let liveScreen = TypedStream(
    .init(
      .webSocket, "ws.session_json", "/sessions/{session}/ws/json",
      "WebSocket: one session's screen as events, and every operation by name."),
    scopes: [.sessionsRead], takes: SessionStreamInput.self
  )
  .carryingCalls()

  static let terminal = TypedStream(
    .init(
      .webSocket, "ws.session_raw", "/sessions/{session}/ws/raw",
      "WebSocket: one session's terminal bytes; with the subprotocol roost.attach.v1 control messages too."),
    scopes: [.sessionsRead, .sessionsInput], takes: TerminalStreamInput.self,
    needs: { (arguments) throws(OperationError) in
      try TerminalStreamInput.onlyReads(arguments)
        ? Stream.Needs([.sessionsRead]) : Stream.Needs([.sessionsRead, .sessionsInput], .changes)
    }
  )
  .hinting("Add '?readonly=true' to watch.", without: .sessionsInput)
  .reopening(
    Stream.Reopening(controlProtocol: SessionRawSocket.attachProtocol, arguments: TerminalStreamInput.again))
}
