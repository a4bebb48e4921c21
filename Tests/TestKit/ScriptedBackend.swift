package import Net
import Synchronization

/// An HTTP server on a port of this machine that answers as a test says: for what a real one does only when it is broken or hostile.
package final class ScriptedBackend: HTTPHandler, Sendable {
  package typealias Script = @Sendable (HTTPRequest) async -> HTTPReply

  package let loops: LoopGroup
  package let port: Int
  private let server: Mutex<HTTPServer?>
  private let script = Mutex<Script>({ _ in .response(HTTPResponse(status: 404)) })
  private let taken = Mutex<[HTTPRequest]>([])

  package init(_ script: @escaping Script = { _ in .response(HTTPResponse(status: 404)) }) async throws {
    loops = try LoopGroup(count: 1)
    let forwarding = Forwarding()
    let http = HTTPServer(loops: loops, handler: forwarding) { fault, _ in HTTPResponse(status: fault.status) }
    port = try await http.listen(host: "127.0.0.1", port: 0)
    server = Mutex(http)
    self.script.withLock { $0 = script }
    forwarding.set(self)
  }

  package var endpoint: Endpoint { .tcp(host: "127.0.0.1", port: port) }

  /// All requests so far, in the order they came.
  package var requests: [HTTPRequest] { taken.withLock { $0 } }
  /// `GET /sessions/a/screen`
  package var targets: [String] { requests.map { "\($0.method) \($0.target)" } }

  /// What is answered from now on.
  package func answer(_ script: @escaping Script) { self.script.withLock { $0 = script } }

  /// A JSON answer to everything.
  package func answer(_ status: Int, _ body: String, headers: HTTPHeaders = .init()) {
    answer { _ in .response(HTTPResponse(status: status, headers: headers, body: Array(body.utf8))) }
  }

  package func respond(to request: HTTPRequest, on loop: EventLoop) async -> HTTPReply {
    taken.withLock { $0.append(request) }
    return await script.withLock { $0 }(request)
  }

  package func stop() async { await server.withLock { $0 }?.close(graceful: .zero) }

  /// The server needs its handler before the handler knows its port.
  private final class Forwarding: HTTPHandler, Sendable {
    private let target = Mutex<ScriptedBackend?>(nil)
    func set(_ backend: ScriptedBackend) { target.withLock { $0 = backend } }
    func respond(to request: HTTPRequest, on loop: EventLoop) async -> HTTPReply {
      await target.withLock { $0 }?.respond(to: request, on: loop) ?? .response(HTTPResponse(status: 503))
    }
  }
}
