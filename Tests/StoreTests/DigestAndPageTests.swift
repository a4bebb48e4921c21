import Testing

@testable import Store

@Suite("Hashes and pages")
struct DigestAndPageTests {
  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  @Test("the published examples of FIPS 180-4")
  func digests() {
    let abc = Array("abc".utf8)
    #expect(hex(Digest.sha256(abc)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(hex(Digest.sha256([])) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(hex(Digest.sha1(abc)) == "a9993e364706816aba3e25717850c26c9cd0d89d")
  }

  @Test("comparison says what equality says")
  func comparison() {
    #expect(Digest.constantTimeEqual([], []))
    #expect(Digest.constantTimeEqual([1, 2], [1, 2]))
    #expect(!Digest.constantTimeEqual([1, 2], [1, 3]))
    #expect(!Digest.constantTimeEqual([1, 2], [1, 2, 3]))
  }

  @Test("a page comes back as it was", arguments: [0, 1, 100, 32 << 10, 1 << 20])
  func roundTrip(count: Int) throws {
    let codec = try PageCodec()
    let text = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 7 % 90 + 32) }
    var state: UInt64 = 88172645463325252
    let noise = (0..<count).map { _ -> UInt8 in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state)
    }
    for bytes in [text, noise] {
      let packed = try codec.compress(bytes)
      #expect(packed.count <= bytes.count + bytes.count / 100 + 64)
      #expect(try codec.decompress(packed, limit: count) == bytes)
    }
    if count > 1000 { #expect(try codec.compress(text).count < count / 2) }
  }

  @Test("what is no page, is cut off, or claims too much is refused")
  func hostile() throws {
    let codec = try PageCodec()
    let page = try codec.compress([UInt8](repeating: 7, count: 10_000))
    let failures = [[], [1, 2, 3], Array(page.dropLast()), Array(page.dropFirst()), page + [0]]
    for bytes in failures {
      var refused = false
      do { _ = try codec.decompress(bytes, limit: 10_000) } catch { refused = true }
      #expect(refused)
    }
    var refused = false
    do { _ = try codec.decompress(page, limit: 9_999) } catch { refused = true }
    #expect(refused)
    // Any single changed byte gives an error or some bytes, never more than the limit and never a trap.
    for index in page.indices {
      for flip: UInt8 in [1, 0x80, 0xff] {
        var changed = page
        changed[index] ^= flip
        if let result = try? codec.decompress(changed, limit: 20_000) { #expect(result.count <= 20_000) }
      }
    }
  }
}
