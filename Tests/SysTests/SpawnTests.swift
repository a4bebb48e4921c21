import Glibc
import TestKit
import Testing

@testable import Sys

@Suite("Starting programs on a terminal")
struct SpawnTests {
  /// A cgroup for the children of one test, removed afterwards.
  private final class TestGroup {
    let group: ControlGroup
    let folder: CInt

    init() throws {
      let own = try #require(ControlGroup.own())
      group = try own.makeChild(named: "roost-systest-\(getpid())-\(UInt32.random(in: 0 ... .max))")
      folder = try group.openFolder().release()
    }

    deinit {
      close(folder)
      group.kill()
      _ = eventually { group.remove() }
    }
  }

  private static var ways: [Bool] { ControlGroup.own() == nil ? [false] : [false, true] }

  private func make(
    _ arguments: [String], grouped: Bool, environment: [String] = ["PATH=/usr/bin:/bin"], directory: String? = "/tmp",
    openFileLimit: UInt64? = nil
  ) throws -> (child: TestChild, group: AnyObject?) {
    let group = grouped ? try TestGroup() : nil
    let child = try TestChild(
      arguments, environment: environment, directory: directory, openFileLimit: openFileLimit, cgroup: group?.folder)
    return (child, group)
  }

  @Test("the child leads a session on its terminal, in its folder, with its environment", arguments: ways)
  func basics(grouped: Bool) throws {
    let (child, group) = try make(
      ["sh", "-c", "tty; stty size; pwd; echo v=$V; ps -o sid=,pgid=,tpgid= -p $$; exit 42"], grouped: grouped,
      environment: ["PATH=/usr/bin:/bin", "V=value"])
    let output = child.output()
    #expect(output.contains("/dev/pts/"))
    #expect(output.contains("24 80"))
    #expect(output.contains("/tmp"))
    #expect(output.contains("v=value"))
    let ids = output.split(whereSeparator: \.isNewline).last?.split(separator: " ").compactMap { ProcessID($0) }
    #expect(ids == [child.pid, child.pid, child.pid])
    #expect(child.wait() == .exited(42))
    withExtendedLifetime(group) {}
  }

