import CSys
import Glibc

/// Whether a program waits for its terminal, by what the kernel says its threads are blocked in.
package enum TerminalWaiting: Sendable, Equatable {
  /// Blocked in a read of the terminal, or in a poll of the terminal and nothing else without a time limit.
  case reading
  /// Blocked in a poll of the terminal and of descriptors whose other end is the program's own (pipes to itself, eventfds,
  /// signalfds, …), while no other thread works and no program that it started shares the terminal: it waits for the terminal
  /// as far as others can make it go on. `isTimed`: it goes on by itself after a while, a second or more from when it was asked.
  case polling(isTimed: Bool)
  /// As `polling`, with a time limit so short that it comes round again and again: an interpreter that asks for a line does so, and also a
  /// program that moves something and looks at its keyboard on the way. Only several looks tell, and what that process does between them.
  case turning(ProcessID)
  /// It runs, so the kernel does not say what it would wait for.
  case running
  /// It does something else.
  case elsewhere
  /// The kernel would not say (it answers only to who may trace the process).
  case unknown
}

extension ProcessStatus {
  /// The most processes of a group and threads of a process that are looked at: this runs while somebody waits.
  private static let mostLookedAt = 64

  /// How a process group waits for its terminal; of several processes the one that says most.
  ///
  /// - Parameters:
  ///   - isAtPrompt: The leader has said that it asks for a line: programs that it has started go on in the background, and it does not wait
  ///     for them.
  ///   - processes: Answers at least the processes of a group; for a caller that has read them already.
  package static func waiting(
    group: ProcessID, terminal device: UInt64, isAtPrompt: Bool = false,
    among processes: (ProcessID) -> [ProcessStatus] = ProcessStatus.members(of:)
  ) -> TerminalWaiting {
    // Nearly always the leader is the one who reads; the others need a walk over /proc.
    var waits = ProcessWaits(group, terminal: device)
    if waits.isReading { return .reading }
    // Of one that has ended nothing is kept back.
    var refused = waits.isRefused && read(group).map { !$0.isZombie } == true
    var runs = waits.isRunning
    let members = processes(group).filter { $0.group == group && !$0.isZombie }
    var polling: TerminalWaiting?
    for process in members.prefix(mostLookedAt) {
      if process.pid != group {
        waits = ProcessWaits(process.pid, terminal: device)
        if waits.isReading { return .reading }
        refused = refused || waits.isRefused
        runs = runs || waits.isRunning
      }
      // Whose child has the same terminal in front may be waiting for the child, which no descriptor shows.
      guard let rest = waits.rest,
        isAtPrompt && process.pid == group || !members.contains(where: { $0.parent == process.pid })
      else { continue }
      switch (rest, polling) {
      case (.endless, _): polling = .polling(isTimed: false)
      case (.timed, .none), (.timed, .turning): polling = .polling(isTimed: true)
      case (.brief, .none): polling = .turning(process.pid)
      case (.timed, _), (.brief, _): break
      }
    }
    return polling ?? (refused ? .unknown : runs ? .running : .elsewhere)
  }

  /// Whether some process of the group waits for nothing but its terminal; nil when the kernel would not say.
  package static func isReading(
    group: ProcessID, terminal device: UInt64,
    among processes: (ProcessID) -> [ProcessStatus] = ProcessStatus.members(of:)
  ) -> Bool? {
    switch waiting(group: group, terminal: device, among: processes) {
    case .reading, .polling(isTimed: false): true
    case .polling(isTimed: true), .turning, .running, .elsewhere: false
    case .unknown: nil
    }
  }

  fileprivate static func threads(_ process: ProcessID) -> ArraySlice<ProcessID> {
    numericEntries(of: "/proc/\(process)/task").prefix(mostLookedAt)
  }
}

/// What the threads of one process wait for.
private struct ProcessWaits {
  private(set) var isReading = false
  /// Whether the kernel told of none of its threads.
  private(set) var isRefused = true
  /// Set when it polls the terminal among descriptors of its own.
  private(set) var rest: Rest?
  /// Whether a thread of it runs, and none is blocked in what has nothing to do with the terminal.
  private(set) var isRunning = false

  /// For how long it polls, the sooner first.
  enum Rest: Int {
    case brief, timed, endless

    init(limit: Int?) { self = limit.map { $0 < ProcessWaits.shortestRest ? .brief : .timed } ?? .endless }
  }

  /// A poll that ends sooner may be a turn of something that moves, such as a progress display.
  private static let shortestRest = 1000

  init(_ process: ProcessID, terminal device: UInt64) {
    var descriptors = OpenDescriptors(process, terminal: device)
    var (works, runs) = (false, false)
    var rest: Rest?
    threads: for thread in ProcessStatus.threads(process) {
      switch BlockedCall.read(process: process, thread: thread) {
      case .refused: continue
      case .none:
        isRefused = false
        runs = true
      case .blocked(let call):
        isRefused = false
        if let descriptor = call.descriptorRead, descriptors.isTerminal(descriptor) {
          isReading = true
          break threads
        }
        if call.isRest { continue }
        guard let set = call.pollSet(of: process), let what = descriptors.what(set, depth: 0) else {
          works = true
          continue
        }
        guard what.hasTerminal else { continue }
        if !what.hasOthers, what.limit == nil {
          isReading = true
          break threads
        }
        // Of several threads that poll, the one that does nothing until it is told to says most; not so where one comes round all the time.
        let next = Rest(limit: what.limit)
        rest = rest.map { $0 == .brief || next == .brief ? .brief : $0 == .endless ? $0 : next } ?? next
      }
    }
    if isReading || rest != nil, ProcessStatus.read(process)?.isStopped != false {
      // Stopped, it shows the call that it will go back to, and takes nothing meanwhile.
      isReading = false
      rest = nil
      works = true
    }
    if !works && !runs { self.rest = rest }
    isRunning = runs && !works
  }
}

