import Formats
import TestKit
import Testing

@testable import Sessions

/// Commands and waiting runs are known to clients by numbers, also to those who held one before the server was another.
@Suite("Numbers that outlive the server", .bounded)
struct SessionNumbersTests {
  typealias Place = RunBindingTests.Place

  @Test("the number of a command of before is no other command's", arguments: [Place.bash, .zsh, .fish, .dash])
  func commands(place: Place) async throws {
    try await withRoost { roost in
      let gate = try Gate(in: roost)
      let session = try await TestSession(on: roost, place.fields.adding(["name": "a"]))
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      let running = try await session.answer("run", ["command": .string("cat \(gate.path)"), "timeout_ms": 300])
      var last = 0
      try await eventually("it has begun") {
        last = try await roost.http.get("/sessions/a/runs").array?.first?["command_id"].integer ?? 0
        return last > 0
      }
      var generation = try #require(running.json["error"]["details"]["generation"].integer)
      try await gate.open()
      let mine = last
      for round in 1...2 {
        try await roost.killServer()
        try await roost.start()
        let next = try await roost.http.post(
          "/sessions/a/run", ["command": "echo other; sh -c 'exit 9'", "queue": true, "timeout_ms": 60_000])
        #expect(next["output"] == "other\n" && next["exit_status"] == 9, "\(round): \(next.text)")
        let id = try #require(next["command_id"].integer)
        #expect(id > last, "\(round): \(next.text)")
        last = id
        let later = try #require(next["generation"].integer)
        #expect(later > generation, "\(round): \(next.text)")
        generation = later
        for action in ["wait", "output"] {
          let method = action == "wait" ? "POST" : "GET"
          let answer = try await roost.http.request(method, "/sessions/a/commands/\(mine)/\(action)")
          #expect(answer.status == 404, "\(round), \(action): \(answer)")
        }
      }
    }
  }

  @Test("a line that is typed does not take the number, and a run that waits has one of its own")
  func typedAndWaiting() async throws {
    try await withRoost { roost in
      let gates = try [Gate(in: roost), Gate(in: roost)]
      let session = try await TestSession(on: roost, Place.bash.fields.adding(["name": "a"]))
      let first = try #require(try await session.run("echo ready", ["timeout_ms": 60_000])["command_id"].integer)

      func waiting(behind gate: Gate) async throws -> Int {
        let blocker = try await roost.http.another().request(
          "POST", "/sessions/a/run", json: ["command": .string("cat \(gate.path)"), "timeout_ms": 300, "queue": true])
        #expect(blocker.status == 408, "\(blocker)")
        async let queued = roost.http.another().request(
          "POST", "/sessions/a/run", json: ["command": "echo x", "queue": true, "timeout_ms": 60_000])
        var number: Int?
        try await eventually("it waits for its turn") {
          number = try await roost.http.get("/sessions/a/runs").array?.last?["run"].integer
          return number != nil
        }
        let cancel = try await roost.http.request("DELETE", "/sessions/a/runs/\(number ?? 0)")
        #expect(cancel.status == 204, "\(cancel)")
        #expect(try await queued.errorCode == "run_cancelled")
        try await gate.open()
        return try #require(number)
      }

      let before = try await waiting(behind: gates[0])
      try await roost.killServer()
      try await roost.start()
      let typed = try await roost.http.post(
        "/sessions/a/interact", ["text": "echo typed\r", "for": "match", "pattern": "(?m)^typed", "timeout_ms": 30_000])
      #expect(typed["reason"] == "match", "\(typed.text)")
      let listed = try await roost.http.get("/sessions/a/commands").array ?? []
      #expect(listed.allSatisfy { $0["id"].integer ?? 0 > first }, "\(listed)")
      #expect(try await waiting(behind: gates[1]) > before)
    }
  }

  @Test("more are set aside before they are given")
  func setAside() {
    var numbers = SessionNumbers()
    #expect(numbers.first == 1)
    var end = numbers.end
    for next in 2...10_000 {
      if let more = numbers.next(next) { end = more }
      #expect(next < end)
    }
    let later = SessionNumbers(after: end)
    #expect(later.first > 10_000 && later.end > later.first)
  }
}
