import Formats
import TestKit
import Testing

/// What a program prints does not fill the log.
@Suite("A program that floods the log", .bounded)
struct EventFloodTests {
  @Test("of twenty thousand commands that a program makes up few are told, the rest is counted, and runs are exact")
  func marks() async throws {
    try await withRoost { roost in
      let http = roost.http
      let before = try await http.get("/events/status")["last_seq"].integer ?? 0
      let mark = #"\033]133;C\007\033]133;D;1\007"#
      let script = "i=0; while [ $i -lt 200 ]; do printf '\(String(repeating: mark, count: 100))'; i=$((i+1)); done"
      try await http.post("/sessions", ["name": "flood", "argv": ["/bin/bash", "-c", .string(script)]])
      let events = try await roost.events(until: "the flood is over") { $0["type"] == "session.ended" }
      #expect((events.last?["seq"].integer ?? 0) - before < 1000, "\(events.count) events")
      let started = events.of("session.command_started").count
      let leftOut = events.of("session.commands_left_out")
      #expect(started >= 60 && events.of("session.command_finished").count == started)
      #expect(started + leftOut.reduce(0) { $0 + ($1["data"]["count"].integer ?? 0) } == 20_000)
      #expect(leftOut.last?["data"]["last"].integer == 20_000, "\(leftOut)")
      #expect(try await http.get("/sessions/flood/commands").array?.last?["id"].integer == 20_000)

      // In a shell of which nothing is told any more, a run is told all the same.
      try await http.post("/sessions", ["name": "shell", "argv": ["/bin/bash", "--norc"]])
      for _ in 0..<2 {
        let answer = try await http.post(
          "/sessions/shell/run", ["command": .string("for i in {1..100}; do printf '\(mark)'; done; echo over")])
        #expect(answer["exit_status"] == 0 && answer["output"].string?.contains("over") == true, "\(answer)")
      }
      let exit = try await http.post("/sessions/shell/run", ["command": "(exit 7)"])
      #expect(exit["exit_status"] == 7, "\(exit)")
      try await roost.events(until: "the run is told") {
        $0["type"] == "session.command_finished" && $0["data"]["exit_status"] == 7
      }
    }
  }

  @Test("a bound that a list of events would not fit into is refused") func leastBound() async throws {
    try await withScratchHome { roost in
      let result = try await roost.run("serve", "--events-max-bytes", "1000000")
      #expect(result.exitCode == 2 && result.errorText.contains("--events-max-bytes"), "\(result)")
    }
  }
}
