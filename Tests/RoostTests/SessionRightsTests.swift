import Formats
import Net
import TestKit
import Testing

@Suite("What programs in a session may ask of the server", .bounded)
struct SessionRightsTests {
  /// What the command line says from within a session: the code that it ends with.
  private func ask(_ roost: Roost, _ session: String, _ command: String) async throws -> JSON {
    try await roost.http.post(
      "/sessions/\(session)/run", ["command": .string("\(Roost.executable) \(command)"), "timeout_ms": 30_000])
  }

  private func maker(_ roost: Roost, _ client: TestClient) async throws -> (client: TestClient, id: String) {
    let made = try await roost.http.post(
      "/tokens", ["name": "maker", "scopes": ["sessions:read", "sessions:manage", "sessions:input"]])
    return (client.another(token: made["token"].string), try #require(made["id"].string))
  }

  @Test(
    "a session that a token has made may ask what the token may, also after a restart, and nothing once it is revoked")
  func maker() async throws {
    try await withTCP { roost, client in
      let maker = try await maker(roost, client)
      _ = try await maker.client.post("/sessions", ["name": "made"])
      try await roost.session(["name": "own"])
      func check(_ when: Comment) async throws {
        #expect(try await ask(roost, "made", "ls")["exit_status"] == 0, when)
        let refused = try await ask(roost, "made", "token list")
        #expect(refused["exit_status"] != 0 && refused["output"].string?.contains("admin") == true, "\(refused)")
        #expect(try await ask(roost, "own", "token list")["exit_status"] == 0, when)
      }
      try await check("at first")
      // Children that have left their terminal are still of it.
      let apart = try await ask(roost, "made", "ls >/dev/null; setsid -w \(Roost.executable) token list")
      #expect(apart["exit_status"] != 0 && apart["output"].string?.contains("admin") == true, "\(apart)")
      try await roost.killServer()
      try await roost.start(["--bind", "127.0.0.1:0"])
      try await eventually("the shells are at their prompts") {
        try await roost.http.get("/sessions").array?.allSatisfy {
          $0["state"] == "prompt" || $0["state"] == "idle" || $0["state"] != .null
        } == true
      }
      try await check("after a restart")
      #expect(try await roost.http.request("DELETE", "/tokens/\(maker.id)").status == 204)
      let ended = try await ask(roost, "made", "ls")
      #expect(ended["exit_status"] != 0 && ended["output"].string?.contains("no longer valid") == true, "\(ended)")
    }
  }

  @Test("the owner may let them do what he may") func owner() async throws {
    try await withTCP(["--session-rights", "owner"]) { roost, client in
      let maker = try await maker(roost, client)
      _ = try await maker.client.post("/sessions", ["name": "made"])
      #expect(try await ask(roost, "made", "token list")["exit_status"] == 0)
    }
  }

  @Test("a kept connection goes on with the rights that it began with") func kept() async throws {
    try await withTCP { roost, client in
      let maker = try await maker(roost, client)
      _ = try await maker.client.post("/sessions", ["name": "made"])
      let script = """
        import os,socket
        s=socket.socket(socket.AF_UNIX);s.connect(os.environ['ROOST_SOCKET'])
        for path in ('/sessions','/tokens','/sessions','/tokens'):
          s.sendall(('GET %s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'%path).encode())
          b=b''
          while b'\\r\\n\\r\\n' not in b: b+=s.recv(65536)
          h,_,r=b.partition(b'\\r\\n\\r\\n')
          n=int([l for l in h.split(b'\\r\\n') if l.lower().startswith(b'content-length')][0].split(b':')[1])
          while len(r)<n: r+=s.recv(65536)
          print(h.split()[1].decode(),end=' ')
        """
      let answer = try await roost.http.post(
        "/sessions/made/run", ["command": .string("python3 - <<'E'\n\(script)\nE"), "timeout_ms": 30_000])
      #expect(answer["output"].string?.hasPrefix("200 403 200 403") == true, "\(answer)")
    }
  }
}
