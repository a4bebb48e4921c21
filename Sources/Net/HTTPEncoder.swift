/// Writes heads of messages.
enum HTTPEncoder {
  enum Framing {
    case length(Int)
    case chunked
    /// The end of the connection ends the body.
    case untilClose
    case none
  }

  /// The head of a response, with the empty line.
  static func append(
    head response: HTTPResponse, framing: Framing, closes: Bool, confirmsKeepAlive: Bool, date: [UInt8],
    to out: inout [UInt8]
  ) {
    if response.status == 200 {
      out.append("HTTP/1.1 200 OK\r\nDate: ")
    } else {
      out.append("HTTP/1.1 ")
      out.append(decimal: min(max(response.status, 100), 999))
      out.append(ASCII.space)
      out.append(HTTPStatus.reason(response.status))
      out.append("\r\nDate: ")
    }
    out.append(contentsOf: date)
    out.append("\r\n")
    append(fields: response.headers, to: &out)
    switch framing {
    case .length(let count):
      out.append("Content-Length: ")
      out.append(decimal: count)
      out.append("\r\n")
    case .chunked:
      out.append("Transfer-Encoding: chunked\r\n")
    case .untilClose, .none:
      break
    }
    if closes {
      out.append("Connection: close\r\n")
    } else if confirmsKeepAlive {
      out.append("Connection: keep-alive\r\n")
    }
    out.append("\r\n")
  }

  /// All fields but those which frame the message: these are the encoder's own.
  static func append(fields: HTTPHeaders, to out: inout [UInt8]) {
    _ = fields.withFields { name, value in
      if isFraming(name) { return false }
      out.append(contentsOf: name)
      out.append(": ")
      out.append(contentsOf: value)
      out.append("\r\n")
      return false
    }
  }

  private static func isFraming(_ name: UnsafeRawBufferPointer) -> Bool {
    switch name.count {
    case 10: ASCII.equal(name, "connection")
    case 14: ASCII.equal(name, "content-length")
    case 17: ASCII.equal(name, "transfer-encoding")
    default: false
    }
  }
}
