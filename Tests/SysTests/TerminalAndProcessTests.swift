import Glibc
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
    #expect(PseudoTerminal.lineMode(of: child.master) == LineMode(canonical: true, echo: true, signals: true))
    try child.type("a\r")
    _ = child.output(until: "hidden")
    #expect(PseudoTerminal.lineMode(of: child.master) == LineMode(canonical: true, echo: false, signals: true))
    try child.type("b\r")
    _ = child.output(until: "raw")
    #expect(PseudoTerminal.lineMode(of: child.master) == LineMode(canonical: false, echo: false, signals: false))
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
    #expect(PseudoTerminal.lineMode(of: opened.master.raw) == LineMode(canonical: false, echo: false, signals: false))
    raw.restore()
    #expect(PseudoTerminal.lineMode(of: opened.master.raw) == LineMode(canonical: true, echo: true, signals: true))
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
