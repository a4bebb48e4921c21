import Formats
import Net
import TestKit
import Testing

/// Whoever reads a request must understand it as everybody else does: the audit above all.
@Suite("A request that could be read in two ways", .bounded)
struct AmbiguousRequestTests {
  @Test("two tokens in one request are none") func authorizations() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let made = try await roost.http.post("/tokens", ["name": "t", "scopes": ["sessions:read"]])
      let token = try #require(made["token"].string)
      let client = try await roost.tcp()
      for second in [token, "wrong"] {
        var headers = HTTPHeaders()
        headers.append("Authorization", "Bearer \(token)")
        headers.append("Authorization", "Bearer \(second)")
        let answer = try await client.request("GET", "/sessions", headers: headers)
        #expect(answer.status == 400 && answer.errorCode == "invalid_request", "\(answer)")
      }
    }
  }

  @Test("a member given twice is refused on every surface, at any depth, and nothing is done") func members()
    async throws
  {
    try await withRoost { roost in
      let http = roost.http
      for name in ["x1", "x2"] { try await http.post("/sessions", ["name": .string(name), "argv": ["/bin/cat"]]) }
      let twice = #"{"session":"x1","session":"x2"}"#
      func call(_ parameters: String) -> String {
        #"{"jsonrpc":"2.0","id":1,"method":"session.remove","params":"# + parameters + "}"
      }
      for body in [
        call(twice), "[" + call(twice) + "]",
        #"{"jsonrpc":"2.0","id":1,"method":"session.list","method":"session.remove","params":{"session":"x1"}}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"session.remove","params":{},"params":{"session":"x1"}}"#,
      ] {
        let answer = try await http.request("POST", "/rpc", body: Array(body.utf8))
        let error = answer.json["error"].isNull ? answer.json[0]["error"] : answer.json["error"]
        #expect(error["data"]["code"] == "invalid_request", "\(body): \(answer)")
      }
      for (path, body) in [
        ("/sessions", #"{"name":"y","name":"z"}"#), ("/sessions", #"{"name":"y","env":{"A":"1","A":"2"}}"#),
        ("/sessions/x1/wait", #"{"for":"idle","timeout_ms":1,"timeout_ms":2}"#),
        ("/sessions/x1/wait", #"{"for":"idle","timeout_ms":1e-999}"#),
        ("/events", #"{"subject":"a.b","subject":"a.c"}"#),
        ("/events", #"{"subject":"a.b","data":{"x":{"a":1,"a":2}}}"#),
        ("/bus/publish", #"{"topic":"a.b","payload":1,"payload":2}"#),
        ("/sessions?server=a&server=b", "{}"), ("/tokens", #"{"name":"t","scopes":["admin"],"scopes":["files:read"]}"#),
      ] {
        let answer = try await http.request("POST", path, body: Array(body.utf8))
        #expect(answer.status == 400, "\(path) \(body): \(answer)")
      }
      let socket = try await http.another().webSocket("/ws/json")
      await socket.send(text: #"{"id":7,"method":"session.remove","params":"# + twice + "}")
      _ = try await socket.nextJSON { $0["id"] == 7 && !$0["error"].isNull }
      #expect(try await http.get("/sessions").array?.compactMap { $0["name"].string }.sorted() == ["x1", "x2"])
      #expect(try await roost.events("&subject=a.>").isEmpty)
    }
  }
}
