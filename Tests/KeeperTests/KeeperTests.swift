import Glibc
import Sys
import TestKit
import Testing

@testable import Keeper

@Suite("The keeper")
struct KeeperTests {
  @Test("a program runs on its own terminal and its exit status is pushed")
  func runs() throws {
    let keeper = try KeeperHarness()
    let talk = try keeper.connectServer()
    let child = try talk.spawn("a", ["sh", "-c", "tty; stty size; exit 7"])
    let output = child.output()
    #expect(output.contains("/dev/pts/"))
    #expect(output.contains("24 80"))
    let exit = try talk.nextExit()
    #expect(exit.id == "a")
    #expect(exit.status == .exited(7))
  }

  @Test("a child inherits no descriptor of the keeper but its terminal")
  func leaksNothing() throws {
    let keeper = try KeeperHarness()
    let talk = try keeper.connectServer()
    let others = try (0..<5).map { try talk.spawn("other\($0)", ["sleep", "1000"]) }
    let child = try talk.spawn("a", ["cat"])
    // Until it answers, the loader may have a library open.
    try child.type("ready\r")
    _ = child.output(until: "ready\r\nready")
    #expect(ProcessStatus.openDescriptors(child.pid)?.sorted() == [0, 1, 2])
    withExtendedLifetime(others) {}
  }

