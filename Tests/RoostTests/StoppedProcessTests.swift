import Formats
import Glibc
import Sys
import TestKit
import Testing

@Suite("Processes of Roost that are stopped", .bounded)
struct StoppedProcessTests {
  private func children(of pid: pid_t) -> Int { ProcessStatus.all().count { $0.parent == pid && !$0.isZombie } }

  @Test("a stopped keeper is told of with 503, stops nothing else, and leaves nothing half made")
  func keeper() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      let keeper = pid_t(try #require(try await roost.http.get("/server/info")["keeper_pid"].integer))
      kill(keeper, SIGSTOP)
      defer { kill(keeper, SIGCONT) }
      let other = roost.http.another()
      async let refused = other.request("POST", "/sessions", json: ["name": "b", "argv": ["/bin/cat"]])
      _ = try await roost.http.request("POST", "/sessions/a/input", body: Array("typed\r".utf8))
      try await roost.wait("a", ["for": "match", "pattern": "typed"])
      let answer = try await refused
      #expect(answer.status == 503 && answer.errorCode == "keeper_unavailable", "\(answer)")
      #expect(answer.text.contains("pid \(keeper)"), "\(answer)")
      let removed = try await roost.http.request("DELETE", "/sessions/a")
      #expect(removed.status == 200 || removed.status == 204, "\(removed)")
      #expect(try await roost.http.get("/sessions").array?.isEmpty == true)
      kill(keeper, SIGCONT)
      try await eventually("the keeper starts programs again") {
        try await roost.http.request("POST", "/sessions", json: ["name": "c", "argv": ["/bin/cat"]]).status == 201
      }
      try await eventually("what was made too late is gone") { children(of: keeper) == 1 }
      #expect(try await roost.run("ls", "--names").text == "c\n")
    }
  }

  @Test("a command says what it waits for, and gives a stopped server up", arguments: [["ls"], ["attach", "a"]])
  func server(words: [String]) async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      let server = try #require(roost.serverPID)
      kill(server, SIGSTOP)
      defer { kill(server, SIGCONT) }
      if words[0] == "attach" {
        let terminal = try roost.terminal("attach", "a")
        #expect(try await terminal.waitForExit() == .exited(7))
      } else {
        let result = try await roost.run(words)
        #expect(result.exitCode == 7, "\(result)")
        #expect(result.errorText.contains("waiting for the server at \(roost.socketPath)"), "\(result)")
        #expect(result.errorText.contains("does not answer"), "\(result)")
      }
    }
  }

  @Test("a command whose server goes on in time is told that it waited, and is answered")
  func resumed() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      let server = try #require(roost.serverPID)
      kill(server, SIGSTOP)
      let terminal = try roost.terminal("ls")
      _ = try await terminal.expect("waiting for the server")
      kill(server, SIGCONT)
      #expect(try await terminal.waitForExit() == .exited(0))
    }
  }
}