/// The descriptors of one process, for the question whose doing can make them ready.
private struct OpenDescriptors {
  let process: ProcessID
  let device: UInt64
  /// What its descriptors lead to, with whether each may be written; read when first needed.
  private var links: [(link: String, writes: Bool)]?

  /// Epolls that watch epolls: libuv has two.
  private static let deepest = 3
  /// Descriptors looked through for the other end of a pipe.
  private static let mostLookedAt = 1024

  init(_ process: ProcessID, terminal device: UInt64) {
    self.process = process
    self.device = device
  }

  struct What {
    var hasTerminal = false
    var hasOthers = false
    var limit: Int?
  }

  func isTerminal(_ descriptor: CInt) -> Bool {
    var status = stat()
    guard stat("/proc/\(process)/fd/\(descriptor)", &status) == 0, status.st_mode & S_IFMT == S_IFCHR else {
      return false
    }
    // /dev/tty (5:0) is whatever terminal controls the process.
    return UInt64(status.st_rdev) == device
      || (csys_device_major(UInt64(status.st_rdev)) == 5 && csys_device_minor(UInt64(status.st_rdev)) == 0)
  }

  /// What a set consists of; nil when something in it is not the process's own doing, so that it may wait for that.
  mutating func what(_ set: PollSet, depth: Int) -> What? {
    var what = What(limit: set.limit)
    for interest in set.interests {
      if isTerminal(interest.descriptor) {
        // The terminal takes no more output: nobody is asked for anything now.
        if interest.writes { return nil }
        what.hasTerminal = true
        continue
      }
      what.hasOthers = true
      guard let link = link(interest.descriptor) else { return nil }
      switch link {
      case "anon_inode:[eventpoll]":
        guard depth < Self.deepest,
          let inner = PollSet(epoll: interest.descriptor, of: process, limit: nil, most: Self.mostLookedAt),
          let more = self.what(inner, depth: depth + 1)
        else { return nil }
        what.hasTerminal = what.hasTerminal || more.hasTerminal
        what.limit = OpenDescriptors.sooner(what.limit, more.limit)
      case "anon_inode:[timerfd]": what.limit = OpenDescriptors.sooner(what.limit, timer(interest.descriptor))
      case "anon_inode:[eventfd]", "anon_inode:[signalfd]", "anon_inode:inotify", "inotify": break
      // What other fishes announce: each of them polls it, and none waits for it.
      case _ where link.hasSuffix("/fish_universal_variables.notifier"): break
      default: if !isOwn(link, interest.descriptor) { return nil }
      }
    }
    return what
  }

  private static func sooner(_ first: Int?, _ second: Int?) -> Int? {
    guard let first, let second else { return first ?? second }
    return min(first, second)
  }

  private func link(_ descriptor: CInt) -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/\(process)/fd/\(descriptor)", &buffer, buffer.count - 1)
    return count > 0 ? String(cBuffer: buffer) : nil
  }

  /// When a timerfd ends next, in milliseconds: `it_value: (seconds, nanoseconds)` of its fdinfo. nil when it is not set.
  private func timer(_ descriptor: CInt) -> Int? {
    guard let text = try? readFile("/proc/\(process)/fdinfo/\(descriptor)", limit: 4096) else { return 0 }
    for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: Array("it_value:".utf8)) {
      let digits = line.split { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      let numbers = digits.compactMap { Int(String(decoding: $0, as: UTF8.self)) }
      guard numbers.count == 2, numbers[0] < Int(Int32.max) else { return 0 }
      return numbers == [0, 0] ? nil : numbers[0] * 1000 + numbers[1] / 1_000_000
    }
    return 0
  }

  /// Whether the other end is held by the process itself: a pipe that it can write to, a socket pair.
  private mutating func isOwn(_ link: String, _ descriptor: CInt) -> Bool {
    let known = links ?? readLinks()
    links = known
    if link.hasPrefix("socket:["), let inode = UInt32(link.dropFirst(8).dropLast()) {
      let peer = csys_unix_peer(inode)
      return peer != 0 && known.contains { $0.link == "socket:[\(peer)]" }
    }
    var status = stat()
    guard stat("/proc/\(process)/fd/\(descriptor)", &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
      return false
    }
    return known.contains { $0.link == link && $0.writes }
  }

  private func readLinks() -> [(link: String, writes: Bool)] {
    numericEntries(of: "/proc/\(process)/fd").prefix(Self.mostLookedAt).compactMap { descriptor in
      guard let link = link(descriptor) else { return nil }
      return (link, mayWrite(descriptor))
    }
  }

  /// By `flags:` of its fdinfo, in octal.
  private func mayWrite(_ descriptor: CInt) -> Bool {
    guard let text = try? readFile("/proc/\(process)/fdinfo/\(descriptor)", limit: 4096) else { return false }
    for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: Array("flags:".utf8)) {
      let digits = line.dropFirst(6).filter { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
      guard let flags = Int32(String(decoding: digits, as: UTF8.self), radix: 8) else { return false }
      return flags & O_ACCMODE != O_RDONLY
    }
    return false
  }
}