  @Test("a child ignores and blocks no signal, although the keeper ignores some")
  func defaultSignals() throws {
    let keeper = try KeeperHarness()
    let talk = try keeper.connectServer()
    let child = try talk.spawn("a", ["cat"])
    let status = try String(decoding: readFile("/proc/\(child.pid)/status"), as: UTF8.self)
    let masks = status.split(separator: "\n").filter { $0.hasPrefix("SigIgn:") || $0.hasPrefix("SigBlk:") }
    #expect(masks.count == 2)
    for mask in masks {
      // 32 and 33 are the C library's own: posix_spawn, of whoever came before us, leaves them ignored.
      let bits = mask.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }
      #expect(bits.map { $0 & ~0x1_8000_0000 } == 0, "\(mask)")
    }
  }

  @Test("a signal that ends a program is told apart from an exit status")
  func signaled() throws {
    let keeper = try KeeperHarness()
    let talk = try keeper.connectServer()
    let child = try talk.spawn("a", ["sleep", "1000"])
    #expect(try talk.ask(.kill(id: "a", signal: SIGTERM, everything: false, graceMilliseconds: 0)).reply == .done)
    #expect(try talk.nextExit().status == .signaled(SIGTERM))
    withExtendedLifetime(child) {}
  }

  @Test("a program that ignores a hang-up is killed when the grace is over")
  func ignoresHangUp() throws {
    let keeper = try KeeperHarness()
    let talk = try keeper.connectServer()
    let child = try talk.spawn("a", ["sh", "-c", "trap '' HUP; echo up; while :; do sleep 1000; done"])
    _ = child.output(until: "up")
    _ = try talk.ask(.kill(id: "a", signal: SIGHUP, everything: true, graceMilliseconds: 100))
    #expect(try talk.nextExit().status == .signaled(SIGKILL))
  }

  @Test("what a session detached with setsid and nohup dies with its cgroup, and the cgroup's folder goes")
  func killsEverything() throws {
    try #require(ControlGroup.own() != nil, "no cgroup is delegated here")
    let keeper = try KeeperHarness()
    let talk = try keeper.connectServer()
    let child = try talk.spawn(
      "a",
      [
        "bash", "-c",
        "(setsid nohup sleep 1000 >/dev/null 2>&1 & echo one=$!) ; nohup sleep 1001 >/dev/null 2>&1 & echo two=$!; echo done; cat",
      ])
    let output = child.output(until: "done")
    let pids = output.split(whereSeparator: \.isNewline).compactMap { line in
      line.split(separator: "=").dropFirst().first.flatMap { ProcessID($0) }
    }
    #expect(pids.count == 2, "\(output)")
    let groupLine = try String(decoding: readFile("/proc/\(child.pid)/cgroup"), as: UTF8.self)
    let name = try #require(groupLine.split(separator: "\n").first { $0.hasPrefix("0::") }?.split(separator: "/").last)
    let group = try #require(ControlGroup.own()).child(named: String(name))
    #expect(name.hasPrefix("roost-\(keeper.pid)-"))
    #expect(group.processes().count >= 3)

    _ = try talk.ask(.kill(id: "a", signal: SIGHUP, everything: true, graceMilliseconds: 100))
    for pid in pids { #expect(waitGone(pid)) }
    _ = try talk.nextExit()
    #expect(try talk.ask(.forget(id: "a")).reply == .done)
    // The keeper removes it in the turn in which it learns that the group is empty.
    var looks = 0
    while access(group.path, F_OK) == 0, looks < 2000 {
      _ = try talk.ask(.list)
      looks += 1
      usleep(1000)
    }
    #expect(access(group.path, F_OK) != 0)
  }

  @Test("after kill -9 of its server, the next one gets descriptors, labels, stored files and exit statuses")
  func survivesServer() throws {
    let keeper = try KeeperHarness()
    var first: KeeperTalk? = try keeper.connectServer()
    let alive = try #require(try first?.spawn("alive", ["cat"], label: Array("name=alive".utf8)))
    let ended = try #require(try first?.spawn("ended", ["sh", "-c", "echo last words; exit 3"]))
    let memory = try makeMemoryFile(named: "snapshot", contents: Array("the screen".utf8))
    _ = try first?.ask(.store(id: "alive", slot: 2), descriptors: [memory.raw])
    _ = try first?.ask(.update(id: "alive", label: Array("name=renamed".utf8)))
    _ = try first?.nextExit()
    // To the keeper, a killed server is a socket that closes.
    first = nil

    let second = try keeper.connectServer()
    let listed = try second.list()
    #expect(listed.count == 2)
    #expect(listed[0].descriptors.count == 3)
    #expect(
      listed[0].reply
        == .session(id: "alive", pid: alive.pid, label: Array("name=renamed".utf8), ended: nil, slots: [2]))
    #expect(listed[1].reply == .session(id: "ended", pid: ended.pid, label: [], ended: .exited(3), slots: []))
    #expect(try readMemoryFile(listed[0].descriptors[2], limit: 100) == Array("the screen".utf8))
    try writeAll(listed[0].descriptors[0], Array("hello\r".utf8))
    #expect(readOutput(listed[0].descriptors[0], until: "hello\r\nhello").contains("hello\r\nhello"))
    // Its last output waited in the terminal.
    #expect(readOutput(listed[1].descriptors[0]).contains("last words"))
    for answer in listed { for descriptor in answer.descriptors { close(descriptor) } }
  }

  @Test("a program gets the limit of open files that the keeper was started with, not the keeper's own")
  func openFiles() throws {
    let keeper = try KeeperHarness(openFileLimit: 512)
    let talk = try keeper.connectServer()
    #expect(try talk.spawn("a", ["sh", "-c", "echo soft=$(ulimit -S -n)."]).output().contains("soft=512."))
  }

  @Test("a second server is refused while the first lives")
  func oneServer() throws {
    let keeper = try KeeperHarness()
    let first = try keeper.connectServer()
    let second = try keeper.connect()
    guard case .failed(let error) = try second.ask(.hello(version: KeeperLimits.version)).reply else {
      Issue.record("not refused")
      return
    }
    #expect(error.code == .busy)
    #expect(throws: KeeperTalk.Closed.self) { try second.receive() }
    #expect(try first.list().isEmpty)
  }

  @Test("it ends by itself when its server has gone and nothing lives")
  func endsAlone() throws {
    let keeper = try KeeperHarness(endAfter: .milliseconds(50))
    var talk: KeeperTalk? = try keeper.connectServer()
    let child = try #require(try talk?.spawn("a", ["true"]))
    _ = try talk?.nextExit()
    _ = try talk?.ask(.forget(id: "a"))
    talk = nil
    #expect(waitReadable(keeper.pidfd))
    #expect(try reap(pidfd: keeper.pidfd) == .exited(0))
    #expect(access(keeper.socketPath, F_OK) != 0)
    withExtendedLifetime(child) {}
  }

  @Test("it stays for a program that lives, and for a status that nobody has learnt")
  func staysForTheLiving() throws {
    let keeper = try KeeperHarness(endAfter: .milliseconds(1), keepEndedFor: .milliseconds(1))
    var talk: KeeperTalk? = try keeper.connectServer()
    let child = try #require(try talk?.spawn("a", ["cat"]))
    talk = nil
    #expect(!waitReadable(keeper.pidfd, milliseconds: 100))
    try child.type("\u{4}")
    #expect(waitReadable(keeper.pidfd))
  }

  @Test("quit ends every session and the keeper")
  func quits() throws {
    let keeper = try KeeperHarness()
    let talk = try keeper.connectServer()
    let children = try (0..<3).map { try talk.spawn("s\($0)", ["sh", "-c", "trap '' HUP; sleep 1000"]) }
    _ = try talk.ask(.quit(graceMilliseconds: 50))
    for child in children { #expect(waitReadable(child.pidfd)) }
    #expect(waitReadable(keeper.pidfd))
  }

  @Test("forgetting a live session ends it and frees its name")
  func forgetsLive() throws {
    let keeper = try KeeperHarness()
    let talk = try keeper.connectServer()
    let child = try talk.spawn("a", ["cat"])
    #expect(try talk.ask(.forget(id: "a")).reply == .done)
    #expect(waitReadable(child.pidfd))
    let again = try talk.spawn("a", ["cat"])
    #expect(again.pid != child.pid)
  }

  @Test(
    "what cannot be started is explained",
    arguments: [
      (["no-such-program-here"], "/tmp", KeeperError.Code.noSuchProgram),
      (["/no/such/program"], "/tmp", .noSuchProgram),
      (["/etc/passwd"], "/tmp", .notExecutable),
      (["/tmp"], "/tmp", .notExecutable),
      (["true"], "/no/such/folder", .noSuchDirectory),
      (["true"], "/etc/passwd", .noSuchDirectory),
      ([], "/tmp", .invalidArgument),
    ])
  func spawnErrors(arguments: [String], directory: String, code: KeeperError.Code) throws {
    try expectRefusal(arguments, directory, code)
  }

  @Test("an argument longer than the kernel takes is explained")
  func argumentTooLong() throws {
    // MAX_ARG_STRLEN: no single argument may be longer than 32 pages.
    try expectRefusal(["true", String(repeating: "x", count: 140_000)], "/tmp", .argumentListTooLong)
  }

  private func expectRefusal(_ arguments: [String], _ directory: String, _ code: KeeperError.Code) throws {
    let keeper = try KeeperHarness()
    let talk = try keeper.connectServer()
    let spec = ChildSpec(
      arguments: arguments, environment: ["PATH=/usr/bin:/bin"], directory: directory,
      size: WindowSize(rows: 24, columns: 80))
    guard case .failed(let error) = try talk.ask(.spawn(id: "a", spec: spec, label: [])).reply else {
      Issue.record("it was started")
      return
    }
    #expect(error.code == code)
    #expect(!error.message.isEmpty)
    #expect(try talk.list().isEmpty)
  }
}
