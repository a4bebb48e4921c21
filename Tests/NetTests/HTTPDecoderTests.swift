import Testing

@testable import Net

/// Feeds `bytes` in pieces of the given sizes (the last size repeats) and collects what comes out.
private func decode(
  _ bytes: [UInt8], cuts: [Int], limits: HTTPLimits = .init()
) -> (requests: [HTTPRequestDecoder.Parsed], fault: HTTPFault?, phase: HTTPRequestDecoder.Phase) {
  var decoder = HTTPRequestDecoder(limits: limits)
  var requests: [HTTPRequestDecoder.Parsed] = []
  var at = 0
  var index = 0
  while at < bytes.count {
    let size = max(1, cuts[min(index, cuts.count - 1)])
    index += 1
    let piece = Array(bytes[at..<(at + min(bytes.count - at, size))])
    at += piece.count
    let fault = piece.withUnsafeBytes { raw -> HTTPFault? in
      var input = raw
      do throws(HTTPFault) {
        while let event = try decoder.next(&input) {
          if case .request(let parsed) = event { requests.append(parsed) }
        }
        #expect(input.isEmpty)
        return nil
      } catch {
        return error
      }
    }
    if let fault { return (requests, fault, decoder.phase) }
  }
  return (requests, nil, decoder.phase)
}

private func fault(_ text: String, limits: HTTPLimits = .init()) -> HTTPFault? {
  let whole = decode(Array(text.utf8), cuts: [Int.max], limits: limits).fault
  let byByte = decode(Array(text.utf8), cuts: [1], limits: limits).fault
  #expect(whole == byByte, "the answer depends on how the bytes are cut")
  return whole
}

private func isBadRequest(_ text: String) -> Bool { fault(text)?.status == 400 }

@Suite("HTTP request decoder")
struct HTTPDecoderTests {
  private static let mixed = """
    GET /first?a=%20b HTTP/1.1\r\nHost: example\r\nAccept:  */* \r\nX-Empty:\r\n\r\n\
    POST /second HTTP/1.1\r\nHost: example\r\nContent-Length: 5\r\n\r\nhello\
    \r\nPUT /third HTTP/1.1\r\nHOST: example\r\nTransfer-Encoding: Chunked\r\n\r\n\
    4\r\nWiki\r\n5;name=value\r\npedia\r\n0\r\nTrailer: x\r\n\r\n\
    HEAD /fourth HTTP/1.0\r\n\r\n
    """

  @Test("requests are the same whole and cut at every byte")
  func cuts() {
    let bytes = Array(Self.mixed.utf8)
    for cut in 1...bytes.count {
      for cuts in [[cut, Int.max], [cut]] {
        let (requests, fault, phase) = decode(bytes, cuts: cuts)
        #expect(fault == nil)
        #expect(phase == .idle)
        #expect(requests.map(\.method) == ["GET", "POST", "PUT", "HEAD"])
        #expect(requests.map(\.target) == ["/first?a=%20b", "/second", "/third", "/fourth"])
        #expect(requests.map { String(decoding: $0.body, as: UTF8.self) } == ["", "hello", "Wikipedia", ""])
        #expect(requests.map(\.keepsAlive) == [true, true, true, false])
        guard let first = requests.first else { continue }
        #expect(first.headers[first: "accept"] == "*/*")
        #expect(first.headers[first: "x-empty"] == "")
        #expect(first.headers[first: "HOST"] == "example")
        #expect(first.headers.all("nothing").isEmpty)
      }
    }
  }

  @Test(
    "path and query stay percent-encoded",
    arguments: [
      ("/a%2Fb/%C3%A9?x=%26&y", "/a%2Fb/%C3%A9", "x=%26&y"),
      ("/plain", "/plain", nil),
      ("/?", "/", ""),
      ("/a?b?c", "/a", "b?c"),
      ("http://host:80/a/b?q", "/a/b", "q"),
      ("http://host", "/", nil),
      ("http://host?q", "/", "q"),
    ] as [(String, String, String?)])
  func targets(target: String, path: String, query: String?) {
    let request = HTTPRequest(method: "GET", target: target)
    #expect(request.path == path)
    #expect(request.query == query)
    #expect(request.target == target)
  }