  @Test("nothing is inherited: no descriptor, no ignored or blocked signal", arguments: ways)
  func inheritsNothing(grouped: Bool) throws {
    // Without close-on-exec, on purpose.
    let leak = dup(0)
    defer { close(leak) }
    let (child, group) = try make(["cat"], grouped: grouped)
    try child.type("x\r")
    _ = child.output(until: "x\r\nx")
    #expect(ProcessStatus.openDescriptors(child.pid)?.sorted() == [0, 1, 2])
    let status = try String(decoding: readFile("/proc/\(child.pid)/status"), as: UTF8.self)
    for line in status.split(separator: "\n") where line.hasPrefix("SigIgn:") || line.hasPrefix("SigBlk:") {
      // 32 and 33 are the C library's own.
      let bits = line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }
      #expect(bits.map { $0 & ~0x1_8000_0000 } == 0, "\(line)")
    }
    withExtendedLifetime(group) {}
  }

  @Test("how it ended is told: by itself or by a signal", arguments: ways)
  func endings(grouped: Bool) throws {
    let (exits, first) = try make(["sh", "-c", "exit 255"], grouped: grouped)
    #expect(exits.wait() == .exited(255))
    let (killed, second) = try make(["sh", "-c", "kill -SEGV $$"], grouped: grouped)
    #expect(killed.wait() == .signaled(SIGSEGV))
    let (running, third) = try make(["cat"], grouped: grouped)
    #expect(try reap(pidfd: running.pidfd) == nil)
    try sendSignal(.terminate, to: .group(running.pid))
    #expect(running.wait() == .signaled(SIGTERM))
    #expect(throws: SystemError.self) { try reap(pidfd: running.pidfd) }
    #expect(try !sendSignal(.terminate, to: .pidfd(running.pidfd)))
    withExtendedLifetime([first, second, third]) {}
  }

  @Test("what cannot be started is explained, and leaves no process behind", arguments: ways)
  func errors(grouped: Bool) throws {
    let folder = try ScratchFolder()
    let noInterpreter = try folder.write("no-interpreter", "#!/no/such/interpreter\n", mode: 0o700)
    let noShebang = try folder.write("no-shebang", "echo hello\n", mode: 0o700)
    let plain = try folder.write("plain", "#!/bin/sh\n")
    let cases: [(arguments: [String], directory: String?, code: SpawnError.Code)] = [
      (["no-such-program-here"], nil, .noSuchProgram), ([""], nil, .noSuchProgram),
      ([folder.path + "/none"], nil, .noSuchProgram), ([noInterpreter], nil, .noSuchProgram),
      ([noShebang], nil, .notExecutable), ([plain], nil, .notExecutable), ([folder.path], nil, .notExecutable),
      (["./plain"], folder.path, .notExecutable), (["true"], "/no/such", .noSuchDirectory),
      (["true"], plain, .noSuchDirectory), ([], nil, .invalidArgument), (["true", "a\0b"], nil, .invalidArgument),
      (["true", String(repeating: "x", count: 200_000)], nil, .argumentListTooLong),
      (["true"] + [String](repeating: String(repeating: "x", count: 100_000), count: 40), nil, .argumentListTooLong),
    ]
    for (arguments, directory, code) in cases {
      do {
        _ = try make(arguments, grouped: grouped, directory: directory)
        Issue.record("started \(arguments.first ?? "")")
      } catch let error as SpawnError {
        #expect(error.code == code, "\(error)")
      }
    }
    // All of them would be children of ours.
    #expect(!ProcessStatus.all().contains { $0.parent == getpid() && $0.isZombie && $0.name.hasPrefix("no-") })
  }

  @Test("a relative program is that of the child's folder", arguments: ways)
  func relative(grouped: Bool) throws {
    let folder = try ScratchFolder()
    _ = try folder.write("tool", "#!/bin/sh\necho here $0\n", mode: 0o700)
    let (child, group) = try make(["./tool"], grouped: grouped, directory: folder.path)
    #expect(child.output().contains("here ./tool"))
    #expect(child.wait() == .exited(0))
    withExtendedLifetime(group) {}
  }

  @Test("argv[0] may differ from the program", arguments: ways)
  func argumentZero(grouped: Bool) throws {
    let group = grouped ? try TestGroup() : nil
    let spec = ChildSpec(
      arguments: ["-sh", "-c", "echo $0"], executable: "/bin/sh", environment: [], directory: "/",
      size: WindowSize(rows: 1, columns: 1))
    let taken = try spawn(spec, cgroup: group?.folder).release()
    var chunk = [UInt8](repeating: 0, count: 100)
    #expect(waitReadable(taken.master))
    guard case .bytes(let count) = chunk.withUnsafeMutableBytes({ readBytes(taken.master, into: $0) }) else {
      Issue.record("nothing to read")
      return
    }
    #expect(String(decoding: chunk[..<count], as: UTF8.self).hasPrefix("-sh"))
    #expect(waitReadable(taken.pidfd))
    #expect(try reap(pidfd: taken.pidfd) == .exited(0))
    close(taken.master)
    close(taken.pidfd)
  }

  @Test("a group that takes no children is said to be the reason")
  func groupRefused() throws {
    let notGroup = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { close(notGroup) }
    do {
      _ = try TestChild(["true"], cgroup: notGroup)
      Issue.record("started")
    } catch let error as SpawnError {
      #expect(error.code == .controlGroupRefused)
    }
  }

  @Test("a group knows its processes, kills them all, and can then be removed")
  func group() throws {
    try #require(ControlGroup.own() != nil, "no cgroup is delegated here")
    let (child, holder) = try make(
      ["bash", "-c", "setsid sleep 1000 & trap '' HUP TERM; echo up; exec cat"], grouped: true)
    let group = try #require(holder as? TestGroup).group
    _ = child.output(until: "up")
    #expect(eventually { group.processes().count >= 2 })
    #expect(group.isPopulated)
    #expect(!group.remove())
    let events = try group.openEvents()
    #expect(ControlGroup.isPopulated(events: events.raw))
    group.kill()
    var entry = pollfd(fd: events.raw, events: Int16(POLLPRI), revents: 0)
    while ControlGroup.isPopulated(events: events.raw) { #expect(poll(&entry, 1, patience) == 1) }
    #expect(child.wait() == .signaled(SIGKILL))
    #expect(group.remove())
    #expect(group.remove())
  }

  @Test("without a group, a session's processes and the descendants of its leader are found")
  func tree() throws {
    let child = try TestChild(
      // The leader does not end by itself when its children have been killed before it.
      ["bash", "-c", "(setsid sleep 1000 & echo a=$!; wait) & sleep 1001 & echo b=$!; echo up; wait; exec sleep 1002"])
    let output = child.output(until: "up")
    let pids = output.split(whereSeparator: \.isNewline).compactMap { line in
      line.split(separator: "=").dropFirst().first.flatMap { ProcessID($0) }
    }
    #expect(!pids.isEmpty)
    // setsid moves its process out of the session a moment later.
    var tree = ProcessTree()
    #expect(
      eventually {
        tree = ProcessTree()
        tree.grow(from: child.pid)
        return tree.members.count >= 4
      })
    tree.send(.kill)
    #expect(eventually { tree.prune() })
    #expect(child.wait() == .signaled(SIGKILL))
  }

  @Test("a process that has the number of a leader long gone is left alone")
  func reusedNumber() {
    func process(_ pid: ProcessID, parent: ProcessID, session: ProcessID, start: UInt64) -> ProcessStatus {
      ProcessStatus(
        pid: pid, name: "x", state: UInt8(ascii: "S"), parent: parent, group: session, session: session,
        processorTime: 0, startTicks: start, residentBytes: 0)
    }
    let processes = [
      process(1, parent: 0, session: 1, start: 1), process(50, parent: 1, session: 50, start: 900),
      process(51, parent: 50, session: 50, start: 901), process(60, parent: 1, session: 60, start: 200),
    ]
    var other = ProcessTree()
    other.grow(from: 50, startedAt: 100, among: processes)
    #expect(other.members.isEmpty)
    var same = ProcessTree()
    same.grow(from: 50, startedAt: 900, among: processes)
    #expect(Set(same.members.map(\.pid)) == [50, 51])
  }
}
