import Sys
import Testing

@Suite("The command line of this process")
struct ArgumentsTests {
  @Test("is what the kernel has of it, however Swift would read it")
  func arguments() throws {
    var bytes = try readFile("/proc/self/cmdline", limit: 4 << 20)
    bytes.removeLast()
    let known = bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    #expect(Host.arguments == known)
  }
}
