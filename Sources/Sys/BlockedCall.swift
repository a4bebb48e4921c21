import CSys
import Glibc

/// The system call that a thread is blocked in, as /proc/PID/task/TID/syscall shows it to who may trace the process.
struct BlockedCall {
  let number: Int
  let arguments: [UInt64]

  enum Reading {
    case blocked(BlockedCall)
    /// It runs, or is stopped somewhere else than in a call.
    case none
    /// The kernel does not tell, or the thread is gone.
    case refused
  }

  static func read(process: ProcessID, thread: ProcessID) -> Reading {
    guard let text = try? readFile("/proc/\(process)/task/\(thread)/syscall", limit: 512) else { return .refused }
    // "0 0x0 0x7ffd… …": the call's number, its six arguments, stack and program counter; "running" when it is in none.
    let fields = text.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
      .map { String(decoding: $0, as: UTF8.self) }
    guard fields.count > 6, let number = Int(fields[0]), number >= 0 else { return .none }
    return .blocked(
      BlockedCall(number: number, arguments: fields[1...6].map { UInt64($0.dropFirst(2), radix: 16) ?? .max }))
  }

  /// The descriptor that it reads.
  var descriptorRead: CInt? {
    guard number == csys_number_of_read || number == csys_number_of_readv else { return nil }
    return CInt(truncatingIfNeeded: arguments[0])
  }

  /// A thread that has nothing to do until another thread or a signal wakes it.
  var isRest: Bool { number == csys_number_of_futex || number == csys_number_of_sigtimedwait }

  /// What a call that waits for several descriptors waits for; nil for other calls, and where there is too much to look at.
  func pollSet(of process: ProcessID) -> PollSet? {
    switch number {
    case csys_number_of_poll:
      return polled(process, limit: milliseconds(arguments[2]))
    case csys_number_of_ppoll:
      return polled(process, limit: interval(at: arguments[2], nanoseconds: 1_000_000, of: process))
    case csys_number_of_select:
      return selected(process, limit: interval(at: arguments[4], nanoseconds: 1000, of: process))
    case csys_number_of_pselect:
      return selected(process, limit: interval(at: arguments[4], nanoseconds: 1_000_000, of: process))
    case csys_number_of_epoll_wait, csys_number_of_epoll_pwait:
      return watched(process, limit: milliseconds(arguments[3]))
    case csys_number_of_epoll_pwait2:
      return watched(process, limit: interval(at: arguments[3], nanoseconds: 1_000_000, of: process))
    default: return nil
    }
  }

  /// A program that waits for more than this serves others, and is not about its terminal.
  private static let mostDescriptors = 256

  /// A negative number is no limit.
  private func milliseconds(_ argument: UInt64) -> Int? {
    let limit = Int32(truncatingIfNeeded: argument)
    return limit < 0 ? nil : Int(limit)
  }

  /// A `timeval` or `timespec` in milliseconds, whose second half is given in parts of a millisecond; nil where none is given.
  private func interval(at address: UInt64, nanoseconds parts: Int64, of process: ProcessID) -> Int? {
    guard address != 0 else { return nil }
    guard let words = ProcessMemory.read(process, at: address, count: 16) else { return 0 }
    let (seconds, rest) = words.withUnsafeBytes {
      ($0.load(as: Int64.self), $0.load(fromByteOffset: 8, as: Int64.self))
    }
    guard (0..<1_000_000_000).contains(seconds) else { return seconds < 0 ? 0 : Int(Int32.max) }
    return Int(seconds) * 1000 + Int(max(0, rest) / parts)
  }

