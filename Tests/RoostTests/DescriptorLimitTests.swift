import Formats
import Glibc
import Sys
import TestKit
import Testing

@Suite("A server with few descriptors", .bounded)
struct DescriptorLimitTests {
  private func limited(_ limit: Int) -> [String] { ["/bin/bash", "-c", "ulimit -n \(limit); exec \"$@\"", "limited"] }

  /// Makes sessions until no more are to be had; how many, and the refusal.
  private func fill(_ roost: Roost) async throws -> (made: Int, refusal: TestResponse) {
    for number in 0..<1000 {
      let made = try await roost.http.request(
        "POST", "/sessions", json: ["name": .string("s\(number)"), "argv": ["/bin/cat"]])
      if made.status != 201 { return (number, made) }
    }
    throw TestFailure("there is no limit")
  }

  private func running(_ roost: Roost) async throws -> Int {
    try await roost.http.get("/sessions").array?.count { $0["state"].string != "exited" } ?? 0
  }

  @Test(
    "makes as many sessions as the next one can take over, refuses the others by name, and all can be ended",
    arguments: [96, 256])
  func limit(_ limit: Int) async throws {
    try await withScratchHome { roost in
      try await roost.start(through: limited(limit))
      let (made, refusal) = try await fill(roost)
      #expect(made > 0)
      #expect(refusal.status == 429 && refusal.errorCode == "resource_limit_reached", "\(refusal)")
      #expect(refusal.text.contains("open files"), "\(refusal)")
      // The programs have the limit that the server was started with.
      try await roost.http.delete("/sessions/s0")
      try await roost.session(["name": "s0", "argv": ["/bin/sh", "-c", "echo soft=$(ulimit -S -n).; cat"]])
      try await roost.wait("s0", ["for": "match", "pattern": .string("soft=\(limit)\\.")])
      try await roost.killServer()
      try await roost.start(through: limited(limit))
      #expect(try await running(roost) == made)
      let keeper = pid_t(try #require(try await roost.http.get("/server/info")["keeper_pid"].integer))
      let stopped = try await roost.run("stop", "--kill-sessions")
      #expect(stopped.exitCode == 0, "\(stopped)")
      try await eventually("the keeper has ended") { ProcessStatus.read(keeper)?.isZombie != false }
      #expect(ProcessStatus.all().allSatisfy { $0.parent != keeper })
    }
  }

  @Test("does not start where it could answer nobody, and says what it needs")
  func tooFew() async throws {
    try await withScratchHome { roost in
      let refused = try await runProcess(
        "/bin/bash", ["-c", "ulimit -n 32; exec \"$@\"", "limited", Roost.executable, "serve"],
        environment: roost.environment)
      #expect(refused.exitCode == 1 && refused.errorText.contains("the limit of open files is 32"), "\(refused)")
    }
  }

  @Test("takes over what it has room for, names what stays with the keeper, and ends that too when it is told to")
  func smaller() async throws {
    try await withScratchHome { roost in
      try await roost.start()
      for number in 0..<60 { try await roost.session(["name": JSON.string("s\(number)"), "argv": ["/bin/cat"]]) }
      try await roost.killServer()
      try await roost.start(through: limited(96))
      let taken = try await running(roost)
      #expect(taken > 0 && taken < 60)
      #expect(roost.log.contains("sessions that stay with the keeper"), "\(roost.log)")
      let named = try #require(roost.log.split(separator: "\n").last { $0.contains("stay with the keeper") })
      let listed = Set(try await roost.run("ls", "--names").text.split(separator: "\n").map(String.init))
      for number in 0..<60 where !listed.contains("s\(number)") { #expect(named.contains("s\(number)")) }
      let refused = try await roost.run("stop")
      #expect(refused.exitCode == 4 && refused.errorText.contains("60 sessions"), "\(refused)")
      // A server with room for them has them all.
      try await roost.killServer()
      try await roost.start()
      #expect(try await running(roost) == 60)
      try await roost.killServer()
      try await roost.start(through: limited(96))
      let keeper = pid_t(try #require(try await roost.http.get("/server/info")["keeper_pid"].integer))
      let stopped = try await roost.run("stop", "--kill-sessions")
      #expect(stopped.exitCode == 0, "\(stopped)")
      try await eventually("the keeper has ended") { ProcessStatus.read(keeper)?.isZombie != false }
      #expect(ProcessStatus.all().allSatisfy { $0.parent != keeper })
    }
  }
}
