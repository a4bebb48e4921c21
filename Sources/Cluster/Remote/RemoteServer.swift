package import Net

/// A way to a backend: over a link, or over plain HTTP to a wsh server.
package protocol RemoteServer: Sendable {
  /// Where its connection lives; calls from here save two wake-ups.
  var loop: EventLoop { get }

  /// Performs an operation there. A cancelled task is told to the backend.
  func perform(_ request: RemoteRequest) async throws(RemoteFailure) -> RemoteAnswer

  /// Opens a WebSocket there. It lives on ``loop``, delivers nothing before its handler is set and `resumeReading()` is called, and is closed
  /// with 1012 when the way to the backend is lost for good.
  func open(_ request: RemoteSocketRequest) async throws(RemoteFailure) -> any MessageSocket
}