  @Test(
    "what request smuggling is made of is refused",
    arguments: [
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\n Content-Length: 5\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n\tb\r\n\r\n",
      "GET / HTTP/1.1\nHost: x\n\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX: a\nY: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX: a\rY: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX: a\u{0}b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX\u{0}: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX y: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nnocolon\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET /\u{7f} HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /\u{e9} HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET relative HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /  HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET / FTP/1.1\r\nHost: x\r\n\r\n",
      "GET /\r\nHost: x\r\n\r\n",
      " GET / HTTP/1.1\r\nHost: x\r\n\r\n",
      "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}",
      "\u{0}",
    ])
  func smuggling(text: String) {
    #expect(isBadRequest(text))
  }

  @Test(
    "chunked bodies are read to the letter",
    arguments: [
      "5\nhello\r\n0\r\n\r\n", "5\rXhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "\r\nhello", "x\r\n",
      "-1\r\n", "5\r\nhelloXX0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "1000000000000000\r\n", "0\r\n bad\r\n\r\n",
      "0\r\nTrailer: a\u{1}\r\n\r\n", "5;\u{1}\r\n", "0x5\r\nhello\r\n0\r\n\r\n",
    ])
  func badChunks(body: String) {
    let text = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    let found = fault(text)
    #expect(found?.status == 400 || found == .contentTooLarge)
  }

  @Test("limits have their own answers")
  func limits() {
    var limits = HTTPLimits()
    limits.maxHeaderBytes = 200
    limits.maxTargetBytes = 50
    limits.maxBodyBytes = 10
    #expect(
      fault("GET /\(String(repeating: "a", count: 300)) HTTP/1.1\r\nHost: x\r\n\r\n", limits: limits) == .targetTooLong)
    #expect(
      fault("GET /\(String(repeating: "a", count: 50)) HTTP/1.1\r\nHost: x\r\n\r\n", limits: limits) == .targetTooLong)
    #expect(
      fault("GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 300))\r\n\r\n", limits: limits)
        == .headersTooLarge)
    let post = "POST / HTTP/1.1\r\nHost: x\r\n"
    #expect(fault(post + "Content-Length: 11\r\n\r\n", limits: limits) == .contentTooLarge)
    #expect(fault(post + "Transfer-Encoding: chunked\r\n\r\nb\r\n", limits: limits) == .contentTooLarge)
    #expect(
      fault(post + "Transfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n5\r\n", limits: limits) == .contentTooLarge)
    #expect(fault(post + "Content-Length: 10\r\n\r\n0123456789", limits: limits) == nil)
  }

  @Test("a head that is too large is that, whatever stands beyond the bound, and one that ends at it is not")
  func boundOfHead() {
    var limits = HTTPLimits()
    limits.maxHeaderBytes = 100
    let head = "GET / HTTP/1.1\r\nHost: x\r\nX: "
    for count in 90...110 {
      let filled = head + String(repeating: "x", count: count - head.utf8.count - 4)
      #expect(fault(filled + "\r\n\r\n", limits: limits) == (count <= 100 ? nil : .headersTooLarge), "\(count)")
      let isEarly = filled.utf8.count < 100
      #expect((fault(filled + "\u{1}\r\n\r\n", limits: limits)?.status == 400) == isEarly, "\(count)")
    }
  }

  @Test("faults other than 400")
  func otherFaults() {
    #expect(fault("FROB / HTTP/1.1\r\nHost: x\r\n\r\n") == .notImplemented)
    #expect(fault("CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n") == .notImplemented)
    #expect(fault("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n") == .notImplemented)
    #expect(fault("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n") == .notImplemented)
    #expect(fault("GET / HTTP/2.0\r\nHost: x\r\n\r\n") == .versionNotSupported)
    #expect(fault("POST / HTTP/1.1\r\nHost: x\r\nExpect: 200-maybe\r\n\r\n") == .expectationFailed)
  }

  @Test("a long trailer or chunk extension is not read for ever")
  func overhead() {
    let start = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    let long = String(repeating: "a", count: 20_000)
    #expect(isBadRequest(start + "1;\(long)"))
    #expect(isBadRequest(start + "0\r\nX: \(long)"))
  }

  @Test("the phase tells what is being waited for")
  func phases() {
    #expect(decode(Array("\r\n".utf8), cuts: [1]).phase == .head)
    #expect(decode(Array("GET / HT".utf8), cuts: [1]).phase == .head)
    #expect(decode(Array("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n".utf8), cuts: [1]).phase == .body)
  }

  @Test("random bytes never crash the decoder, whatever the cut")
  func random() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SplitMix(state: seed)
    let pieces = [
      "GET ", "/", " HTTP/1.1\r\n", "Host: x\r\n", "\r\n", "\r", "\n", ":", "Content-Length: 3\r\n", "abc", "0\r\n",
      "Transfer-Encoding: chunked\r\n", "5\r\n", "\u{0}", " ", "Upgrade: websocket\r\n", "Connection: upgrade\r\n",
      "POST ", "HTTP/1.", "é",
    ]
    for _ in 0..<5000 {
      let text = (0..<Int.random(in: 1...14, using: &generator)).map { _ in
        pieces.randomElement(using: &generator) ?? ""
      }.joined()
      let bytes = Array(text.utf8)
      let whole = decode(bytes, cuts: [Int.max])
      let cut = decode(bytes, cuts: [Int.random(in: 1...4, using: &generator)])
      #expect(whole.fault == cut.fault, "seed \(seed): \(text.debugDescription)")
      #expect(whole.requests.count == cut.requests.count, "seed \(seed): \(text.debugDescription)")
    }
  }
}

