import Formats
import Glibc
import Sys
import TestKit
import Testing

@Suite("Programs that cannot be ended", .bounded, .enabled(if: OtherUser.isPossible))
struct ProgramsThatRemainTests {
  /// A session in which a program has become root's and takes no hang-up, as after `sudo`.
  private func withRootsProgram(
    _ body: (_ user: OtherUser, _ environment: [String: String], _ pid: pid_t) async throws -> Void
  ) async throws {
    let user = OtherUser()
    try await user.withHome { roost, environment in
      let sudo = "\(roost.home.path)/sudo"
      _ = try await runProcess("/bin/cp", ["/usr/bin/setpriv", sudo], environment: [:])
      chmod(sudo, 0o4755)
      let script = "trap '' HUP TERM; echo ready; while :; do sleep 60; done"
      let made = try await user.run(
        ["new", "v", "-d", "--", sudo, "--reuid=0", "--regid=0", "--clear-groups", "/bin/sh", "-c", script], environment
      )
      #expect(made.exitCode == 0, "\(made)")
      let ready = try await user.run(["wait", "v", "--match", "ready"], environment)
      #expect(ready.exitCode == 0, "\(ready)")
      let record = try await user.run(["ls", "--json"], environment)
      let pid = try #require(try JSON(parsing: record.output)[0]["pid"].integer)
      try await body(user, environment, pid_t(pid))
    }
  }

  @Test("kill answers and names them, rm leaves the session listed, and both say so by their status")
  func killAndRemove() async throws {
    try await withRootsProgram { user, environment, pid in
      for words in [["kill", "--grace", "100ms", "v"], ["rm", "v"], ["kill", "--signal", "KILL", "v"]] {
        let result = try await user.run(words, environment)
        #expect(result.exitCode == 4, "\(result)")
        #expect(result.errorText.contains("sh (pid \(pid), user root)"), "\(result)")
        #expect(try await user.run(["ls", "--names"], environment).text == "v\n")
      }
      let typed = try await user.run(["rm", "v", "--json"], environment)
      #expect(typed.errorText.contains(#""code":"programs_remain""#), "\(typed)")
      // Its group: what the shell waits for takes no hang-up either, and would remain.
      #expect(kill(-pid, SIGKILL) == 0)
      try await eventually("the group has ended") {
        ProcessStatus.all().allSatisfy { $0.group != pid || $0.isZombie }
      }
      let removed = try await user.run(["rm", "v"], environment)
      #expect(removed.exitCode == 0, "\(removed)")
      #expect(try await user.run(["ls", "--names"], environment).text == "")
    }
  }

  @Test("a server that is stopped with its sessions says what it leaves behind")
  func stop() async throws {
    try await withRootsProgram { user, environment, pid in
      let refused = try await user.run(["stop"], environment)
      #expect(refused.exitCode == 4 && refused.errorText.contains("roost stop --kill-sessions"), "\(refused)")
      let stopped = try await user.run(["stop", "--kill-sessions"], environment)
      #expect(stopped.exitCode == 4, "\(stopped)")
      #expect(stopped.errorText.contains("sh (pid \(pid), user root)"), "\(stopped)")
      #expect(try await user.run(["status"], environment).exitCode == 7)
      #expect(kill(-pid, SIGKILL) == 0)
    }
  }
}

/// As for every user to whom no control group is delegated.
@Suite("What leaves its session, where nothing holds that together", .bounded, .enabled(if: OtherUser.isPossible))
struct DetachedProgramTests {
  /// Two forks, a session of the kernel's of its own, no terminal, no signal but SIGKILL.
  private static let detaching = """
    (setsid sh -c 'trap "" HUP TERM INT; sleep 1000; :' </dev/null >/dev/null 2>&1 &)
    echo detached; exec cat
    """

  private func members(of roost: Roost, user: OtherUser) -> [pid_t] {
    ProcessStatus.all().filter { !$0.isZombie && ProcessStatus.realUser($0.pid) == user.id && $0.name != "roost" }
      .map(\.pid)
  }

  @Test(
    "kill, rm and stop end it too",
    arguments: [["kill", "--grace", "100ms", "v"], ["rm", "v"], ["stop", "--kill-sessions"]])
  func ended(words: [String]) async throws {
    let user = OtherUser()
    try await user.withHome { roost, environment in
      let made = try await user.run(["new", "v", "-d", "--", "/bin/sh", "-c", Self.detaching], environment)
      #expect(made.exitCode == 0, "\(made)")
      let ready = try await user.run(["wait", "v", "--match", "detached"], environment)
      #expect(ready.exitCode == 0, "\(ready)")
      try await eventually("it has left") { members(of: roost, user: user).count == 3 }
      let result = try await user.run(words, environment)
      #expect(result.exitCode == 0, "\(result)")
      #expect(members(of: roost, user: user).isEmpty)
      // Whoever has left its parents is reaped by the keeper.
      if words[0] != "stop" {
        try await eventually("no zombie is left") {
          ProcessStatus.all().allSatisfy { !$0.isZombie || ProcessStatus.realUser($0.pid) != user.id }
        }
      }
    }
  }

