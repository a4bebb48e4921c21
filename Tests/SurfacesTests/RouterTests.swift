import Operations
import Testing

@testable import Surfaces

@Suite("Router")
struct RouterTests {
  private let router = Router([
    (Route("GET", "/"), "index"),
    (Route("GET", "/sessions"), "list"),
    (Route("POST", "/sessions"), "create"),
    (Route("GET", "/sessions/{session}"), "get"),
    (Route("DELETE", "/sessions/{session}"), "remove"),
    (Route("GET", "/sessions/{session}/screen"), "screen"),
    (Route("GET", "/tokens/{id}"), "token"),
    (Route("GET", "/tokens/mine"), "mine"),
    (Route("POST", "/tokens/{id}"), "change"),
  ])

  private func look(_ method: String, _ path: String) -> String {
    switch router.match(method: method, path: Substring(path)) {
    case .found(let target, let path): ([target] + path.map { "\($0.name)=\($0.value)" }).joined(separator: " ")
    case .notFound: "404"
    case .methodNotAllowed(let allow): "405 \(allow)"
    case .malformed: "400"
    }
  }

  @Test(
    "paths find what serves them",
    arguments: [
      ("GET", "/", "index"), ("GET", "/sessions", "list"), ("POST", "/sessions", "create"),
      ("HEAD", "/sessions", "list"),
      ("GET", "/sessions/dev", "get session=dev"), ("GET", "/sessions/a%20b/screen", "screen session=a b"),
      ("GET", "/sessions/%E2%82%AC", "get session=€"), ("GET", "/%73essions", "list"),
    ])
  func found(method: String, path: String, expected: String) { #expect(look(method, path) == expected) }

  @Test(
    "what is not served is not found, a trailing slash included",
    arguments: [
      "", "*", "sessions", "/sessions/", "//", "/sessions//screen", "/sessions/a/screen/", "/sessions/a/b/c/d/e",
      "/nothing", "//sessions",
      "/sessions?x", String(repeating: "/", count: 8000),
    ])
  func notFound(path: String) { #expect(look("GET", path) == "404") }

  @Test("an escaped slash is a character of the name and no separator") func escapedSlash() {
    #expect(look("GET", "/sessions/a%2Fscreen") == "get session=a/screen")
    #expect(look("GET", "/sessions%2Fdev") == "404")
  }

  @Test("a segment that does not decode is a bad request", arguments: ["%", "%4", "%zz", "%00", "%ff", "a%C3"])
  func malformed(segment: String) { #expect(look("GET", "/sessions/\(segment)") == "400") }

  @Test("another method is answered with those that are served") func methods() {
    #expect(look("PUT", "/sessions") == "405 GET, HEAD, POST")
    #expect(look("POST", "/sessions/dev") == "405 DELETE, GET, HEAD")
    #expect(look("get", "/sessions") == "405 GET, HEAD, POST")
  }

  @Test("a fixed path wins over a parameter in its place, for the methods that it has") func precedence() {
    #expect(look("GET", "/tokens/mine") == "mine")
    #expect(look("GET", "/tokens/other") == "token id=other")
    #expect(look("POST", "/tokens/mine") == "change id=mine")
    #expect(look("DELETE", "/tokens/mine") == "405 GET, HEAD, POST")
  }

  @Test(
    "a base prefix is well formed or refused",
    arguments: ["", "/", "p", "/p/", "//p", "/p//q", "/p q", "/..", "/p/.", "/%70"])
  func badPrefix(text: String) { #expect(BasePrefix(text) == nil) }

  @Test("below a base prefix lies everything, beside it nothing") func prefix() throws {
    let prefix = try #require(BasePrefix("/p/q"))
    #expect(prefix.remainder(of: "/p/q/sessions") == "/sessions")
    #expect(prefix.remainder(of: "/p/q") == "/")
    #expect(prefix.remainder(of: "/p/q/") == "/")
    #expect(prefix.remainder(of: "/p/qq") == nil)
    #expect(prefix.remainder(of: "/sessions") == nil)
    #expect(BasePrefix.none.remainder(of: "/sessions") == "/sessions")
  }
}
