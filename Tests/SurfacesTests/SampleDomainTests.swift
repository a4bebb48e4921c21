import Cluster
import Events
import Formats
import Net
import Operations
import ReferencePages
import Store
import TestKit
import Testing

@testable import Surfaces

/// What a domain gets for stating itself once: everything below comes from ``NoteContract`` and its bindings alone.
@Suite("A domain that states itself", .timeLimit(.minutes(2)))
struct SampleDomainTests {
  /// Where a call goes: to the server itself, or through its hub.
  enum Way: CaseIterable {
    case direct, throughHub

    func client(_ servers: LinkedServers) -> TestClient {
      self == .direct ? servers.backend.client : servers.hub.client
    }

    /// As the first parameter of a query.
    var query: String { self == .direct ? "" : "?server=web1" }
    /// As the parameters of a method, beside those.
    func parameters(note: Int? = nil) -> JSON {
      .object(["note": note.map { .integer($0) }, "server": self == .direct ? nil : .string("web1")])
    }
  }

  private func withServers(
    role: Role = .member, access: Access = .everything, _ body: (LinkedServers) async throws -> Void
  ) async throws {
    try await LinkedServers.with(role: role, access: access, domains: { [NoteStore().domain] }, body)
  }

  @Test("is served over REST and JSON-RPC, directly and through a hub", arguments: Way.allCases)
  func calls(way: Way) async throws {
    try await withServers { servers in
      let client = way.client(servers)
      let written = try await client.request("POST", "/notes\(way.query)", json: ["text": "milk"])
      #expect(written.status == 201)
      #expect(written.json == ["note": 1, "pinned": false, "text": "milk"])
      #expect(try await client.get("/notes/1\(way.query)") == written.json)
      #expect(try await client.rpc("note.get", way.parameters(note: 1))["result"] == written.json)
      #expect(try await client.request("GET", "/notes/2\(way.query)").errorCode == "not_found")
      let nonsense = try await client.request("POST", "/notes\(way.query)", json: ["text": "x", "color": 1])
      #expect(nonsense.errorCode == "invalid_request")
      // What changes something has left its record, under its name.
      #expect(servers.backend.sink.drafts("note.create").count == 2)
    }
  }

  @Test(
    "is served over a WebSocket, server-sent events and JSON-RPC's, directly and through a hub", arguments: Way.allCases
  )
  func streams(way: Way) async throws {
    try await withServers { servers in
      let client = way.client(servers)
      let socket = try await client.webSocket("/notes/ws\(way.query)")
      let source = try await EventSource(client, "/notes/stream\(way.query)")
      let rpc = try await client.webSocket("/rpc")
      await rpc.send(["jsonrpc": "2.0", "id": 1, "method": "note.watch", "params": way.parameters()])
      #expect(try await rpc.nextJSON()["result"] == ["subscription": 1])
      // By its name over the sockets of other domains, too.
      let calls = try await client.webSocket("/ws/json\(way.query)")
      await calls.send(["id": 1, "method": "note.create", "params": ["text": "milk"]])
      let note: JSON = ["note": 1, "pinned": false, "text": "milk"]
      #expect(try await calls.nextJSON { !$0["id"].isNull }["result"] == note)
      #expect(try await socket.nextJSON() == note)
      #expect(try await source.next().data == note)
      let told = try await rpc.nextJSON()
      #expect(told["method"] == "note.written" && told["params"] == ["subscription": 1, "message": note], "\(told)")
      await rpc.send(["jsonrpc": "2.0", "id": 2, "method": "note.unwatch", "params": ["subscription": 1]])
      #expect(try await rpc.nextJSON()["id"] == 2)
    }
  }

  @Test("is refused to who lacks the scope, on every surface, and each refusal is recorded", arguments: Way.allCases)
  func scopes(way: Way) async throws {
    try await withServers(access: Access(scopes: [.link, .sessionsRead])) { servers in
      let client =
        way == .direct
        ? TestClient(.tcp(host: "127.0.0.1", port: servers.backend.port), token: "secret") : servers.hub.client
      for (method, path) in [("POST", "/notes"), ("GET", "/notes/1"), ("GET", "/notes/stream")] {
        let refused = try await client.request(
          method, path + way.query, body: method == "POST" ? Array(#"{"text":"x"}"#.utf8) : [])
        #expect(refused.status == 403 && refused.errorCode == "insufficient_scope", "\(method) \(path): \(refused)")
      }
      let rpc = try await client.rpc("note.get", way.parameters(note: 1))
      #expect(rpc["error"]["data"]["code"] == "insufficient_scope")
      let refused = await #expect(throws: NetError.self) { _ = try await client.webSocket("/notes/ws\(way.query)") }
      #expect("\(String(describing: refused))".contains("403"))
      let socket = try await client.webSocket("/rpc")
      await socket.send(["jsonrpc": "2.0", "id": 1, "method": "note.watch", "params": way.parameters()])
      #expect(try await socket.nextJSON()["error"]["data"]["code"] == "insufficient_scope")
      for name in ["note.create", "note.get", "note.stream", "ws.notes", "note.watch"] {
        // What a hub is refused is a WebSocket to it, whatever carries it there.
        let recorded = way == .throughHub && (name == "note.stream" || name == "note.watch") ? "ws.notes" : name
        let drafts = servers.backend.sink.drafts(recorded)
        #expect(drafts.contains { $0.type == "audit.refused" }, "\(recorded)")
      }
    }
  }

  @Test("is refused to a hub whose server is only to be watched, and may be watched") func roles() async throws {
    try await withServers(role: .observer) { servers in
      let client = servers.hub.client
      let refused = try await client.request("POST", "/notes?server=web1", json: ["text": "milk"])
      #expect(refused.errorCode == "role_refused")
      let rpc = try await client.rpc("note.create", ["text": "milk", "server": "web1"])
      #expect(rpc["error"]["data"]["code"] == "role_refused")
      let socket = try await client.webSocket("/notes/ws?server=web1")
      try await servers.backend.client.post("/notes", ["text": "milk"])
      #expect(try await socket.nextJSON()["text"] == "milk")
      #expect(try await client.get("/notes/1?server=web1")["text"] == "milk")
    }
  }

  @Test("is in the OpenAPI document, in the list of operations and on the pages of the documentation")
  func documents() async throws {
    try await withServers { servers in
      let paths = try await servers.backend.client.get("/openapi.json")["paths"]
      #expect(paths["/notes"]["post"]["operationId"] == "note.create")
      #expect(!paths["/notes/ws"]["get"]["responses"]["101"].isNull)
      #expect(!paths["/notes/stream"]["get"]["responses"]["200"]["content"]["text/event-stream"].isNull)
      let listed = try await servers.backend.client.get("/operations").array?.first { $0["name"] == "note.create" }
      #expect(listed?["input"]["properties"]["pinned"]["description"] == "Whether it stays")
      #expect(listed?["input"]["properties"]["pinned"]["default"] == false)
    }
    let page = ReferencePage([NoteContract.self])
    #expect(page.callTable.contains("`POST /notes` | files:write | `text`, `pinned`? | Write a note |"))
    #expect(page.calls.contains("| `pinned` | boolean | `false` | Whether it stays |"))
    #expect(page.streamTable.contains("| `ws.notes` | `/notes/ws` | files:read | – |"))
    #expect(page.streamTable.contains("| `note.watch` | `/rpc` |"))
  }
}
