import Glibc

/// What /proc/PID/stat says of a process (proc(5)). Every reader answers nil once the process is gone.
package struct ProcessStatus: Sendable, Equatable {
  package var pid: ProcessID
  /// The program's name, cut by the kernel after 15 bytes.
  package var name: String
  /// R running, S sleeping, D disk wait, T stopped, t traced, Z zombie, …
  package var state: UInt8
  package var parent: ProcessID
  package var group: ProcessID
  package var session: ProcessID
  /// CPU time used so far, user and system, in nanoseconds.
  package var processorTime: UInt64
  /// Start time in clock ticks since boot: with the pid it names a process for good.
  package var startTicks: UInt64
  package var residentBytes: Int

  package var isZombie: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }

  /// By a signal (job control), or by who traces it.
  package var isStopped: Bool { state == UInt8(ascii: "T") || state == UInt8(ascii: "t") }

  package static func read(_ pid: ProcessID) -> ProcessStatus? {
    guard let text = try? readFile("/proc/\(pid)/stat", limit: 4096) else { return nil }
    return parse(text)
  }

  /// `pid (name) state ppid …`; the name may hold spaces and parentheses, so it ends at the last `)`.
  static func parse(_ text: [UInt8]) -> ProcessStatus? {
    guard let open = text.firstIndex(of: UInt8(ascii: "(")), let close = text.lastIndex(of: UInt8(ascii: ")")),
      open < close, let pid = number(text[..<open]), let fields = fields(of: text)
    else { return nil }
    guard fields.count > 21, let state = fields[0].first, let parent = number(fields[1]),
      let group = number(fields[2]), let session = number(fields[3]), let user = number(fields[11]),
      let system = number(fields[12]), let start = number(fields[19]), let pages = number(fields[21])
    else { return nil }
    let ticksPerSecond = max(sysconf(CInt(_SC_CLK_TCK)), 1)
    let nanosecondsPerTick = UInt64(1_000_000_000 / ticksPerSecond)
    return ProcessStatus(
      pid: ProcessID(clamping: pid), name: String(decoding: text[(open + 1)..<close], as: UTF8.self), state: state,
      parent: ProcessID(clamping: parent), group: ProcessID(clamping: group), session: ProcessID(clamping: session),
      processorTime: UInt64(clamping: user + system) &* nanosecondsPerTick, startTicks: UInt64(clamping: start),
      residentBytes: pages * sysconf(CInt(_SC_PAGESIZE)))
  }

  /// The fields behind the name: what proc(5) calls (n) is the one at n - 3.
  private static func fields(of text: [UInt8]) -> [ArraySlice<UInt8>]? {
    guard let close = text.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    return text[(close + 1)...].split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    Int(String(decoding: digits, as: UTF8.self).filter { $0 != " " })
  }

  /// Every process of the machine that can be seen now.
  package static func all() -> [ProcessStatus] {
    numericEntries(of: "/proc").compactMap(read)
  }

  /// The program's name: of its command line when that can be read, so that it is not cut.
  package static func name(_ pid: ProcessID) -> String? {
    if let first = commandLine(pid)?.first, !first.isEmpty {
      // A login shell is called "-bash".
      let path = first.hasPrefix("-") ? first.dropFirst() : first[...]
      let name = path.split(separator: "/").last.map(String.init)
      if let name, !name.contains(" ") { return name }
    }
    return read(pid)?.name
  }

  /// CPU time that all threads of a process have used so far, in nanoseconds: /proc tells it in hundredths of a second. nil when it is gone.
  package static func exactProcessorTime(_ pid: ProcessID) -> UInt64? {
    var clock = clockid_t()
    var time = timespec()
    guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Where the stack of a process begins (proc(5), `startstack`): a copy that a program made of itself has its parent's. nil where the kernel
  /// does not tell.
  package static func stackStart(_ pid: ProcessID) -> UInt64? {
    guard let text = try? readFile("/proc/\(pid)/stat", limit: 4096), let fields = fields(of: text), fields.count > 25,
      let start = UInt64(String(decoding: fields[25], as: UTF8.self)), start > 1
    else {
      return nil
    }
    return start
  }

  /// Whether the process has been killed or is ending, though its sockets may still be open: the kernel takes some milliseconds to take
  /// a large one apart.
  package static func isEnding(_ pid: ProcessID) -> Bool {
    guard let text = try? readFile("/proc/\(pid)/stat", limit: 4096), let status = parse(text),
      let fields = fields(of: text)
    else { return kill(pid, 0) != 0 && errno == ESRCH }
    // Fields 9 and 31 of proc(5): the kernel's PF_EXITING, and the signals that wait for the first thread.
    guard fields.count > 28, let flags = number(fields[6]), let pending = number(fields[28]) else { return false }
    return status.isZombie || flags & 0x4 != 0 || pending >> Int(SIGKILL - 1) & 1 == 1
  }

  /// How an ended process that nobody has reaped yet ended, as wait(2) codes it; nil where the kernel does not tell us.
  static func exitCode(ofZombie pid: ProcessID) -> CInt? {
    guard let text = try? readFile("/proc/\(pid)/stat", limit: 4096), parse(text)?.isZombie == true,
      let fields = fields(of: text)
    else { return nil }
    // Field 52 of proc(5); 0 also stands for what we may not know, and then `wchan` and the addresses are 0 as well. Ours we may.
    guard fields.count > 49, realUser(pid) == Host.userID || Host.userID == 0 else { return nil }
    return number(fields[49]).map { CInt(truncatingIfNeeded: $0) }
  }

  /// argv; empty for a kernel thread or a zombie. At most 64 KiB of it.
  package static func commandLine(_ pid: ProcessID) -> [String]? {
    guard var bytes = try? readFile("/proc/\(pid)/cmdline", limit: 64 << 10) else { return nil }
    if bytes.last == 0 { bytes.removeLast() }
    if bytes.isEmpty { return [] }
    return bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
  }

  package static func workingDirectory(_ pid: ProcessID) -> String? {
    link("/proc/\(pid)/cwd")
  }

  package static func executable(_ pid: ProcessID) -> String? {
    link("/proc/\(pid)/exe")
  }

  /// The numbers of its open descriptors.
  package static func openDescriptors(_ pid: ProcessID) -> [CInt]? {
    guard access("/proc/\(pid)/fd", R_OK | X_OK) == 0 else { return nil }
    return numericEntries(of: "/proc/\(pid)/fd")
  }

  /// Whether that descriptor of it is the master of a terminal.
  package static func isTerminalMaster(_ descriptor: CInt, of pid: ProcessID) -> Bool {
    link("/proc/\(pid)/fd/\(descriptor)")?.hasSuffix("ptmx") == true
  }

  /// Whether one of its descriptors is a file whose path begins so.
  package static func hasOpen(_ pid: ProcessID, pathsBeginning path: String) -> Bool {
    openDescriptors(pid)?.contains { link("/proc/\(pid)/fd/\($0)")?.hasPrefix(path) == true } ?? false
  }

  /// Whether the process has a handler for the signal (SigCgt of proc(5)).
  package static func catches(_ signal: CInt, _ pid: ProcessID) -> Bool {
    guard let mask = field("SigCgt", of: pid).flatMap({ UInt64($0, radix: 16) }), (1...64).contains(signal) else {
      return false
    }
    return mask >> UInt64(signal - 1) & 1 == 1
  }

  /// The user whose rights the process has: the one who may send it signals is that user, or root.
  package static func realUser(_ pid: ProcessID) -> UInt32? {
    field("Uid", of: pid)?.split(separator: "\t").first.flatMap { UInt32($0) }
  }

  /// A line of /proc/PID/status, without its name.
  private static func field(_ name: String, of pid: ProcessID) -> String? {
    guard let text = try? readFile("/proc/\(pid)/status", limit: 16 << 10) else { return nil }
    let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("\(name):\t") }
    return line.map { String($0.dropFirst(name.utf8.count + 2)) }
  }

  private static func link(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink(path, &buffer, buffer.count - 1)
    return count > 0 ? String(cBuffer: buffer) : nil
  }
}

