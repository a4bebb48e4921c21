import Formats
import Glibc
import Sys
import TestKit
import Testing

@Suite("A server whose keeper is killed", .bounded)
struct KeeperLossTests {
  private func keeper(_ roost: Roost) async throws -> pid_t {
    pid_t(try #require(try await roost.http.get("/server/info")["keeper_pid"].integer))
  }

  /// Kills the keeper; returns when another holds the sessions.
  private func killKeeper(_ roost: Roost) async throws {
    let pid = try await keeper(roost)
    kill(pid, SIGKILL)
    try await eventually("another keeper is there") { try await keeper(roost) != pid }
  }

  private func type(_ text: String, _ roost: Roost) async throws {
    _ = try await roost.http.request("POST", "/sessions/a/input", body: Array(text.utf8))
  }

  @Test("goes on with its sessions, makes new ones, and sees how the old ones end")
  func replaced() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/sh"]])
      try await roost.session(["name": "k", "argv": ["/bin/cat"]])
      try await killKeeper(roost)
      try await roost.session(["name": "b", "argv": ["/bin/cat"]])
      try await type("echo still''-here\r", roost)
      try await roost.wait("a", ["for": "match", "pattern": "still-here"])
      try await type("exit 7\r", roost)
      try await roost.wait("a", ["for": "exit"])
      let ended = try await roost.http.get("/sessions/a")
      #expect(ended["state"].string == "exited" && ended["exit_status"].integer == 7, "\(ended.text)")
      let killed = try await roost.run("kill", "k", "--signal", "KILL")
      #expect(killed.exitCode == 0, "\(killed)")
      #expect(try await roost.http.get("/sessions/k")["exit_signal"].string == "SIGKILL")
      let removed = try await roost.run("rm", "a")
      #expect(removed.exitCode == 0, "\(removed)")
      let metrics = try await roost.http.request("GET", "/metrics").text
      #expect(metrics.contains("roost_keeper_up 1"))
    }
  }

  @Test("has another keeper hold them, so that they outlive the server too")
  func outlive() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/sh"]])
      try await killKeeper(roost)
      try await killKeeper(roost)
      try await roost.session(["name": "after", "argv": ["/bin/cat"]])
      try await eventually("both are held") {
        let keeper = try await keeper(roost)
        let open = ProcessStatus.openDescriptors(keeper) ?? []
        return open.count { ProcessStatus.isTerminalMaster($0, of: keeper) } == 2
      }
      try await roost.killServer()
      try await roost.start()
      #expect(try await roost.run("ls", "--names").text == "a\nafter\n")
      try await type("exit 5\r", roost)
      try await roost.wait("a", ["for": "exit"])
      let ended = try await roost.http.get("/sessions/a")
      #expect(ended["state"].string == "exited", "\(ended.text)")
      // Told where the kernel tells it; nothing is made up where it does not.
      #expect([5, nil].contains(ended["exit_status"].integer) && ended["exit_signal"].isNull, "\(ended.text)")
    }
  }

  @Test("reaps what becomes its child")
  func reaps() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "a", "argv": ["/bin/sh", "-c", "sleep 1000 & echo pid $! here; exec cat"]])
      try await roost.wait("a", ["for": "match", "pattern": "pid [0-9]+ here"])
      let line = try #require(try await roost.screen("a").first)
      let pid = try #require(pid_t(line.split(separator: " ")[1]))
      try await killKeeper(roost)
      _ = try await roost.run("kill", "a", "--signal", "KILL")
      try await eventually("nothing is left of it, not even a zombie") { ProcessStatus.read(pid) == nil }
    }
  }
}