  private func polled(_ process: ProcessID, limit: Int?) -> PollSet? {
    let (size, count) = (MemoryLayout<pollfd>.size, arguments[1])
    guard count <= UInt64(Self.mostDescriptors) else { return nil }
    guard let bytes = ProcessMemory.read(process, at: arguments[0], count: size * Int(count)) else { return nil }
    var set = PollSet(limit: limit)
    for index in 0..<Int(count) {
      let entry = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: index * size, as: pollfd.self) }
      guard entry.fd >= 0 else { continue }
      let reads = Int32(entry.events) & (POLLIN | Int32(POLLRDNORM) | POLLPRI) != 0
      set.add(entry.fd, reads: reads, writes: Int32(entry.events) & (POLLOUT | Int32(POLLWRNORM)) != 0)
    }
    return set
  }

  private func selected(_ process: ProcessID, limit: Int?) -> PollSet? {
    let count = arguments[0]
    guard count <= UInt64(FD_SETSIZE) else { return nil }
    let length = (Int(count) + 63) / 64 * 8
    var set = PollSet(limit: limit)
    for (index, address) in arguments[1...3].enumerated() where address != 0 && count > 0 {
      guard let bits = ProcessMemory.read(process, at: address, count: length) else { return nil }
      for descriptor in 0..<Int(count) where bits[descriptor / 8] & (1 << (descriptor % 8)) != 0 {
        // The third set, of exceptions, is a kind of reading.
        set.add(CInt(descriptor), reads: index != 1, writes: index == 1)
      }
    }
    return set.interests.count <= Self.mostDescriptors ? set : nil
  }

  private func watched(_ process: ProcessID, limit: Int?) -> PollSet? {
    PollSet(epoll: CInt(truncatingIfNeeded: arguments[0]), of: process, limit: limit, most: Self.mostDescriptors)
  }
}

/// Descriptors that a thread waits for, and for how long at most.
struct PollSet {
  struct Interest: Equatable {
    var descriptor: CInt
    var reads: Bool
    var writes: Bool
  }

  private(set) var interests: [Interest] = []
  /// Milliseconds; nil when only a descriptor ends it.
  var limit: Int?

  init(limit: Int?) { self.limit = limit }

  /// The descriptors that an epoll descriptor watches, as /proc/PID/fdinfo/N lists them (proc(5)): `tfd: 4 events: 19 …`.
  init?(epoll descriptor: CInt, of process: ProcessID, limit: Int?, most: Int) {
    self.init(limit: limit)
    guard let text = try? readFile("/proc/\(process)/fdinfo/\(descriptor)", limit: 64 << 10) else { return nil }
    for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: Array("tfd:".utf8)) {
      let words = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
      guard words.count > 3, let watched = CInt(words[1]), let events = UInt64(words[3], radix: 16) else { return nil }
      let (input, output) = (UInt64(0x01 | 0x02 | 0x40), UInt64(0x04 | 0x100))
      // Edge-triggered, room to write is told once and not waited for.
      let isEdge = events & (1 << 31) != 0
      add(watched, reads: events & input != 0, writes: events & output != 0 && !isEdge)
      guard interests.count <= most else { return nil }
    }
  }

  mutating func add(_ descriptor: CInt, reads: Bool, writes: Bool) {
    guard reads || writes else { return }
    if let index = interests.firstIndex(where: { $0.descriptor == descriptor }) {
      interests[index].reads = interests[index].reads || reads
      interests[index].writes = interests[index].writes || writes
    } else {
      interests.append(Interest(descriptor: descriptor, reads: reads, writes: writes))
    }
  }
}

/// Bytes of another process's memory, for who may trace it.
enum ProcessMemory {
  /// Exactly `count` bytes, or nil. Callers bound `count` themselves.
  static func read(_ process: ProcessID, at address: UInt64, count: Int) -> [UInt8]? {
    guard count > 0 else { return [] }
    guard let offset = off_t(exactly: address) else { return nil }
    let opened = open("/proc/\(process)/mem", O_RDONLY | O_CLOEXEC)
    guard opened >= 0 else { return nil }
    defer { close(opened) }
    var bytes = [UInt8](repeating: 0, count: count)
    return pread(opened, &bytes, count, offset) == count ? bytes : nil
  }
}