extension ProcessStatus {
  /// The living processes of a group. Asking the kernel for the group of each process that there is takes well under a
  /// microsecond, where reading its status takes ten.
  package static func members(of group: ProcessID) -> [ProcessStatus] {
    numericEntries(of: "/proc").filter { getpgid($0) == group }.compactMap(read)
  }

  /// The process that a group is known by: its leader, or the oldest that lives when the leader has ended, as the first
  /// program of a pipeline may have. nil when none lives.
  package static func representative(
    of group: ProcessID, among processes: (ProcessID) -> [ProcessStatus] = ProcessStatus.members(of:)
  ) -> ProcessID? {
    // A process that lives and is no kernel thread has arguments; nearly always the leader does.
    if commandLine(group)?.isEmpty == false { return group }
    let living = processes(group).filter { $0.group == group && !$0.isZombie }
    if living.contains(where: { $0.pid == group }) { return group }
    return living.min { ($0.startTicks, $0.pid) < ($1.startTicks, $1.pid) }?.pid
  }
}

/// The entries of a folder that are numbers: processes, threads, descriptors.
package func numericEntries(of folder: String) -> [ProcessID] {
  guard let directory = opendir(folder) else { return [] }
  defer { closedir(directory) }
  var numbers: [ProcessID] = []
  while let entry = readdir(directory) {
    let number = withUnsafeBytes(of: &entry.pointee.d_name) { name -> ProcessID? in
      var value: ProcessID = 0
      for byte in name {
        if byte == 0 { return value }
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), value < 100_000_000 else { return nil }
        value = value * 10 + ProcessID(byte - UInt8(ascii: "0"))
      }
      return nil
    }
    if let number { numbers.append(number) }
  }
  return numbers
}
