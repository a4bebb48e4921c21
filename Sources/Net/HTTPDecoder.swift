/// What the framing fields of a head say (RFC 9112 §6.3), read without trust.
private struct FramingFields {
  var length: Int?
  var isChunked = false
  var hasTransferEncoding = false
  var hosts = 0
  var expectsContinue = false
  var hasUnknownExpectation = false
  var closes = false
  var keepsAlive = false

  init(_ headers: HTTPHeaders) throws(HTTPFault) {
    var fault: HTTPFault?
    _ = headers.withFields { name, value in
      switch name.count {
      case 4 where ASCII.equal(name, "host"):
        hosts += 1
      case 6 where ASCII.equal(name, "expect"):
        if ASCII.equal(value, "100-continue") { expectsContinue = true } else { hasUnknownExpectation = true }
      case 10 where ASCII.equal(name, "connection"):
        if ASCII.list(value, has: "close") { closes = true }
        if ASCII.list(value, has: "keep-alive") { keepsAlive = true }
      case 14 where ASCII.equal(name, "content-length"):
        if length != nil {
          fault = .badRequest("more than one Content-Length")
        } else if let count = FramingFields.decimal(value) {
          length = count
        } else {
          fault = .badRequest("Content-Length is not a number")
        }
      case 17 where ASCII.equal(name, "transfer-encoding"):
        if hasTransferEncoding {
          fault = .badRequest("more than one Transfer-Encoding")
        } else if ASCII.equal(value, "chunked") {
          isChunked = true
        } else {
          fault = .notImplemented
        }
        hasTransferEncoding = true
      default:
        break
      }
      return fault != nil
    }
    if let fault { throw fault }
    if hasTransferEncoding, length != nil { throw .badRequest("both Content-Length and Transfer-Encoding") }
  }

  /// Digits only, at most 15 of them.
  private static func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard !bytes.isEmpty, bytes.count <= 15 else { return nil }
    var value = 0
    for byte in bytes {
      guard byte >= 0x30, byte <= 0x39 else { return nil }
      value = value * 10 + Int(byte - 0x30)
    }
    return value
  }
}

/// The head bytes seen so far, and its end.
private struct HeadCollector {
  private var scanner = HTTPHeadScanner()
  private var partial: [UInt8] = []

  var hasBegun: Bool { scanner.hasBegun }

  mutating func next(
    _ input: inout UnsafeRawBufferPointer, as kind: HTTPHead.Kind, maxBytes: Int, maxTarget: Int
  ) throws(HTTPFault) -> HTTPHead? {
    if input.isEmpty { return nil }
    // Method, two blanks and the version stand beside the target: 40 bytes hold the longest of them.
    let lineLimit = kind == .request ? maxTarget + 40 : maxBytes
    // Nothing beyond the bound is looked at: what is wrong with a head that is too large must not depend on how it was cut.
    let room = max(0, maxBytes - scanner.count)
    let end: Int?
    do {
      end = try scanner.scan(
        UnsafeRawBufferPointer(rebasing: input.prefix(room)), lineLimit: lineLimit, allowsHighBytes: kind == .response)
    } catch {
      switch error {
      case .targetTooLong: throw .targetTooLong
      case .malformed(let why): throw .badRequest(why)
      }
    }
    guard let end else {
      guard input.count <= room else { throw .headersTooLarge }
      partial.append(contentsOf: input)
      input = UnsafeRawBufferPointer(rebasing: input[input.count...])
      return nil
    }
    let last = UnsafeRawBufferPointer(rebasing: input[..<end])
    input = UnsafeRawBufferPointer(rebasing: input[end...])
    let expectedFields = scanner.fieldCount
    scanner = HTTPHeadScanner()
    let head: HTTPHead
    do {
      if partial.isEmpty {
        head = try CHeadParser.parse(last, as: kind)
      } else {
        partial.append(contentsOf: last)
        let whole = partial
        partial = []
        head = try HeadCollector.parse(whole, as: kind)
      }
    } catch {
      switch error {
      case .malformed(let why): throw .badRequest(why)
      case .unknownMethod: throw .notImplemented
      case .tooLarge: throw .headersTooLarge
      }
    }
    guard head.headers.count == expectedFields else { throw .badRequest("header fields could not be told apart") }
    return head
  }

