import Glibc
import Synchronization
import Testing

@testable import Sys

@Suite("Scheduling")
struct SchedulingTests {
  /// The kernel's word on a thread's turns, where it was built to tell (CONFIG_SCHED_DEBUG).
  private static func turn(inFile path: String) -> Int? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    return turn(in: file)
  }

  private static func turn(in file: UnsafeMutablePointer<FILE>) -> Int? {
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, CInt(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("se.slice ") { return text.split(separator: ":").last.flatMap { Int($0.filter(\.isNumber)) } }
    }
    return nil
  }

  private struct Seen: Sendable {
    var policy: CInt = -1
    var niceBefore: CInt = 0
    var niceAfter: CInt = 0
    var own: Int?
    var child: Int?
  }

  @Test("a thread that prefers short turns gets them, keeps its policy and nice value, and hands nothing on to a child")
  func shortTurns() {
    let seen = Mutex(Seen())
    let worker = WorkerThread(name: "short-turns")
    worker.submit {
      var found = Seen()
      found.niceBefore = getpriority(CInt(PRIO_PROCESS.rawValue), 0)
      preferShortTurns()
      found.policy = sched_getscheduler(0)
      found.niceAfter = getpriority(CInt(PRIO_PROCESS.rawValue), 0)
      found.own = SchedulingTests.turn(inFile: "/proc/thread-self/sched")
      if let child = popen("exec cat /proc/self/sched", "re") {
        found.child = SchedulingTests.turn(in: child)
        pclose(child)
      }
      seen.withLock { $0 = found }
    }
    worker.stop()
    let found = seen.withLock { $0 }
    // SCHED_RESET_ON_FORK comes along, and is no policy.
    #expect(found.policy & ~0x4000_0000 == SCHED_OTHER)
    #expect(found.niceAfter == found.niceBefore)
    if let own = found.own, let child = found.child, Self.hasTurns {
      #expect(own == 100_000)
      #expect(child > own)
    }
  }

  /// Whether the kernel is one that grants turns of a length (6.12 and later).
  private static var hasTurns: Bool {
    var name = utsname()
    guard uname(&name) == 0 else { return false }
    let release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let numbers = release.split(separator: ".").prefix(2).map { Int($0.prefix { $0.isNumber }) ?? 0 }
    return numbers.count == 2 && (numbers[0], numbers[1]) >= (6, 12)
  }
}
