import Net
import Operations
import Testing

@testable import Surfaces

@Suite("Hosts and origins")
struct OriginTests {
  private let policy = OriginPolicy(hostNames: ["Box.example"], allowedOrigins: ["https://tools.example"])
  private let tcp = PeerAddress.ip(address: "127.0.0.1", port: 40000)

  private func refusal(host: String?, origin: String? = nil, peer: PeerAddress? = nil) -> ErrorCode? {
    var headers = HTTPHeaders()
    if let host { headers.append("Host", host) }
    if let origin { headers.append("Origin", origin) }
    do {
      try policy.check(HTTPRequest(method: "POST", target: "/", headers: headers, peer: peer ?? tcp))
      return nil
    } catch {
      return error.code
    }
  }

  @Test(
    "hosts that cannot be another's are answered to",
    arguments: [
      "localhost", "LOCALHOST:7070", "127.0.0.1", "127.0.0.1:7070", "10.1.2.3:80", "[::1]:7070", "[fe80::1]",
      "box.example", "BOX.EXAMPLE:7070",
      "box.example.:7070",
    ])
  func hosts(host: String) { #expect(refusal(host: host) == nil) }

  @Test(
    "a name that anybody may point at us is refused",
    arguments: [
      "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "box.example.evil", "", ":7070",
      "127.0.0.1:x", "127.0.0.1:99999",
      "[::1", "[evil]", "::1", "a b", "localhost:", "localhost:7070:1", "user@localhost", "0x7f.1",
    ])
  func foreignHosts(host: String) { #expect(refusal(host: host) == .hostNotAllowed) }

  @Test("a program that sends no Host and no Origin is no browser") func none() { #expect(refusal(host: nil) == nil) }

  @Test("over the Unix socket the name does not matter, the origin does") func unix() {
    let peer = PeerAddress.unix(uid: 1, pid: 1)
    #expect(refusal(host: "anything", peer: peer) == nil)
    #expect(refusal(host: "anything", origin: "http://evil.example", peer: peer) == .originNotAllowed)
  }

  @Test(
    "our own pages and those of allowed origins may call",
    arguments: [
      ("localhost:7070", "http://localhost:7070"), ("box.example", "https://box.example"),
      ("127.0.0.1:7070", "http://localhost:7070"),
      ("localhost:7070", "http://[::1]:7070"), ("10.0.0.1:7070", "https://tools.example"),
      ("localhost", "http://localhost"),
    ])
  func origins(host: String, origin: String) { #expect(refusal(host: host, origin: origin) == nil) }

  @Test(
    "pages of others may not",
    arguments: [
      ("localhost:7070", "http://evil.example"), ("localhost:7070", "null"), ("localhost:7070", ""),
      ("localhost:7070", "http://localhost:8080"),
      ("localhost:7070", "http://localhost"), ("10.0.0.1:7070", "http://localhost:7070"),
      ("localhost:7070", "file://localhost:7070"),
      ("localhost:7070", "http://localhost:7070.evil.example"), ("localhost:7070", "http://localhost:7070/"),
      ("10.0.0.1:7070", "https://tools.example:444"), ("box.example", "http://evil.box.example"),
    ])
  func foreignOrigins(host: String, origin: String) {
    #expect(refusal(host: host, origin: origin) == .originNotAllowed)
  }

  @Test("two Hosts or two Origins are one too many") func doubled() {
    for name in ["Host", "Origin"] {
      var headers = HTTPHeaders()
      headers.append(name, name == "Host" ? "localhost" : "http://localhost")
      headers.append(name, "evil.example")
      let request = HTTPRequest(method: "GET", target: "/", headers: headers, peer: tcp)
      #expect(throws: OperationError.self) { try policy.check(request) }
    }
  }
}
