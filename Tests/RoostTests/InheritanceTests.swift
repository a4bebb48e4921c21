import Formats
import Glibc
import Sys
import TestKit
import Testing

@Suite("Secrets that Roost is given by its environment", .bounded)
struct InheritanceTests {
  private static let secrets = [
    "ROOST_TOKEN": "roost_TOKENTOKENTOKENTOKENTOKENTOKENTO",
    "ROOST_BACKEND_TOKEN": "roost_BACKBACKBACKBACKBACKBACKBACKBA",
  ]

  private func environment(of pid: pid_t) -> String {
    String(decoding: (try? readFile("/proc/\(pid)/environ")) ?? [], as: UTF8.self)
  }

  /// Whether the text is anywhere in the memory that the process can write; nil where we may not look.
  private func holds(_ pid: pid_t, _ text: String) throws -> Bool? {
    let memory = open("/proc/\(pid)/mem", O_RDONLY | O_CLOEXEC)
    guard memory >= 0 else { return nil }
    defer { close(memory) }
    let maps = String(decoding: try readFile("/proc/\(pid)/maps", limit: 4 << 20), as: UTF8.self)
    let wanted = Array(text.utf8)
    for line in maps.split(separator: "\n") {
      let fields = line.split(separator: " ")
      let range = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
      guard fields[1].hasPrefix("rw"), range.count == 2, let start = off_t(exactly: range[0]) else { continue }
      var bytes = [UInt8](repeating: 0, count: min(Int(range[1] - range[0]), 64 << 20))
      let count = pread(memory, &bytes, bytes.count, start)
      guard count > 0 else { continue }
      let found = bytes.withUnsafeBytes { bytes in
        wanted.withUnsafeBytes { firstOffset(of: $0, in: UnsafeRawBufferPointer(rebasing: bytes[..<count])) != nil }
      }
      if found { return true }
    }
    return false
  }

  @Test("are in no session, no keeper and no server that a command starts, nor in the memory of those")
  func command() async throws {
    try await withScratchHome { roost in
      let made = try await roost.run(
        ["new", "first", "-d", "--", "/bin/cat"], environment: Self.secrets.merging(["MINE": "1"]) { $1 })
      #expect(made.exitCode == 0, "\(made)")
      let status = try await roost.runJSON("status")
      let pids = try ["pid", "keeper_pid"].map { pid_t(try #require(status[$0].integer)) }
      let session = pid_t(try #require(try await roost.runJSON("ls")[0]["pid"].integer))
      #expect(environment(of: session).contains("MINE=1"))
      for secret in Self.secrets.values {
        for pid in pids + [session] {
          #expect(!environment(of: pid).contains(secret))
          #expect(try holds(pid, secret) != true, "\(pid)")
        }
      }
    }
  }

  @Test("are taken out of a server's environment, and its keeper and sessions never have them")
  func server() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"], environment: Self.secrets) { roost in
      let token = try #require(Self.secrets["ROOST_TOKEN"])
      #expect(try await roost.tcp(token: token).get("/server/info")["pid"].integer == roost.serverPID.map(Int.init))
      let session = try await roost.session(["name": "s", "argv": ["/bin/cat"]])
      let server = try #require(roost.serverPID)
      let info = try await roost.http.get("/server/info")
      let keeper = pid_t(try #require(info["keeper_pid"].integer))
      for secret in Self.secrets.values {
        for pid in [server, keeper, pid_t(try #require(session["pid"].integer))] {
          #expect(!environment(of: pid).contains(secret))
        }
        #expect(try holds(keeper, secret) != true)
      }
    }
  }
}
