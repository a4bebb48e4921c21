import Testing

@testable import Cluster

@Suite("Addresses that may be connected to")
struct IPAccessTests {
  private func access(block: [String] = [], allow: [String] = []) -> IPAccess {
    IPAccess(blocklist: block.compactMap(IPRange.init), allowlist: allow.compactMap(IPRange.init))
  }

  @Test("without lists every address is allowed, and what is no address is not")
  func empty() {
    for address in ["1.2.3.4", "::1", "fe80::1%eth0", "::ffff:1.2.3.4"] { #expect(IPAccess().allows(address)) }
    for text in ["", "localhost", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", "0x7f000001", "[::1]", "1.2.3.4/32"] {
      #expect(!IPAccess().allows(text), "\(text)")
    }
  }

  @Test("the blocklist comes first, then the allowlist")
  func order() {
    let access = access(block: ["10.9.0.0/16", "fd00:1::/32"], allow: ["10.0.0.0/8", "fd00::/8", "192.168.1.7"])
    for address in ["10.0.0.1", "192.168.1.7", "fd00:2::1", "::ffff:10.0.0.1"] {
      #expect(access.allows(address), "\(address)")
    }
    for address in ["10.9.1.1", "::ffff:10.9.1.1", "fd00:1::7", "192.168.1.8", "11.0.0.1", "::1", "2001:db8::1"] {
      #expect(!access.allows(address), "\(address)")
    }
  }

  @Test("IPv4 mapped into IPv6 is IPv4, on either side")
  func mapped() {
    #expect(!access(block: ["127.0.0.0/8"]).allows("::ffff:127.0.0.1"))
    #expect(!access(block: ["::ffff:127.0.0.0/104"]).allows("127.0.0.1"))
    #expect(!access(block: ["0.0.0.0/0"]).allows("::ffff:7f00:1"))
    #expect(access(block: ["0.0.0.0/0"]).allows("::1"))
    #expect(access(block: ["::/0"]).allows("127.0.0.1"))
  }

  @Test("every bit of a length counts", arguments: [1, 7, 8, 9, 23, 31, 32])
  func lengths(bits: Int) throws {
    let mask = UInt32.max << UInt32(32 - bits)
    let first = 0xAA55_AA55 & mask
    func text(_ number: UInt32) -> String { [24, 16, 8, 0].map { String(number >> $0 & 255) }.joined(separator: ".") }
    let range = try #require(IPRange("\(text(first))/\(bits)"))
    let access = IPAccess(blocklist: [range])
    #expect(!access.allows(text(first)))
    #expect(!access.allows(text(first | ~mask)))
    #expect(access.allows(text(first &- 1)))
    #expect(access.allows(text((first | ~mask) &+ 1)))
  }

  @Test(
    "what is no range is refused",
    arguments: [
      "", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "::/129",
      "fe80::1%eth0",
      "::1/127", "host", "10.0.0/8", "::ffff:10.0.0.0/8", "10.0.0.0/ 8", "10.0.0.0/08888",
    ])
  func refused(text: String) { #expect(IPRange(text) == nil) }

  @Test("ranges print as they are written", arguments: ["10.0.0.0/8", "192.168.1.7", "fd00::/8", "::1"])
  func printing(text: String) { #expect(IPRange(text)?.description == text) }
}
