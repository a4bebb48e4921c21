import Formats
import Glibc
import Net
import Sys
import TestKit
import Testing

@Suite("The end of sessions", .bounded)
struct SessionEndingTests {
  @Test("the exit status of a program is kept", arguments: [0, 1, 3, 42, 127, 255])
  func exitStatus(status: Int) async throws {
    try await withScript("exit \(status)") { session in
      let record = try await session.waitForExit()
      #expect(record["state"] == "exited")
      #expect(record["evidence"] == "exit")
      #expect(record["exit_status"].integer == status)
      #expect(record["exit_signal"].isNull)
      #expect(record["ended_at"].string.flatMap { Timestamp(text: $0) } != nil)
    }
  }

  @Test("the signal that ended a program is kept", arguments: ["TERM", "KILL", "SEGV"])
  func exitSignal(signal: String) async throws {
    try await withScript("kill -\(signal) $$") { session in
      let record = try await session.waitForExit()
      #expect(record["state"] == "exited")
      #expect(record["exit_signal"].string == "SIG\(signal)")
      #expect(record["exit_status"].isNull)
    }
  }

  @Test("an ended session keeps its screen and its history")
  func screenAfterTheEnd() async throws {
    try await withScript("seq 1 500; printf 'last words'", ["rows": 10]) { session in
      try await session.waitForExit()
      #expect(try await session.lines().last == "last words")
      #expect(try await session.history() == (1...500).map(String.init) + ["last words"])
      let screen = try await session.screen()
      #expect(screen["total_lines"] == 501)
      #expect(screen["first_line_index"] == 491)
    }
  }

  @Test("the last bytes of a program are never lost, however much it wrote before it ended")
  func lastBytes() async throws {
    try await withScript("seq 1 20000; echo the-end") { session in
      try await session.waitForExit()
      #expect(try await session.text().hasSuffix("19999\n20000\nthe-end"))
    }
  }

  @Test("an ended session takes no more input, and says that it has ended")
  func inputAfterTheEnd() async throws {
    try await withScript("exit 0") { session in
      try await session.waitForExit()
      for (action, fields) in [
        ("keys", ["keys": ["enter"]]), ("run", ["command": "true"]), ("interact", ["text": "x"]),
        ("resize", ["rows": 10, "cols": 10]), ("signal", ["signal": "TERM"]),
      ] as [(String, JSON)] {
        let answer = try await session.answer(action, fields)
        #expect(answer.status == 409, "\(action): \(answer)")
        #expect(answer.errorCode == "session_ended", "\(action): \(answer)")
      }
    }
  }

  @Test("ended sessions stay listed until they are removed")
  func staysListed() async throws {
    try await withScript("exit 7") { session in
      try await session.waitForExit()
      let listed = try await session.client.get("/sessions").array ?? []
      #expect(listed.contains { $0["name"].string == session.name && $0["exit_status"] == 7 })
      try await session.client.delete(session.path)
      #expect(try await session.client.request("GET", session.path).errorCode == "session_not_found")
      let later = try await session.client.get("/sessions").array ?? []
      #expect(!later.contains { $0["name"].string == session.name })
    }
  }

  @Test("ended sessions leave the list after the time that the server was told")
  func aging() async throws {
    try await withRoost(["--keep-ended", "200ms"]) { roost in
      let events = try await roost.http.another().webSocket("/ws/json")
      #expect(try await events.nextJSON() == ["connected": true])
      try await roost.session(["name": "brief", "argv": ["/bin/true"]])
      _ = try await events.nextJSON { $0["event"] == "session_destroyed" && $0["params"]["name"] == "brief" }
      #expect(try await roost.http.request("GET", "/sessions/brief").status == 404)
    }
  }

  @Test("DELETE ends a session at once and takes it off the list")
  func delete() async throws {
    try await withScript("trap '' HUP TERM INT; echo ready; while :; do sleep 60; done") { session in
      try await session.wait(match: "ready")
      let response = try await session.client.request("DELETE", session.path)
      #expect(response.status == 204)
      #expect(response.body.isEmpty)
      #expect(try await session.client.request("GET", session.path).status == 404)
      try await eventually("the program is gone") { !isAlive(session.pid) }
    }
  }

