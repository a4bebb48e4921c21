import Testing

@testable import Net

private func decode(
  _ bytes: [UInt8], cut: Int, role: WebSocketDecoder.Role = .server, maxMessageBytes: Int = 1 << 20
) -> ([WebSocketEvent], WebSocketFault?) {
  var decoder = WebSocketDecoder(role: role, maxMessageBytes: maxMessageBytes)
  var events: [WebSocketEvent] = []
  var at = 0
  while at < bytes.count {
    let piece = Array(bytes[at..<(at + min(cut, bytes.count - at))])
    at += piece.count
    let fault = piece.withUnsafeBytes { raw -> WebSocketFault? in
      var input = raw
      do throws(WebSocketFault) {
        while let event = try decoder.next(&input) {
          events.append(event)
          if case .close = event { return nil }
        }
        return nil
      } catch {
        return error
      }
    }
    if let fault { return (events, fault) }
    if case .close = events.last { break }  // nothing more may be read
  }
  return (events, nil)
}

private func code(_ bytes: [UInt8], role: WebSocketDecoder.Role = .server, maxMessageBytes: Int = 1 << 20) -> UInt16? {
  let whole = decode(bytes, cut: Int.max, role: role, maxMessageBytes: maxMessageBytes).1
  let byByte = decode(bytes, cut: 1, role: role, maxMessageBytes: maxMessageBytes).1
  #expect(whole == byByte, "the answer depends on how the bytes are cut")
  return whole?.code
}

private func frame(_ opcode: UInt8, _ payload: [UInt8], _ isFinal: Bool) -> [UInt8] {
  RawClient.frame(opcode, payload, isFinal: isFinal)
}

@Suite("WebSocket framing")
struct WebSocketFramingTests {
  @Test("messages are the same whole and cut at every byte")
  func cuts() {
    let bytes =
      frame(1, Array("héllo".utf8), true) + frame(2, [UInt8](0...255), true)
      + frame(1, Array("frag€".utf8.prefix(5)), false)
      + frame(9, Array("ping".utf8), true) + frame(0, Array("frag€".utf8.dropFirst(5)), false) + frame(10, [], true)
      + frame(0, [], true) + frame(8, [0x03, 0xE8] + Array("bye".utf8), true)
    let expected: [WebSocketEvent] = [
      .text(Array("héllo".utf8)), .binary([UInt8](0...255)), .ping(Array("ping".utf8)), .pong([]),
      .text(Array("frag€".utf8)), .close(code: 1000, reason: "bye"),
    ]
    for cut in 1...bytes.count {
      let (events, fault) = decode(bytes, cut: cut)
      #expect(fault == nil)
      #expect(events == expected)
    }
  }

  @Test("every length form, both ways", arguments: [0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 1 << 20])
  func lengths(count: Int) {
    let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    for cut in [Int.max, 1000, 3] where count < 100_000 || cut > 3 {
      #expect(decode(frame(2, payload, true), cut: cut).0 == [.binary(payload)])
    }
    // What the encoder writes, the other side reads.
    for mask in [nil, 0x0403_0201, 0] as [UInt32?] {
      var header = [UInt8](repeating: 0, count: WebSocketEncoder.maxHeaderBytes)
      let length = header.withUnsafeMutableBytes {
        WebSocketEncoder.header(.binary, count: count, mask: mask, into: $0)
      }
      var bytes = Array(header[..<length])
      payload.withUnsafeBytes { WebSocketMask.append($0, mask: mask ?? 0, to: &bytes) }
      let role: WebSocketDecoder.Role = mask == nil ? .client : .server
      #expect(decode(bytes, cut: Int.max, role: role).0 == [.binary(payload)])
    }
  }

  @Test("broken frames close with 1002")
  func protocolErrors() {
    #expect(code(RawClient.frame(1, [0x61], mask: nil)) == 1002)
    #expect(code(RawClient.frame(1, [0x61]), role: .client) == 1002)
    for opcode: UInt8 in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] { #expect(code(frame(opcode, [], true)) == 1002) }
    for bit: UInt8 in [0x40, 0x20, 0x10] {
      var bytes = frame(1, [0x61], true)
      bytes[0] |= bit
      #expect(code(bytes) == 1002)
    }
    for opcode: UInt8 in [8, 9, 10] {
      #expect(code(frame(opcode, [], false)) == 1002)
      #expect(code(frame(opcode, [UInt8](repeating: 0x61, count: 126), true)) == 1002)
    }
    #expect(code(frame(0, [], true)) == 1002)
    #expect(code(frame(1, [], false) + frame(1, [], true)) == 1002)
    #expect(code([0x82, 0xFE, 0, 125]) == nil)  // the header is not complete yet
    #expect(code([0x82, 0xFE, 0, 125, 0, 0, 0, 0]) == 1002)
    #expect(code([0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0]) == 1002)
    #expect(code([0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) == 1002)
  }

