/// Takes the body of a message off a connection, cut anywhere (RFC 9112 §6, §7). Strict: a chunk header is hexadecimal
/// digits, an optional extension, CRLF; anything else is a violation, since two readers who disagree about the end of a
/// message are how requests get smuggled.
struct HTTPBodyDecoder {
  enum Framing: Equatable {
    case none
    case length(Int)
    case chunked
    /// Until the connection ends (responses only).
    case untilClose
  }

  enum Violation: Error, Equatable {
    case malformed(String)
    case tooLarge
  }

  private enum State {
    case data, chunkSize, chunkExtension, chunkSizeLF, chunkData, chunkDataCR, chunkDataLF
    case trailerStart, trailer, trailerLF, endLF, done
  }

  /// Extensions and trailers are read and dropped; more than this of them is abuse.
  private static let maxOverhead = 16 * 1024
  /// Sixteen digits would overflow; no body comes near fifteen.
  private static let maxSizeDigits = 15

  private let framing: Framing
  private let limit: Int
  private var state: State
  private var remaining = 0
  private var digits = 0
  private var overhead = 0
  private(set) var body: [UInt8] = []

  init(_ framing: Framing, limit: Int) throws(Violation) {
    self.framing = framing
    self.limit = limit
    switch framing {
    case .none:
      state = .done
    case .length(let count):
      guard count <= limit else { throw .tooLarge }
      remaining = count
      state = count == 0 ? .done : .data
    case .chunked:
      state = .chunkSize
    case .untilClose:
      remaining = Int.max
      state = .data
    }
  }

  var isDone: Bool { state == .done }

  /// Is the body complete if the connection ends here?
  var mayEndHere: Bool { isDone || framing == .untilClose }

  /// Takes what belongs to the body off the front of `input`.
  mutating func take(_ input: inout UnsafeRawBufferPointer) throws(Violation) {
    var at = 0
    defer { input = UnsafeRawBufferPointer(rebasing: input[at...]) }
    while at < input.count, state != .done {
      if state == .data || state == .chunkData {
        let count = min(remaining, input.count - at)
        guard body.count + count <= limit else { throw .tooLarge }
        if case .length(let all) = framing, body.isEmpty, count == all { body.reserveCapacity(all) }
        body.append(contentsOf: input[at..<(at + count)])
        at += count
        if framing != .untilClose { remaining -= count }
        if remaining == 0 { state = state == .data ? .done : .chunkDataCR }
        continue
      }
      let byte = input[at]
      at += 1
      try step(byte)
    }
  }

  private mutating func step(_ byte: UInt8) throws(Violation) {
    switch state {
    case .chunkSize:
      if let digit = HTTPBodyDecoder.hexadecimal(byte) {
        digits += 1
        guard digits <= HTTPBodyDecoder.maxSizeDigits else { throw .malformed("chunk size") }
        remaining = remaining << 4 | digit
        // Checked now, so that a huge chunk is refused before its bytes come.
        if remaining > limit - body.count { throw .tooLarge }
      } else if digits == 0 {
        throw .malformed("chunk size")
      } else if byte == ASCII.cr {
        state = .chunkSizeLF
      } else if byte == 0x3B {
        state = .chunkExtension
      } else {
        throw .malformed("chunk size")
      }
    case .chunkExtension:
      if byte == ASCII.cr {
        state = .chunkSizeLF
      } else {
        guard ASCII.isFieldContent(byte) else { throw .malformed("chunk extension") }
        try countOverhead()
      }
    case .chunkSizeLF:
      guard byte == ASCII.lf else { throw .malformed("chunk size") }
      digits = 0
      state = remaining == 0 ? .trailerStart : .chunkData
    case .chunkDataCR:
      guard byte == ASCII.cr else { throw .malformed("chunk end") }
      state = .chunkDataLF
    case .chunkDataLF:
      guard byte == ASCII.lf else { throw .malformed("chunk end") }
      state = .chunkSize
    case .trailerStart:
      if byte == ASCII.cr {
        state = .endLF
      } else {
        guard ASCII.isToken(byte) else { throw .malformed("trailer") }
        state = .trailer
        try countOverhead()
      }
    case .trailer:
      if byte == ASCII.cr {
        state = .trailerLF
      } else {
        guard ASCII.isFieldContent(byte) else { throw .malformed("trailer") }
        try countOverhead()
      }
    case .trailerLF:
      guard byte == ASCII.lf else { throw .malformed("trailer") }
      state = .trailerStart
    case .endLF:
      guard byte == ASCII.lf else { throw .malformed("trailer") }
      state = .done
    case .data, .chunkData, .done:
      break
    }
  }

  private mutating func countOverhead() throws(Violation) {
    overhead += 1
    if overhead > HTTPBodyDecoder.maxOverhead { throw .malformed("too many trailers") }
  }

  private static func hexadecimal(_ byte: UInt8) -> Int? {
    switch byte {
    case 0x30...0x39: Int(byte) - 0x30
    case 0x41...0x46: Int(byte) - 0x37
    case 0x61...0x66: Int(byte) - 0x57
    default: nil
    }
  }
}