  @Test("what forks without end is ended")
  func forks() async throws {
    let user = OtherUser()
    try await user.withHome { roost, environment in
      let script = "ulimit -u 60; f() { f | f & }; echo forking; while :; do f; (sleep 1000 &); done 2>/dev/null"
      let made = try await user.run(["new", "v", "-d", "--", "/bin/bash", "-c", script], environment)
      #expect(made.exitCode == 0, "\(made)")
      try await eventually("there are many") { members(of: roost, user: user).count > 20 }
      let result = try await user.run(["kill", "--grace", "100ms", "v"], environment)
      #expect(result.exitCode == 0, "\(result)")
      #expect(members(of: roost, user: user).isEmpty)
    }
  }
}

@Suite("How sessions end, told", .bounded)
struct EndReasonTests {
  @Test(
    "what is asked of an ended session is refused with how it ended",
    arguments: [("kill -9 $$", "killed by signal 9, SIGKILL"), ("exit 3", "exited with status 3")])
  func reasons(script: String, reason: String) async throws {
    try await withRoost { roost in
      try await roost.session(["name": "t", "shell": "/bin/sh"])
      _ = try await roost.http.request("POST", "/sessions/t/input", body: Array("\(script)\r".utf8))
      try await roost.wait("t", ["for": "exit"])
      let refused = try await roost.run("send", "t", "x")
      #expect(refused.exitCode == 4)
      #expect(refused.errorText.contains("The session t has ended (the shell"), "\(refused)")
      #expect(refused.errorText.contains(reason), "\(refused)")
    }
  }

  @Test("a program that ends at once leaves a session with what it printed and its exit status, and no terminal open")
  func atOnce() async throws {
    try await withRoost { roost in
      let count = 32
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<count {
          group.addTask {
            let script = "echo said \(number); exit \(number)"
            let made = try await roost.http.another().request(
              "POST", "/sessions", json: ["name": .string("t\(number)"), "argv": ["/bin/sh", "-c", .string(script)]])
            #expect(made.status == 201, "\(made)")
          }
        }
        try await group.waitForAll()
      }
      for number in 0..<count {
        try await roost.wait("t\(number)", ["for": "exit"])
        #expect(try await roost.http.get("/sessions/t\(number)")["exit_status"].integer == number)
        #expect(try await roost.screen("t\(number)").first == "said \(number)")
      }
      let server = try #require(roost.serverPID)
      let terminals = (0..<1024).filter { number in
        var target = [CChar](repeating: 0, count: 64)
        let length = readlink("/proc/\(server)/fd/\(number)", &target, target.count)
        let name = target.prefix(max(0, length)).map { UInt8(bitPattern: $0) }
        return String(decoding: name, as: UTF8.self).hasSuffix("ptmx")
      }
      #expect(terminals.isEmpty)
    }
  }

  @Test("kill returns when nothing is left of what the session started, not only its first program")
  func everything() async throws {
    try await withRoost { roost in
      let script = "(trap '' HUP; echo child=$(sh -c 'echo $PPID') ; while :; do sleep 60; done) & wait"
      try await roost.session(["name": "t", "argv": ["/bin/sh", "-c", .string(script)]])
      try await roost.wait("t", ["for": "match", "pattern": "child=[0-9]+"])
      let line = try #require(try await roost.screen("t").first { $0.hasPrefix("child=") })
      let child = try #require(pid_t(line.dropFirst("child=".count)))
      let killed = try await roost.run("kill", "--grace", "100ms", "t")
      #expect(killed.exitCode == 0, "\(killed)")
      #expect(ProcessStatus.read(child).map(\.isZombie) ?? true)
    }
  }
}

@Suite(
  "The first process of a container", .bounded,
  .enabled(if: getuid() == 0 && isExecutable("/usr/bin/unshare")))
struct FirstProcessTests {
  @Test("process 1 reaps what loses its parent, and sessions keep their exit statuses")
  func reaps() async throws {
    try await withScratchHome { roost in
      try await roost.start(
        through: ["/usr/bin/unshare", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child"])
      let outer = try #require(roost.serverPID)
      let ended = "\(roost.home.path)/ended"
      // When the first program ends the terminal hangs up: whoever has not come to setsid by then is not to die of it.
      let script =
        "trap '' HUP; for i in 1 2 3 4 5; do (setsid sh -c '(sh -c \"echo x >>\(ended)\" &)' &); done; exit 7"
      let record = try await roost.session(["name": "t", "argv": ["/bin/sh", "-c", .string(script)]])
      #expect(record["name"] == "t")
      try await roost.wait("t", ["for": "exit"])
      #expect(try await roost.http.get("/sessions/t")["exit_status"] == 7)
      try await eventually("all have ended and none is a zombie") {
        let all = ProcessStatus.all()
        let first = all.first { $0.parent == outer }?.pid
        let zombies = all.filter { $0.parent == first && $0.isZombie }
        return (try? textOfFile(ended)) == String(repeating: "x\n", count: 5) && zombies.isEmpty
      }
    }
  }
}
