import CHTTPParser

/// The head of a message as a parser found it, before anything is made of it.
struct HTTPHead {
  enum Kind { case request, response }

  var method = ""
  var target = ""
  var status = 0
  /// Minor version of HTTP/1.
  var minorVersion = 1
  var majorVersion = 1
  var headers = HTTPHeaders()
}

enum HTTPHeadError: Error, Equatable {
  case malformed(String)
  case unknownMethod
  case tooLarge
}

/// What turns the bytes of a complete head into its parts: http_parser today, llhttp where it is packaged.
/// The bytes have passed `HTTPHeadScanner` and end with the empty line.
protocol HTTPHeadParser {
  static func parse(_ bytes: UnsafeRawBufferPointer, as kind: HTTPHead.Kind) throws(HTTPHeadError) -> HTTPHead
}

/// http_parser 2.9. It sees one whole head at a time, never a body: framing of bodies is ours (`HTTPBodyDecoder`).
enum CHeadParser: HTTPHeadParser {
  /// What the callbacks collect. All offsets are within the head.
  private struct Capture {
    var base: UnsafeRawPointer
    var targetStart = 0
    var targetCount = 0
    var fields: [HTTPHeaders.Field] = []
    var isComplete = false

    func offset(_ at: UnsafePointer<CChar>?) -> Int {
      at.map { UnsafeRawPointer($0) - base } ?? 0
    }
  }

  // Set once and only read from then on.
  nonisolated(unsafe) private static let settings: UnsafeMutablePointer<http_parser_settings> = {
    let settings = UnsafeMutablePointer<http_parser_settings>.allocate(capacity: 1)
    http_parser_settings_init(settings)
    settings.pointee.on_url = { parser, at, count in
      with(parser) { capture in
        capture.targetStart = capture.offset(at)
        capture.targetCount = count
      }
      return 0
    }
    settings.pointee.on_header_field = { parser, at, count in
      with(parser) { capture in
        capture.fields.append(
          .init(nameStart: Int32(capture.offset(at)), nameCount: Int32(count), valueStart: 0, valueCount: 0))
      }
      return 0
    }
    settings.pointee.on_header_value = { parser, at, count in
      with(parser) { capture in
        guard !capture.fields.isEmpty else { return }
        let last = capture.fields.count - 1
        capture.fields[last].valueStart = Int32(capture.offset(at))
        capture.fields[last].valueCount = Int32(count)
      }
      return 0
    }
    settings.pointee.on_headers_complete = { parser in
      with(parser) { $0.isComplete = true }
      return 1  // no body: the message ends here for this parser
    }
    return settings
  }()

  @inline(__always)
  private static func with(_ parser: UnsafeMutablePointer<http_parser>?, _ body: (inout Capture) -> Void) {
    guard let data = parser?.pointee.data else { return }
    body(&data.assumingMemoryBound(to: Capture.self).pointee)
  }

  static func parse(_ bytes: UnsafeRawBufferPointer, as kind: HTTPHead.Kind) throws(HTTPHeadError) -> HTTPHead {
    guard let base = bytes.baseAddress, bytes.count <= Int(Int32.max) else { throw .tooLarge }
    var parser = http_parser()
    http_parser_init(&parser, kind == .request ? HTTP_REQUEST : HTTP_RESPONSE)
    var capture = Capture(base: base)
    capture.fields.reserveCapacity(12)
    let used = withUnsafeMutablePointer(to: &capture) { capture in
      parser.data = UnsafeMutableRawPointer(capture)
      return http_parser_execute(&parser, settings, base.assumingMemoryBound(to: CChar.self), bytes.count)
    }
    // With an Upgrade field or CONNECT the parser stops after the head by design; the head is complete all the same.
    let failure = parser.http_errno
    guard failure == HPE_OK.rawValue, used == bytes.count, capture.isComplete else {
      if failure == HPE_INVALID_METHOD.rawValue, kind == .request { throw .unknownMethod }
      if failure == HPE_HEADER_OVERFLOW.rawValue { throw .tooLarge }
      throw .malformed(String(cString: http_errno_description(http_errno(failure))))
    }

    var head = HTTPHead()
    head.majorVersion = Int(parser.http_major)
    head.minorVersion = Int(parser.http_minor)
    if kind == .request {
      head.method = String(cString: http_method_str(http_method(UInt32(parser.method))))
      let target = bytes[capture.targetStart..<(capture.targetStart + capture.targetCount)]
      head.target = String(decoding: target, as: UTF8.self)
    } else {
      head.status = Int(parser.status_code)
    }
    for index in capture.fields.indices {
      // http_parser leaves blanks at the end of a value.
      var count = Int(capture.fields[index].valueCount)
      let start = Int(capture.fields[index].valueStart)
      while count > 0, bytes[start + count - 1] == ASCII.space || bytes[start + count - 1] == ASCII.tab { count -= 1 }
      capture.fields[index].valueCount = Int32(count)
    }
    head.headers = HTTPHeaders(bytes: [UInt8](bytes), fields: capture.fields)
    return head
  }
}
