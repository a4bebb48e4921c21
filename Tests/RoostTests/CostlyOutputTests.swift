import Formats
import TestKit
import Testing

/// A few bytes of output may have the terminal fill, or look through, a screen of a million cells.
@Suite("Output that costs more than its bytes", .bounded)
struct CostlyOutputTests {
  /// Prints the sequence so often on a large screen, in one piece, and says by the title where it is.
  private func script(_ sequence: String, times: Int, then: String) -> JSON {
    let print = """
      p='\(sequence)'; s=; i=0
      while [ $i -lt \(times / 100) ]; do
        s="$s$p$p$p$p$p$p$p$p$p$p"; i=$((i+1))
      done
      p="$s"; s="$s$p$p$p$p$p$p$p$p$p"
      printf '\\033]2;begin\\007\\033[8;1000;1000t'"$s"'\\033]2;end\\007'; \(then)
      """
    return ["argv": ["/bin/sh", "-c", .string(print)]]
  }

  private func title(_ session: TestSession) async throws -> String {
    try await session.record["title"].string ?? ""
  }

  @Test(
    "others are answered between the sequences of a program, however much each costs",
    arguments: [#"\033#8"#, #"\033[1 @"#, #"\033[1;1;1000;1000;1$r"#])
  func othersAreAnswered(sequence: String) async throws {
    try await withRoost { roost in
      let session = try await TestSession(on: roost, script(sequence, times: 300, then: "exec cat"))
      // Every loop is asked meanwhile, the session's own too.
      while try await title(session) != "end" { _ = try await roost.http.get("/sessions") }
      let record = try await session.record
      #expect(record["rows"] == 1000 && record["cols"] == 1000, "\(record)")
      // Each turn on the loop is a generation; how many calls come between two of them is up to the machine.
      #expect((record["generation"].integer ?? 0) > 20, "\(record["generation"]) turns for 300 sequences")
    }
  }

  @Test("what such a program printed last is shown, and nothing of it is lost")
  func lastOutput() async throws {
    try await withRoost { roost in
      let session = try await TestSession(on: roost, script(#"\033#8"#, times: 100, then: "printf last; exit 3"))
      let record = try await session.waitForExit()
      #expect(record["exit_status"] == 3 && record["title"] == "end", "\(record)")
      #expect(try await session.lines().first?.hasPrefix("lastEEE") == true)
    }
  }

  @Test(
    "its session ends when it is told to: what has not been shown is not waited for",
    arguments: ["kill", "remove", "stop"])
  func ending(way: String) async throws {
    try await withRoost { roost in
      let session = try await TestSession(on: roost, script(#"\033#8"#, times: 20_000, then: "exec cat"))
      while try await title(session) != "begin" {}
      switch way {
      case "kill":
        let record = try await session.client.post("\(session.path)/kill", ["signal": "KILL"])
        #expect(record["state"] == "exited" && record["title"] == "begin", "\(record)")
      case "remove":
        try await session.client.delete(session.path)
        #expect(try await roost.http.get("/sessions").array?.isEmpty == true)
      default:
        let stopped = try await roost.run("stop", "--kill-sessions")
        #expect(stopped.exitCode == 0, "\(stopped)")
      }
    }
  }

  @Test("a session whose program has ended is there at once, however long what it printed takes to show")
  func endedAtOnce() async throws {
    try await withRoost { roost in
      let text = #"\033[8;1000;1000t"# + String(repeating: #"\033#8"#, count: 3000) + #"\033]2;end\007"#
      let session = try await TestSession(on: roost, ["argv": ["/usr/bin/printf", .string(text)]])
      let record = try await session.record
      #expect(record["title"] != "end" && record["state"] != "exited", "\(record)")
      try await session.client.delete(session.path)
    }
  }
}