/// A small seeded generator, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

@Suite("HTTP headers")
struct HTTPHeadersTests {
  @Test("fields keep their order and compare names without case")
  func order() {
    var headers: HTTPHeaders = ["Set-Cookie": "a=1", "Content-Type": "text/plain"]
    headers.append("set-cookie", "b=2")
    #expect(headers.all("SET-COOKIE") == ["a=1", "b=2"])
    #expect(headers[first: "content-type"] == "text/plain")
    #expect(headers.pairs.map(\.name) == ["Set-Cookie", "Content-Type", "set-cookie"])
    headers.set("Set-Cookie", "c")
    #expect(headers.pairs.map(\.value) == ["text/plain", "c"])
  }

  @Test("values cannot forge fields, names that are no tokens are left out")
  func forging() {
    var headers = HTTPHeaders()
    headers.append("X", "a\r\nSet-Cookie: evil\u{0}\u{7f}")
    headers.append("Bad Name", "x")
    headers.append("Bad\r\nName", "x")
    headers.append("", "x")
    #expect(headers.pairs.map(\.value) == ["a  Set-Cookie: evil  "])
  }

  @Test("lists are searched by token")
  func lists() {
    let headers: HTTPHeaders = ["Connection": "keep-alive , Upgrade"]
    #expect(headers.list("connection", has: "upgrade"))
    #expect(headers.list("connection", has: "keep-alive"))
    #expect(!headers.list("connection", has: "keep"))
  }

  @Test("dates are written as HTTP writes them")
  func dates() {
    #expect(String(decoding: HTTPDate.format(784_111_777), as: UTF8.self) == "Sun, 06 Nov 1994 08:49:37 GMT")
  }

  @Test("numbers are written in decimal and hexadecimal", arguments: [0, 1, 9, 10, 255, 4096, 1 << 40, Int.max])
  func numbers(value: Int) {
    var decimal: [UInt8] = []
    decimal.append(decimal: value)
    var hexadecimal: [UInt8] = []
    hexadecimal.append(hexadecimal: value)
    #expect(String(decoding: decimal, as: UTF8.self) == String(value))
    #expect(String(decoding: hexadecimal, as: UTF8.self) == String(value, radix: 16))
  }
}
