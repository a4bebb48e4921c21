import Glibc
import Testing

@testable import Net

struct Hello: HTTPHandler {
  func respond(to request: HTTPRequest, on loop: EventLoop) async -> HTTPReply {
    loop.preconditionCurrent()
    if request.path == "/ws" {
      return .upgrade(WebSocketUpgrade { ws in ws.handler = Echo(ws.loop) })
    }
    return .response(
      HTTPResponse(
        status: 200, headers: ["Content-Type": "text/plain"], body: Array("hi \(request.path)".utf8) + request.body))
  }
}

actor Echo: WebSocketHandler {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  var got: [[UInt8]] = []
  init(_ loop: EventLoop) { self.loop = loop }
  nonisolated func webSocket(_ ws: WebSocket, text: [UInt8]) { ws.send(text: text) }
  nonisolated func webSocket(_ ws: WebSocket, binary: [UInt8]) { ws.send(binary: binary) }
  nonisolated func webSocketDrained(_ ws: WebSocket) {}
  nonisolated func webSocketClosed(_ ws: WebSocket, code: UInt16, reason: String) { print("closed", code, reason) }
}

final class Collect: WebSocketHandler, @unchecked Sendable {
  let stream: AsyncStream<String>
  let c: AsyncStream<String>.Continuation
  init() { (stream, c) = AsyncStream.makeStream() }
  func webSocket(_ ws: WebSocket, text: [UInt8]) { c.yield(String(decoding: text, as: UTF8.self)) }
  func webSocket(_ ws: WebSocket, binary: [UInt8]) { c.yield("bin \(binary.count)") }
  func webSocketDrained(_ ws: WebSocket) {}
  func webSocketClosed(_ ws: WebSocket, code: UInt16, reason: String) {
    c.yield("closed \(code) \(reason)"); c.finish()
  }
}

@Test func smoke() async throws {
  let group = try LoopGroup(count: 2)
  let server = HTTPServer(
    loops: group, handler: Hello(), errorBody: { HTTPResponse(status: $0.status, body: Array($0.message.utf8)) })
  let port = try await server.listen(host: "localhost", port: 0)
  let path = "/tmp/net-smoke-\(getpid()).sock"
  try server.listen(unix: path)
  for endpoint in [Endpoint.tcp(host: "localhost", port: port), .unix(path: path)] {
    let client = HTTPClient(endpoint: endpoint, loop: group.next())
    for i in 0..<3 {
      let r = try await client.send(HTTPClientRequest("POST", "/a\(i)", body: [65]))
      #expect(r.status == 200)
      #expect(String(decoding: r.body, as: UTF8.self) == "hi /a\(i)A")
    }
    let c = Collect()
    let ws = try await client.webSocket(target: "/ws", handler: c)
    var it = c.stream.makeAsyncIterator()
    await ws.loop.run { ws.send(text: "hello") }
    #expect(await it.next() == "hello")
    await ws.loop.run { ws.send(binary: [UInt8](repeating: 7, count: 1 << 20)) }
    #expect(await it.next() == "bin 1048576")
    await ws.loop.run { ws.close(code: 1000, reason: "bye") }
    #expect(await it.next() == "closed 1000 ")
    await client.close()
  }
  await server.close(graceful: .seconds(5))
  group.stop()
}
