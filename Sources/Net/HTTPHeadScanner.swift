/// Finds the end of a message head, fed cut anywhere, and rejects what http_parser lets through: bare CR or LF, control
/// bytes, folded lines (obs-fold), blanks before the colon, names that are no tokens. Such laxness is what request
/// smuggling lives on (RFC 9112 §2.2, §5, §11.2).
struct HTTPHeadScanner {
  enum Violation: Error, Equatable {
    case malformed(String)
    case targetTooLong
  }

  private enum State {
    case start, startLF, line, lineLF, fieldStart, name, value, valueLF, endLF
  }

  private var state = State.start
  private var lineCount = 0
  /// Whether the byte before was a space of a request line.
  private var isAfterSpace = false
  /// Bytes seen since the start of the head.
  private(set) var count = 0
  /// Field lines seen; the parser must find as many.
  private(set) var fieldCount = 0

  /// Has anything but leading empty lines been seen?
  var hasBegun: Bool { count > 0 }

  /// Scans on. Returns how many bytes of `input` belong to the head when it ends here, nil when it goes on.
  /// `lineLimit` bounds the first line, `allowsHighBytes` lets it hold obs-text (the reason phrase of a response).
  mutating func scan(
    _ input: UnsafeRawBufferPointer, lineLimit: Int, allowsHighBytes: Bool
  ) throws(Violation) -> Int? {
    var at = 0
    let end = input.count
    while at < end {
      let byte = input[at]
      at += 1
      switch state {
      case .start:
        // An empty line before the request line is skipped (RFC 9112 §2.2).
        isAfterSpace = false
        if byte == ASCII.cr {
          state = .startLF
        } else if ASCII.isToken(byte) {
          state = .line
          lineCount = 1
        } else {
          throw .malformed("the message does not begin with a token")
        }
      case .startLF:
        guard byte == ASCII.lf else { throw .malformed("CR without LF") }
        state = .start
      case .line:
        if byte >= 0x20, byte < 0x7F || (byte > 0x7F && allowsHighBytes) {
          // One space, exactly, stands between the parts of a request line (RFC 9112 §3). A reason phrase is free text.
          if byte == 0x20, isAfterSpace, !allowsHighBytes { throw .malformed("two spaces in a request line") }
          isAfterSpace = byte == 0x20
          lineCount += 1
          if lineCount > lineLimit { throw .targetTooLong }
        } else if byte == ASCII.cr {
          state = .lineLF
        } else {
          throw .malformed("a byte that may not stand in a start line")
        }
      case .lineLF:
        guard byte == ASCII.lf else { throw .malformed("CR without LF") }
        state = .fieldStart
      case .fieldStart:
        if byte == ASCII.cr {
          state = .endLF
        } else if ASCII.isToken(byte) {
          state = .name
          fieldCount += 1
        } else {
          throw .malformed("a line that is no header field")
        }
      case .name:
        if byte == ASCII.colon {
          state = .value
        } else if !ASCII.isToken(byte) {
          throw .malformed("a byte that may not stand in a header name")
        }
      case .value:
        if byte == ASCII.cr {
          state = .valueLF
        } else if ASCII.isFieldContent(byte) {
          while at < end, ASCII.isFieldContent(input[at]) { at += 1 }
        } else {
          throw .malformed("a byte that may not stand in a header value")
        }
      case .valueLF:
        guard byte == ASCII.lf else { throw .malformed("CR without LF") }
        state = .fieldStart
      case .endLF:
        guard byte == ASCII.lf else { throw .malformed("CR without LF") }
        count += at
        state = .start
        return at
      }
    }
    count += at
    return nil
  }
}
