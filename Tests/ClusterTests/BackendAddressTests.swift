import Testing

@testable import Cluster

@Suite("Addresses of backends")
struct BackendAddressTests {
  @Test(
    "texts that mean one place are one address",
    arguments: [
      ("http://a", "http://a"), ("http://a/", "http://a"), ("http://A:80", "http://a"),
      ("HTTP://a.Example.", "http://a.example"),
      ("http://a:8080/", "http://a:8080"), ("https://a:443", "https://a"), ("https://a:80", "https://a:80"),
      ("http://a/p/", "http://a/p"), ("http://a/p/q", "http://a/p/q"),
      ("http://127.0.0.1:7070", "http://127.0.0.1:7070"),
      ("http://[::1]:80/", "http://[::1]"), ("http://[0:0:0:0:0:0:0:1]:1", "http://[::1]:1"),
      ("http://[2001:DB8::0:1]", "http://[2001:db8::1]"), ("http://[::ffff:10.0.0.1]:9", "http://10.0.0.1:9"),
      ("http://localhost:08080", "http://localhost:8080"), ("http://my_host-1", "http://my_host-1"),
    ])
  func normal(text: String, normal: String) throws {
    #expect(try BackendAddress(text).text == normal)
    #expect(try BackendAddress(normal) == BackendAddress(text))
  }

  @Test("an address of this machine is known to be one, and a name that only begins like one is not")
  func loopback() throws {
    for text in [
      "http://127.0.0.1", "http://127.1.2.3:80", "http://[::1]:7070", "https://localhost/p", "http://a.localhost",
    ] {
      #expect(try BackendAddress(text).isLoopback, "\(text)")
    }
    for text in ["http://127.example", "http://128.0.0.1", "http://[::2]", "http://localhost.example", "http://web1"] {
      #expect(try !BackendAddress(text).isLoopback, "\(text)")
    }
  }

  @Test(
    "what is no address of a server is refused",
    arguments: [
      "", "http://", "http:///p", "ftp://a", "file:///etc/passwd", "ws://a", "//a", "http:a", "http://a b",
      "http://a\nb",
      "http://a\r\nX: y", "http://u@a", "http://u:p@a", "http://a?q", "http://a/?q", "http://a#f", "http://a/#f",
      "http://0.0.0.0",
      "http://0.0.0.0:80", "http://[::]", "http://[0::0]:1", "http://[::ffff:0.0.0.0]", "http://0", "http://0x0",
      "http://127.1",
      "http://2130706433", "http://1.2.3.4.5", "http://0x7f.1", "http://a:0", "http://a:65536", "http://a:",
      "http://a:+1",
      "http://a:http", "http://a:1:2", "http://::1", "http://::1:80", "http://[::1", "http://[::1]x", "http://[a]",
      "http://[]",
      "http://[fe80::1%25eth0]", "http://a..b", "http://.a", "http://-a/../b", "http://a/..", "http://a/./b",
      "http://a//b",
      "http://a/%2e%2e", "http://a/p%2fq", "http://a\\b", "http://a/\\b", "http://ä.example", "http://a/ü",
      "http://a/😀", "http://a,b",
      "http://" + String(repeating: "a", count: 64), "http://a/" + String(repeating: "p", count: 300),
      "http://" + String(repeating: "a.", count: 2000), "http://a\u{0}", "http://a*b", "http://a'b", "http://a\"b",
    ])
  func refused(text: String) {
    #expect { try BackendAddress(text) } throws: { ($0 as? RegistryError)?.code == .invalidAddress }
  }

  @Test("a missing scheme is suggested")
  func suggestion() {
    #expect { try BackendAddress("web1:7070") } throws: { "\($0)".contains("http://web1:7070") }
  }

  @Test(
    "a password in an address is never repeated", arguments: ["http://u:secret@a", "u:secret@a", "ftp://u:secret@a"])
  func noSecret(text: String) {
    #expect { try BackendAddress(text) } throws: { !"\($0)".contains("secret") }
  }

  @Test("no bytes at all make reading an address trap")
  func anyBytes() {
    var random = SystemRandomNumberGenerator()
    let alphabet = Array("htps:/[]@?#%.0123456789abcdefx-_~ \n\u{7f}é".unicodeScalars)
    for _ in 0..<5000 {
      var text = String.UnicodeScalarView()
      if Bool.random() { text.append(contentsOf: "http://".unicodeScalars) }
      for _ in 0..<Int.random(in: 0..<24) { text.append(alphabet.randomElement(using: &random) ?? "a") }
      guard let address = try? BackendAddress(String(text)) else { continue }
      #expect((try? BackendAddress(address.text)) == address, "\(address.text)")
    }
  }
}
