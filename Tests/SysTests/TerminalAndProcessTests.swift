import Glibc
import TestKit
import Testing

@testable import Sys

@Suite("Terminals and processes")
struct TerminalAndProcessTests {
  @Test("a terminal's size, modes and foreground group can be asked of its master")
  func terminal() throws {
    let child = try TestChild(["sh", "-c", "read a; stty -echo; echo hidden; read b; stty raw; echo raw; sleep 1000"])
    #expect(PseudoTerminal.size(of: child.master) == WindowSize(rows: 24, columns: 80))
    try PseudoTerminal.setSize(child.master, WindowSize(rows: 5, columns: 7))
    #expect(PseudoTerminal.size(of: child.master) == WindowSize(rows: 5, columns: 7))
    #expect(eventually { PseudoTerminal.foregroundGroup(of: child.master) == child.pid })
    #expect(
      PseudoTerminal.lineMode(of: child.master)
        == LineMode(canonical: true, echo: true, signals: true, mapsReturn: true))
    try child.type("a\r")
    _ = child.output(until: "hidden")
    #expect(
      PseudoTerminal.lineMode(of: child.master)
        == LineMode(canonical: true, echo: false, signals: true, mapsReturn: true))
    try child.type("b\r")
    _ = child.output(until: "raw")
    #expect(
      PseudoTerminal.lineMode(of: child.master)
        == LineMode(canonical: false, echo: false, signals: false, mapsReturn: false))
  }

  @Test("what was typed is pending from the moment of the typing until it is read, an end of input too")
  func pending() throws {
    let terminal = try PseudoTerminal.open(size: WindowSize(rows: 24, columns: 80))
    let master = terminal.master.raw
    let slave = open(terminal.path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(slave >= 0)
    defer { close(slave) }
    var line = [UInt8](repeating: 0, count: 64)
    // Often: the kernel passes on what was typed when it gets round to it, and mostly that is at once.
    for _ in 0..<500 {
      try #require(PseudoTerminal.pendingInput(of: master) == 0)
      try writeAll(master, Array("typed\r".utf8))
      try #require(PseudoTerminal.pendingInput(of: master) == 6)
      #expect(read(slave, &line, line.count) == 6)
    }
    try writeAll(master, [0x04])
    #expect(PseudoTerminal.pendingInput(of: master) == 1)
    #expect(read(slave, &line, line.count) == 0)
    #expect(PseudoTerminal.pendingInput(of: master) == 0)
    try writeAll(master, Array("unfinished".utf8))
    #expect(PseudoTerminal.pendingInput(of: master) == 0)
  }

  @Test("the master's end of file is an end of file, not an error")
  func endOfFile() throws {
    let child = try TestChild(["true"])
    #expect(child.wait() == .exited(0))
    var byte: [UInt8] = [0]
    #expect(waitReadable(child.master))
    #expect(byte.withUnsafeMutableBytes { readBytes(child.master, into: $0) } == .endOfFile)
  }

  @Test("waiting to read the terminal is told apart from sleeping and from polling")
  func reading() throws {
    func isReading(_ arguments: [String]) throws -> Bool? {
      let child = try TestChild(arguments)
      let device = try #require(PseudoTerminal.device(of: child.master))
      _ = child.output(until: "up")
      // Asleep: it has come to where it waits.
      _ = eventually { ProcessStatus.read(child.pid)?.state == UInt8(ascii: "S") }
      return ProcessStatus.isReading(group: child.pid, terminal: device)
    }
    try #require(try isReading(["sh", "-c", "echo up; exec sleep 1000"]) != nil, "the kernel does not tell")
    let shell = try TestChild(["sh", "-c", "echo up; read a"])
    let device = try #require(PseudoTerminal.device(of: shell.master))
    #expect(eventually { ProcessStatus.isReading(group: shell.pid, terminal: device) == true })
    let tty = try TestChild(["sh", "-c", "exec cat < /dev/tty"])
    let ttyDevice = try #require(PseudoTerminal.device(of: tty.master))
    #expect(eventually { ProcessStatus.isReading(group: tty.pid, terminal: ttyDevice) == true })
    #expect(try isReading(["sh", "-c", "echo up; exec sleep 1000"]) == false)
    #expect(try isReading(["bash", "-c", "echo up; exec cat < <(exec sleep 1000)"]) == false)
  }

  /// A Python program on a terminal, which has said that it is up.
  private func python(_ program: String) throws -> (TestChild, UInt64) {
    let child = try TestChild(["python3", "-c", "import os, select, sys, time\nos.write(1, b'up')\n" + program])
    return (child, try #require(PseudoTerminal.device(of: child.master)))
  }

  static let hasPython = access("/usr/bin/python3", X_OK) == 0

  @Test(
    "a program that polls its terminal and what is its own waits for the terminal", .enabled(if: hasPython),
    arguments: [
      ("p = select.poll(); p.register(0, select.POLLIN); p.poll()", TerminalWaiting.reading),
      ("select.select([0], [], [])", .reading),
      ("a, b = os.pipe(); select.select([0, a], [], [])", .polling(isTimed: false)),
      ("a, b = os.pipe(); p = select.poll(); p.register(0, 1); p.register(a, 1); p.poll()", .polling(isTimed: false)),
      (
        """
        import socket
        a, b = socket.socketpair(); e = select.epoll(); e.register(0, 1); e.register(a.fileno(), 1); e.poll()
        """, .polling(isTimed: false)
      ),
      (
        "e = select.epoll(); e.register(0, 1); f = select.epoll(); f.register(e.fileno(), 1); f.poll()",
        .polling(isTimed: false)
      ),
      ("select.select([0], [], [], 5000)", .polling(isTimed: true)),
    ])
  func polling(program: String, waiting: TerminalWaiting) throws {
    let (child, device) = try python(program)
    #expect(eventually { ProcessStatus.waiting(group: child.pid, terminal: device) == waiting })
  }

  @Test(
    "a program that others can make go on does not wait for its terminal", .enabled(if: hasPython),
    arguments: [
      // What it started writes into the pipe.
      "a, b = os.pipe()\nif os.fork() == 0: os.close(a); time.sleep(1000)\nos.close(b); select.select([0, a], [], [])",
      // It may wait for its child, which has the same terminal.
      "a, b = os.pipe()\nif os.fork() == 0: time.sleep(1000)\nselect.select([0, a], [], [])",
      "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); select.select([0, s], [], [])",
      "import socket; a, b = socket.socketpair()\nif os.fork() == 0: a.close(); time.sleep(1000)\nb.close(); select.select([0, a], [], [])",
      "a, b = os.pipe(); select.select([a], [], [])",
      // A thread of it works.
      "import threading; threading.Thread(target=time.sleep, args=(1000,)).start(); a, b = os.pipe(); select.select([0, a], [], [])",
      "time.sleep(1000)",
    ])
  func notPolling(program: String) throws {
    let (child, device) = try python(program)
    _ = child.output(until: "up")
    // Whenever one looks, and once it sleeps for sure.
    for _ in 0..<200 {
      let waiting = ProcessStatus.waiting(group: child.pid, terminal: device)
      if waiting != .elsewhere, waiting != .running, waiting != .unknown { Issue.record("\(waiting): \(program)") }
      usleep(1000)
    }
    #expect(ProcessStatus.waiting(group: child.pid, terminal: device) == .elsewhere)
  }

  @Test("a program that polls its terminal again and again is told apart, by the process", .enabled(if: hasPython))
  func turning() throws {
    let (child, device) = try python("while True: select.select([0], [], [], 0.2)")
    _ = child.output(until: "up")
    #expect(eventually { ProcessStatus.waiting(group: child.pid, terminal: device) == .turning(child.pid) })
    let used = try #require(ProcessStatus.exactProcessorTime(child.pid))
    #expect(eventually { (ProcessStatus.exactProcessorTime(child.pid) ?? 0) > used })
    #expect(ProcessStatus.isReading(group: child.pid, terminal: device) == false)
  }

  @Test("a program that is stopped does not wait for its terminal")
  func stoppedReader() throws {
    let child = try TestChild(["sh", "-c", "exec cat"])
    let device = try #require(PseudoTerminal.device(of: child.master))
    #expect(eventually { ProcessStatus.waiting(group: child.pid, terminal: device) == .reading })
    _ = try sendSignal(try #require(Signal("STOP")), to: .group(child.pid))
    #expect(eventually { ProcessStatus.waiting(group: child.pid, terminal: device) == .elsewhere })
    _ = try sendSignal(.continue, to: .group(child.pid))
    #expect(eventually { ProcessStatus.waiting(group: child.pid, terminal: device) == .reading })
  }

  @Test("a group is known by its leader, and by the oldest that lives when the leader has ended")
  func representative() throws {
    let child = try TestChild(["bash", "-ic", "true | sleep 1000; echo"])
    var pipeline = child.pid
    #expect(
      eventually {
        pipeline = PseudoTerminal.foregroundGroup(of: child.master) ?? child.pid
        return pipeline != child.pid && ProcessStatus.read(pipeline)?.isZombie != false
      })
    let process = try #require(ProcessStatus.representative(of: pipeline))
    #expect(process != pipeline)
    #expect(eventually { ProcessStatus.representative(of: pipeline).flatMap(ProcessStatus.name) == "sleep" })
    #expect(ProcessStatus.representative(of: child.pid) == child.pid)
    _ = try sendSignal(.kill, to: .group(pipeline))
  }

  @Test("a process that is gone has no status, name or folder")
  func gone() throws {
    let child = try TestChild(["true"])
    #expect(child.wait() == .exited(0))
    #expect(ProcessStatus.read(child.pid) == nil)
    #expect(ProcessStatus.name(child.pid) == nil)
    #expect(ProcessStatus.commandLine(child.pid) == nil)
    #expect(ProcessStatus.workingDirectory(child.pid) == nil)
    #expect(ProcessStatus.openDescriptors(child.pid) == nil)
    #expect(throws: SystemError.self) { _ = try openPidfd(child.pid) }
  }

  @Test("what a process is can be read")
  func status() throws {
    let child = try TestChild(["sh", "-c", "echo up; read a"])
    _ = child.output(until: "up")
    let status = try #require(ProcessStatus.read(child.pid))
    #expect(status.pid == child.pid)
    #expect(status.parent == getpid())
    #expect(status.session == child.pid && status.group == child.pid)
    #expect(status.residentBytes > 100_000)
    #expect(ProcessStatus.name(child.pid) == "sh")
    #expect(ProcessStatus.commandLine(child.pid) == ["sh", "-c", "echo up; read a"])
    #expect(ProcessStatus.workingDirectory(child.pid) == "/tmp")
    #expect(ProcessStatus.all().contains { $0.pid == child.pid })
  }

  @Test("a name with spaces, parentheses and newlines does not confuse the reader")
  func oddNames() {
    let line = "77 (a) R 1 2\n(b)) S 5 6 7 8 9 0 1 2 3 4 30 20 0 0 20 0 1 0 1234 1000 50 0 0\n"
    let status = ProcessStatus.parse(Array(line.utf8))
    #expect(status?.name == "a) R 1 2\n(b)")
    #expect(status?.parent == 5 && status?.group == 6 && status?.session == 7)
    #expect(status?.startTicks == 1234)
    #expect(status?.processorTime == 500_000_000)
    for text in ["", "x", "1 (", "1 )(", "1 (a) S", ") (", "1 (a) S 1 2 3"] {
      #expect(ProcessStatus.parse(Array(text.utf8)) == nil)
    }
  }

  @Test(
    "signals are known by name and number",
    arguments: [
      ("TERM", SIGTERM), ("SIGTERM", SIGTERM), ("sigint", SIGINT), ("15", 15), ("winch", SIGWINCH), ("64", 64),
    ])
  func signals(text: String, number: CInt) {
    #expect(Signal(text)?.number == number)
  }

  @Test("no other text is a signal", arguments: ["", "SIG", "0", "65", "-1", "TERMINATE", "99999999999"])
  func noSignals(text: String) {
    #expect(Signal(text) == nil)
  }

  @Test("a signal is never sent to everybody or to ourselves by a wrong number", arguments: [0, -1, 1])
  func notEverybody(number: ProcessID) {
    if number < 1 { #expect(throws: SystemError.self) { try sendSignal(.continue, to: .process(number)) } }
    #expect(throws: SystemError.self) { try sendSignal(.continue, to: .group(number)) }
  }

  @Test("raw mode is entered and left again, and only on a terminal")
  func rawMode() throws {
    let opened = try PseudoTerminal.open(size: WindowSize(rows: 2, columns: 3))
    let slave = Descriptor(owning: open(opened.path, O_RDWR | O_NOCTTY | O_CLOEXEC))
    let raw = try RawMode.enter(slave.raw)
    #expect(
      PseudoTerminal.lineMode(of: opened.master.raw)
        == LineMode(canonical: false, echo: false, signals: false, mapsReturn: false))
    raw.restore()
    #expect(
      PseudoTerminal.lineMode(of: opened.master.raw)
        == LineMode(canonical: true, echo: true, signals: true, mapsReturn: true))
    let null = Descriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
    #expect(throws: SystemError.self) { try RawMode.enter(null.raw) }
    #expect(PseudoTerminal.size(of: null.raw) == nil)
  }

  @Test("random bytes differ, clocks go on, memory files hold what was written")
  func host() throws {
    #expect(randomBytes(0).isEmpty)
    #expect(randomBytes(1000).count == 1000)
    #expect(randomBytes(16) != randomBytes(16))
    let before = Clock.monotonic
    #expect(Clock.monotonic >= before)
    #expect(Clock.realtime > 1_700_000_000_000_000_000)
    let file = try makeMemoryFile(named: "x", contents: [1, 2, 3])
    #expect(try readMemoryFile(file.raw, limit: 10) == [1, 2, 3])
    #expect(try readMemoryFile(file.raw, limit: 2) == [1, 2])
    #expect(!Host.hostname.isEmpty)
    #expect(Host.userHome.hasPrefix("/"))
    #expect(Host.environment.contains { $0.hasPrefix("PATH=") })
    #expect(SystemError(code: ENOENT, call: "open x").description == "open x: No such file or directory")
  }
}
