import CSys
import Glibc

/// What our own process uses of the machine.
package struct ProcessUsage: Sendable {
  /// CPU time, user and system.
  package let processorNanoseconds: UInt64
  package let residentBytes: Int
  package let virtualBytes: Int
  package let openDescriptors: Int
  /// Descriptors that may be open at most.
  package let maximumDescriptors: UInt64

  package static var own: ProcessUsage {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func nanoseconds(_ time: timeval) -> UInt64 { UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_usec) * 1000 }
    // proc(5): the whole size and the resident part, in pages.
    let pages = ((try? readFile("/proc/self/statm", limit: 512)) ?? []).split(separator: UInt8(ascii: " ")).prefix(2)
      .map { Int(String(decoding: $0, as: UTF8.self)) ?? 0 }
    let pageBytes = sysconf(CInt(_SC_PAGESIZE))
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return ProcessUsage(
      processorNanoseconds: nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime),
      residentBytes: (pages.last ?? 0) * pageBytes, virtualBytes: (pages.first ?? 0) * pageBytes,
      // Without the one that the look itself opens.
      openDescriptors: max(0, numericEntries(of: "/proc/self/fd").count - 1),
      maximumDescriptors: UInt64(limit.rlim_cur))
  }
}
