import CCrypto
import Formats

/// The opening handshake (RFC 6455 §4), both sides.
enum WebSocketHandshake {
  private static let magic: StaticString = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

  /// The value of `Sec-WebSocket-Accept` for a key.
  static func accept(key: [UInt8]) -> [UInt8] {
    var text = key
    text.append(magic)
    var digest = [UInt8](repeating: 0, count: 20)
    ccrypto_sha1(text, text.count, &digest)
    return Base64.encode(digest)
  }

  /// A fresh key: sixteen random bytes in base64.
  static func newKey() -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    return Base64.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &random) })
  }

  /// Checks a request and returns the `101` head, or what to answer instead (RFC 6455 §4.2.1).
  static func answer(
    method: String, isVersion10: Bool, headers: HTTPHeaders, upgrade: WebSocketUpgrade
  ) throws(HTTPFault) -> [UInt8] {
    guard method == "GET", !isVersion10 else { throw .badRequest("a WebSocket handshake is a GET of HTTP/1.1") }
    guard headers.list("upgrade", has: "websocket"), headers.list("connection", has: "upgrade") else {
      throw .upgradeRequired
    }
    guard headers.all("sec-websocket-version") == ["13"] else { throw .upgradeRequired }
    let keys = headers.all("sec-websocket-key")
    guard keys.count == 1, isKey(Array(keys[0].utf8)) else { throw .badRequest("Sec-WebSocket-Key") }
    var head: [UInt8] = []
    head.append(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
    head.append(contentsOf: accept(key: Array(keys[0].utf8)))
    head.append("\r\n")
    var extra = upgrade.headers
    if let subprotocol = upgrade.subprotocol { extra.set("Sec-WebSocket-Protocol", subprotocol) }
    HTTPEncoder.append(fields: extra, to: &head)
    head.append("\r\n")
    return head
  }

  /// Is this response the right end of a handshake begun with `key`?
  static func isAccepted(_ response: HTTPResponse, key: [UInt8], offered: [String]) -> Bool {
    guard response.status == 101, response.headers.list("upgrade", has: "websocket"),
      response.headers.list("connection", has: "upgrade"),
      response.headers.all("sec-websocket-accept").map({ Array($0.utf8) }) == [accept(key: key)],
      response.headers.all("sec-websocket-extensions").isEmpty
    else { return false }
    let chosen = response.headers.all("sec-websocket-protocol")
    return chosen.isEmpty || (chosen.count == 1 && offered.contains(chosen[0]))
  }

  /// Sixteen bytes in base64: 22 characters and `==`.
  private static func isKey(_ text: [UInt8]) -> Bool {
    guard text.count == 24, text[22] == 0x3D, text[23] == 0x3D else { return false }
    return text[..<22].allSatisfy { alphabet.contains($0) }
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
}