  @Test("a session that is not there answers 404 to everything")
  func notThere() async throws {
    let client = try await SharedServer.roost.http.another()
    for (method, path, body) in [
      ("GET", "", nil), ("DELETE", "", nil), ("PATCH", "", ["name": "x"]), ("GET", "/screen", nil),
      ("GET", "/scrollback", nil),
      ("GET", "/idle?timeout_ms=1", nil), ("GET", "/commands", nil), ("GET", "/clients", nil), ("POST", "/kill", [:]),
      ("POST", "/signal", ["signal": "TERM"]), ("POST", "/input", nil), ("POST", "/keys", ["keys": ["a"]]),
      ("POST", "/resize", ["rows": 1, "cols": 1]), ("POST", "/wait", ["for": "exit"]),
      ("POST", "/interact", ["text": "x"]),
      ("POST", "/run", ["command": "true"]), ("POST", "/detach", nil),
    ] as [(String, String, JSON?)] {
      let response = try await client.request(method, "/sessions/nobody\(path)", body: body?.bytes ?? [])
      #expect(response.status == 404, "\(method) \(path): \(response)")
      #expect(response.errorCode == "session_not_found", "\(method) \(path): \(response)")
    }
  }

  // MARK: Killing

  @Test("kill hangs up, and the session stays listed with what ended it")
  func killHangsUp() async throws {
    try await withSession { session in
      let record = try await session.post("kill")
      #expect(record["state"] == "exited")
      #expect(record["exit_signal"] == "SIGHUP")
      #expect(try await session.record["state"] == "exited")
    }
  }

  @Test("a program may end in its own way when it is told to")
  func killLetsFinish() async throws {
    try await withScript("trap 'echo tidying up; exit 9' TERM; echo ready; while :; do sleep 60 & wait $!; done") {
      session in
      try await session.wait(match: "ready")
      let record = try await session.post("kill", ["signal": "TERM", "grace_ms": 60_000])
      #expect(record["exit_status"] == 9)
      #expect(try await session.text().contains("tidying up"))
    }
  }

  @Test("a program that ignores the signal is killed after the grace, with its whole process group")
  func killAfterGrace() async throws {
    let script =
      "trap '' HUP; sh -c \"trap '' HUP; echo child=\\$\\$; while :; do sleep 60; done\" & echo self=$$; wait"
    try await withScript(script) { session in
      try await session.wait(match: "child=[0-9]+[^$]*self=[0-9]+|self=[0-9]+[^$]*child=[0-9]+")
      let child = try number(after: "child=", in: try await session.text())
      #expect(isAlive(child))
      let record = try await session.post("kill", ["grace_ms": 100])
      #expect(record["state"] == "exited")
      #expect(record["exit_signal"] == "SIGKILL")
      try await eventually("the child is gone") { !isAlive(child) }
    }
  }

