import CPCRE2

/// A text or a regular expression (PCRE2) to look for in what a program printed.
///
/// Looking is bounded by an allowance of steps and memory, and gives up when it is used up: an expression that backtracks without end
/// cannot hold up whoever looks. (PCRE2's own limit of matches begins anew at every place of the text, and so bounds little.)
package final class Pattern: Sendable {
  package struct Invalid: Error, Sendable, Equatable {
    /// A sentence that says what is wrong and where.
    package let message: String
  }

  /// What one look may cost.
  package struct Allowance: Sendable {
    /// Items of the expression that are tried, and stretches of 64 bytes that are passed over on the way. One takes some 20 to 50 ns.
    package var steps: Int
    /// What may be kept to come back to, in KiB.
    package var memoryKiB: UInt32
    /// Asked every 32 steps. Some steps take long (a reference back to a long text), and only a clock knows.
    package var isOver: (@Sendable () -> Bool)?

    package init(steps: Int, memoryKiB: UInt32, isOver: (@Sendable () -> Bool)? = nil) {
      self.steps = steps
      self.memoryKiB = memoryKiB
      self.isOver = isOver
    }
  }

  /// What came of a look.
  package enum Finding: Sendable, Equatable {
    /// The first match.
    case found(String)
    case absent
    /// The allowance was used up before it was known.
    case givenUp
  }

  /// Longest pattern, in bytes.
  package static let maximumBytes = 4096

  /// Every match lies within one line. Known of most expressions without trying; `false` where it is not.
  package let isOfOneLine: Bool
  /// Compiled once and only read afterwards; PCRE2 says that a compiled pattern may be shared between threads.
  private nonisolated(unsafe) let code: OpaquePointer

  /// Compiles a regular expression, or a plain text when `literal`. `^` and `$` stand for the ends of lines. Throws ``Invalid``.
  package init(_ text: String, literal: Bool = false) throws(Invalid) {
    guard text.utf8.count <= Pattern.maximumBytes, !text.isEmpty else {
      throw Invalid(message: "A pattern has 1 to \(Pattern.maximumBytes) bytes.")
    }
    var error: CInt = 0
    var offset = 0
    let bytes = Array(text.utf8)
    let options = roost_pcre2_utf | (literal ? roost_pcre2_literal : roost_pcre2_multiline) | roost_pcre2_counted
    guard let code = pcre2_compile_8(bytes, bytes.count, options, &error, &offset, nil) else {
      var buffer = [UInt8](repeating: 0, count: 256)
      let length = pcre2_get_error_message_8(error, &buffer, buffer.count)
      throw Invalid(
        message:
          "The pattern is not valid at character \(offset + 1): \(String(decoding: buffer.prefix(Int(max(0, length))), as: UTF8.self))."
      )
    }
    self.code = code
    isOfOneLine = literal ? !bytes.contains(0x0A) : Pattern.staysInLine(bytes)
  }

  deinit { pcre2_code_free_8(code) }

  /// Looks for the first match in UTF-8 bytes.
  package func search(_ bytes: [UInt8], within allowance: Allowance) -> Finding {
    guard let data = pcre2_match_data_create_from_pattern_8(code, nil), let context = pcre2_match_context_create_8(nil)
    else { return .givenUp }
    defer {
      pcre2_match_data_free_8(data)
      pcre2_match_context_free_8(context)
    }
    var account = Account(allowance)
    pcre2_set_heap_limit_8(context, allowance.memoryKiB)
    let result = withUnsafeMutablePointer(to: &account) { account in
      pcre2_set_callout_8(context, { Account.step($0, $1) }, account)
      return pcre2_match_8(code, bytes, bytes.count, 0, 0, data, context)
    }
    if result == PCRE2_ERROR_NOMATCH { return .absent }
    guard result > 0, let ends = pcre2_get_ovector_pointer_8(data) else { return .givenUp }
    let start = min(ends[0], bytes.count)
    return .found(String(decoding: bytes[start..<max(start, min(ends[1], bytes.count))], as: UTF8.self))
  }

  /// What a match has cost so far. PCRE2 calls back before every item that it tries.
  private struct Account {
    private var left: Int
    private var position = 0
    private var untilClock = clockInterval
    private let isOver: (@Sendable () -> Bool)?

    private static let clockInterval = 32

    init(_ allowance: Allowance) {
      left = allowance.steps
      isOver = allowance.isOver
    }

    private mutating func isUsedUp(at place: Int) -> Bool {
      left -= 1 + abs(place - position) / 64
      position = place
      if left < 0 { return true }
      guard let isOver else { return false }
      untilClock -= 1
      guard untilClock == 0 else { return false }
      untilClock = Account.clockInterval
      return isOver()
    }

    static func step(_ block: UnsafeMutablePointer<pcre2_callout_block_8>?, _ account: UnsafeMutableRawPointer?) -> CInt
    {
      guard let block, let account = account?.assumingMemoryBound(to: Account.self) else { return 0 }
      return account.pointee.isUsedUp(at: block.pointee.current_position) ? PCRE2_ERROR_CALLOUT : 0
    }
  }

  /// Whether an expression holds nothing but what is known to match no line's end and to look at nothing beyond it.
  private static func staysInLine(_ expression: [UInt8]) -> Bool {
    var rest = expression[...]
    while let byte = rest.popFirst() {
      switch byte {
      case 0..<0x20: return false
      case UInt8(ascii: "\\"):
        guard let escaped = rest.popFirst() else { return false }
        let isLetterOrDigit = (0x30...0x39).contains(escaped) || (0x41...0x5A).contains(escaped & 0xDF)
        if isLetterOrDigit, !"dwSbBhN".utf8.contains(escaped) { return false }
      case UInt8(ascii: "["):
        // All but some characters; or a class by its name, such as white space.
        if let next = rest.first, next == UInt8(ascii: "^") || next == UInt8(ascii: ":") { return false }
      case UInt8(ascii: "("):
        if rest.first == UInt8(ascii: "*") { return false }
        if rest.first == UInt8(ascii: "?"), !rest.starts(with: "?:".utf8) { return false }
      default: break
      }
    }
    return true
  }
}