  private static func parse(_ bytes: [UInt8], as kind: HTTPHead.Kind) throws(HTTPHeadError) -> HTTPHead {
    let result = bytes.withUnsafeBytes { bytes -> Result<HTTPHead, HTTPHeadError> in
      do throws(HTTPHeadError) { return .success(try CHeadParser.parse(bytes, as: kind)) } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}

/// Requests off a connection: bytes in, cut anywhere, events out. Pure: no socket, no clock.
struct HTTPRequestDecoder {
  struct Parsed {
    var method: String
    var target: String
    var headers: HTTPHeaders
    var body: [UInt8]
    /// Does the client take another response on this connection?
    var keepsAlive: Bool
    var isVersion10: Bool
  }

  enum Event {
    /// The head is complete and the body is not: said once, with what the head says. The client may be waiting for `100 Continue` before it sends
    /// the body.
    case awaitsBody(Parsed, expectsContinue: Bool)
    case request(Parsed)
  }

  /// Where the decoder stands, for time-outs.
  enum Phase { case idle, head, body }

  private let limits: HTTPLimits
  private var collector = HeadCollector()
  private var pending: Parsed?
  private var decoder: HTTPBodyDecoder?
  private var expectsContinue = false
  private var hasToldOfBody = false
  /// The header fields of the request under way, once they have been read: for the answer to a fault in what follows them.
  private(set) var headers: HTTPHeaders?

  init(limits: HTTPLimits) { self.limits = limits }

  var phase: Phase {
    if pending != nil { return .body }
    return collector.hasBegun ? .head : .idle
  }

  /// The next event, taking its bytes off the front of `input`; nil when more is needed. After a fault the connection
  /// cannot be read further.
  mutating func next(_ input: inout UnsafeRawBufferPointer) throws(HTTPFault) -> Event? {
    if pending == nil {
      let head = try collector.next(
        &input, as: .request, maxBytes: limits.maxHeaderBytes, maxTarget: limits.maxTargetBytes)
      guard let head else { return nil }
      headers = head.headers
      try begin(head, waits: input.isEmpty)
    }
    guard var body = decoder, var parsed = pending else { return nil }
    decoder = nil  // so that the body's array is not shared while it grows
    do {
      try body.take(&input)
    } catch {
      switch error {
      case .tooLarge: throw .contentTooLarge
      case .malformed(let why): throw .badRequest(why)
      }
    }
    guard body.isDone else {
      decoder = body
      if hasToldOfBody { return nil }
      hasToldOfBody = true
      return .awaitsBody(parsed, expectsContinue: expectsContinue)
    }
    parsed.body = body.body
    pending = nil
    hasToldOfBody = false
    headers = nil
    return .request(parsed)
  }

  private mutating func begin(_ head: HTTPHead, waits: Bool) throws(HTTPFault) {
    guard head.majorVersion > 0 else { throw .badRequest("no HTTP version") }
    guard head.majorVersion == 1, head.minorVersion <= 1 else { throw .versionNotSupported }
    guard head.target.utf8.count <= limits.maxTargetBytes else { throw .targetTooLong }
    guard head.method != "CONNECT" else { throw .notImplemented }
    let first = head.target.utf8.first
    let isAbsolute = first != ASCII.slash && head.target.contains("://")
    guard first == ASCII.slash || isAbsolute || (head.target == "*" && head.method == "OPTIONS") else {
      throw .badRequest("request target")
    }
    let isVersion10 = head.minorVersion == 0
    let fields = try FramingFields(head.headers)
    guard isVersion10 ? fields.hosts <= 1 : fields.hosts == 1 else { throw .badRequest("exactly one Host is needed") }
    if isVersion10, fields.hasTransferEncoding { throw .badRequest("Transfer-Encoding in HTTP/1.0") }
    if fields.hasUnknownExpectation { throw .expectationFailed }
    let parsed = Parsed(
      method: head.method, target: head.target, headers: head.headers, body: [],
      keepsAlive: !fields.closes && (!isVersion10 || fields.keepsAlive), isVersion10: isVersion10)
    let framing: HTTPBodyDecoder.Framing =
      fields.isChunked ? .chunked : fields.length.map { .length($0) } ?? .none
    do {
      decoder = try HTTPBodyDecoder(framing, limit: limits.maxBodyBytes)
    } catch {
      throw .contentTooLarge
    }
    pending = parsed
    expectsContinue = fields.expectsContinue && !isVersion10 && waits
  }
}

/// Responses off a connection, for clients. Pure, as `HTTPRequestDecoder`.
struct HTTPResponseDecoder {
  struct Parsed {
    var response: HTTPResponse
    var keepsAlive: Bool
  }

  private let limits: HTTPLimits
  private var collector = HeadCollector()
  private var pending: Parsed?
  private var decoder: HTTPBodyDecoder?
  /// Responses to `HEAD` have no body whatever their fields say.
  var isAnswerToHead = false

  init(limits: HTTPLimits) { self.limits = limits }

  /// Has the current response begun to arrive?
  var hasBegun: Bool { pending != nil || collector.hasBegun }

  mutating func next(_ input: inout UnsafeRawBufferPointer) throws(HTTPFault) -> Parsed? {
    while pending == nil {
      let head = try collector.next(&input, as: .response, maxBytes: limits.maxHeaderBytes, maxTarget: 0)
      guard let head else { return nil }
      guard head.majorVersion == 1 else { throw .versionNotSupported }
      // Interim responses are read and dropped; 101 ends HTTP on this connection.
      if head.status < 200, head.status != 101 { continue }
      try begin(head)
    }
    guard var body = decoder, var parsed = pending else { return nil }
    decoder = nil
    do {
      try body.take(&input)
    } catch {
      switch error {
      case .tooLarge: throw .contentTooLarge
      case .malformed(let why): throw .badRequest(why)
      }
    }
    guard body.isDone else {
      decoder = body
      return nil
    }
    parsed.response.body = body.body
    pending = nil
    return parsed
  }

  /// The connection has ended: the response that its end completes, if any.
  mutating func end() -> Parsed? {
    guard let body = decoder, body.mayEndHere, var parsed = pending else { return nil }
    parsed.response.body = body.body
    pending = nil
    decoder = nil
    return parsed
  }

  private mutating func begin(_ head: HTTPHead) throws(HTTPFault) {
    let fields = try FramingFields(head.headers)
    var framing: HTTPBodyDecoder.Framing
    if isAnswerToHead || HTTPStatus.hasNoBody(head.status) {
      framing = .none
    } else if fields.isChunked {
      framing = .chunked
    } else {
      framing = fields.length.map { .length($0) } ?? .untilClose
    }
    let keepsAlive =
      !fields.closes && framing != .untilClose && (head.minorVersion >= 1 || fields.keepsAlive) && head.status != 101
    do {
      decoder = try HTTPBodyDecoder(framing, limit: limits.maxBodyBytes)
    } catch {
      throw .contentTooLarge
    }
    pending = Parsed(response: HTTPResponse(status: head.status, headers: head.headers), keepsAlive: keepsAlive)
  }
}