  @Test("jobs that a shell put into the background end with the session")
  func killBackgroundJobs() async throws {
    try await withShell(.bash) { session in
      try await session.type("(trap '' HUP; exec sleep 1000) & echo job=$!\r")
      try await session.wait(match: #"job=\d+"#)
      let job = try number(after: "job=", in: try await session.text(), skipping: "$!")
      #expect(isAlive(job))
      try await session.post("kill", ["grace_ms": 200])
      try await eventually("the job is gone") { !isAlive(job) }
    }
  }

  @Test("what left the session by setsid or nohup ends with it all the same")
  func killRunaways() async throws {
    try await withSession { session in
      let file = "\(try makeFolder(in: session.roost))/pids"
      let script =
        "setsid sh -c 'echo $$ >>\(file); exec sleep 1000' & nohup sh -c 'echo $$ >>\(file); exec sleep 1000' >/dev/null & wait"
      let runaways = try await TestSession(on: session.roost, ["argv": ["/bin/sh", "-c", .string(script)]])
      try await eventually("both have started") { (try? textOfFile(file).split(separator: "\n").count) == 2 }
      let pids = try textOfFile(file).split(separator: "\n").compactMap { Int($0) }
      #expect(pids.allSatisfy { isAlive($0) })
      try await runaways.post("kill", ["signal": "KILL", "grace_ms": 0])
      try await eventually("both are gone") { pids.allSatisfy { !isAlive($0) } }
      await runaways.remove()
    }
  }

  @Test(
    "a daemon that forked twice into a session of its own ends with the session where a cgroup holds it",
    .enabled(if: ControlGroups.areDelegated, "no delegated cgroup v2 on this machine"))
  func killDaemon() async throws {
    try await withSession { session in
      let file = "\(try makeFolder(in: session.roost))/pid"
      let script = "(setsid sh -c 'sh -c \"echo \\$\\$ >\(file); exec sleep 1000\" &' &); sleep 1000"
      let daemon = try await TestSession(on: session.roost, ["argv": ["/bin/sh", "-c", .string(script)]])
      try await eventually("the daemon has started") { (try? textOfFile(file).hasSuffix("\n")) == true }
      let pid = try #require(Int(try textOfFile(file).dropLast()))
      try await daemon.post("kill", ["signal": "KILL", "grace_ms": 0])
      try await eventually("the daemon is gone") { !isAlive(pid) }
      await daemon.remove()
    }
  }

  @Test("killing an ended session is no error and changes nothing")
  func killTwice() async throws {
    try await withScript("exit 5") { session in
      try await session.waitForExit()
      let record = try await session.post("kill")
      #expect(record["exit_status"] == 5)
    }
  }

  // MARK: Signals

  @Test("a signal reaches the program in the foreground", arguments: ["INT", "SIGINT", "2", "USR1"])
  func signal(name: String) async throws {
    try await withScript("trap 'echo got it; exit 0' INT USR1; echo ready; while :; do sleep 60 & wait $!; done") {
      session in
      try await session.wait(match: "ready")
      let response = try await session.answer("signal", ["signal": .string(name)])
      #expect(response.status == 204)
      try await session.wait(match: "got it")
    }
  }

  @Test("ctrl+c ends the command in the foreground and not the shell")
  func interrupt() async throws {
    try await withShell { session in
      try await session.type("sleep 1000\r")
      try await eventually("sleep runs") { try await session.record["foreground"] == "sleep" }
      try await session.press("ctrl+c")
      try await session.wait(["for": "prompt"])
      #expect(try await session.record["foreground"] == "bash")
      #expect(try await session.run("echo $?")["exit_status"] == 0)
    }
  }

  @Test("a signal that does not exist is refused", arguments: ["", "NOPE", "0", "65", "-1"])
  func badSignal(name: String) async throws {
    try await withSession { session in
      for action in ["signal", "kill"] {
        let response = try await session.answer(action, ["signal": .string(name)])
        #expect(response.status == 400, "\(action) \(name): \(response)")
        #expect(response.errorCode == "invalid_signal")
      }
      #expect(try await session.record["state"].string != "exited")
    }
  }
}

/// The number behind a label on a screen; the text that was typed has it as well, followed by `skipping`.
func number(after label: String, in text: String, skipping: String? = nil) throws -> Int {
  for part in text.split(separator: label, omittingEmptySubsequences: false).dropFirst() {
    if let number = Int(part.prefix { $0.isNumber }) { return number }
  }
  throw TestFailure("no number after \(label) in \(text)")
}

enum ControlGroups {
  /// Whether this process could make a cgroup below its own (cgroup v2), as the keeper wants to.
  static let areDelegated: Bool = {
    guard let text = try? textOfFile("/proc/self/cgroup"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("0::") })
    else { return false }
    let folder = "/sys/fs/cgroup" + line.dropFirst(3)
    return access("\(folder)/cgroup.procs", W_OK) == 0 && access("\(folder)/cgroup.kill", F_OK) == 0
  }()
}