  @Test("close frames are checked")
  func closeFrames() {
    #expect(decode(frame(8, [], true), cut: 9).0 == [.close(code: 1005, reason: "")])
    #expect(code(frame(8, [0x03], true)) == 1002)
    for bad: UInt16 in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
      #expect(code(frame(8, [UInt8(bad >> 8), UInt8(bad & 255)], true)) == 1002)
    }
    for good: UInt16 in [1000, 1003, 1007, 1014, 3000, 4999] {
      #expect(
        decode(frame(8, [UInt8(good >> 8), UInt8(good & 255)], true), cut: 99).0 == [.close(code: good, reason: "")])
    }
    #expect(code(frame(8, [0x03, 0xE8, 0xFF], true)) == 1007)
  }

  @Test(
    "text must be UTF-8, also across fragments",
    arguments: [
      [0xFF], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
      [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0x80], [0xC3], [0x61, 0xE2, 0x28, 0xA1],
      Array("abcdefgh".utf8) + [0xFF], Array("aé".utf8) + [0xC3, 0x28],
    ] as [[UInt8]])
  func badText(bytes: [UInt8]) {
    #expect(code(frame(1, bytes, true)) == 1007)
    for split in 0...bytes.count {
      #expect(code(frame(1, Array(bytes[..<split]), false) + frame(0, Array(bytes[split...]), true)) == 1007)
    }
    #expect(code(frame(2, bytes, true)) == nil)
  }

  @Test("bad text is refused at the first bad byte, before the message is complete")
  func earlyText() {
    #expect(code(frame(1, [0x61, 0xFF], false)) == 1007)
  }

  @Test("all of Unicode passes")
  func goodText() {
    var text = "\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}\u{D7FF}\u{E000}"
    text += String(String.UnicodeScalarView(stride(from: 0x20, to: 0x2_0000, by: 97).compactMap { Unicode.Scalar($0) }))
    let bytes = Array(text.utf8)
    for cut in [1, 2, 3, 7, Int.max] { #expect(decode(frame(1, bytes, true), cut: cut).0 == [.text(bytes)]) }
  }

  @Test("too large messages close with 1009 by their header alone, fragments add up")
  func tooLarge() {
    #expect(code(Array(frame(2, [UInt8](repeating: 0, count: 101), true).prefix(6)), maxMessageBytes: 100) == 1009)
    #expect(code(frame(2, [UInt8](repeating: 0, count: 100), true), maxMessageBytes: 100) == nil)
    #expect(
      code(
        frame(2, [UInt8](repeating: 0, count: 60), false) + frame(0, [UInt8](repeating: 0, count: 41), true),
        maxMessageBytes: 100)
        == 1009)
    #expect(code([0x82, 0xFF, 0x7F, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]) == 1009)
  }

  @Test("a close reason is cut at a character's edge, codes that may not be sent leave the frame empty")
  func closePayload() {
    let payload = WebSocketEncoder.closePayload(code: 1001, reason: String(repeating: "é", count: 100))
    #expect(payload.count == 124)
    #expect(String(validating: payload.dropFirst(2), as: UTF8.self) != nil)
    #expect(WebSocketEncoder.closePayload(code: 1006, reason: "x").isEmpty)
  }

  @Test("random bytes never crash the decoder, and events do not depend on the cut")
  func random() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SplitMix(state: seed)
    for _ in 0..<3000 {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let payload = (0..<Int.random(in: 0...140, using: &generator)).map { _ in
          UInt8.random(in: 0...127, using: &generator)
        }
        bytes += RawClient.frame(
          [0, 1, 2, 8, 9, 10, 3].randomElement(using: &generator) ?? 0, payload,
          isFinal: Bool.random(using: &generator))
      }
      if Bool.random(using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: .min ... .max, using: &generator)
      }
      let whole = decode(bytes, cut: Int.max, maxMessageBytes: 1000)
      let cut = decode(bytes, cut: Int.random(in: 1...9, using: &generator), maxMessageBytes: 1000)
      #expect(whole.0 == cut.0 && whole.1 == cut.1, "seed \(seed)")
    }
  }

  @Test("the accept value of the standard's example")
  func accept() {
    let value = WebSocketHandshake.accept(key: Array("dGhlIHNhbXBsZSBub25jZQ==".utf8))
    #expect(String(decoding: value, as: UTF8.self) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }
}
