import CPCRE2

/// A text or a regular expression (PCRE2) to look for in what a program printed.
///
/// Matching is bounded: an expression that backtracks without end gives up and counts as not found, so that one caller's pattern
/// cannot hold up everybody's loop.
package final class Pattern: Sendable {
  package struct Invalid: Error, Sendable, Equatable {
    /// A sentence that says what is wrong and where.
    package let message: String
  }

  /// Longest pattern, in bytes.
  package static let maximumBytes = 4096
  /// Steps of one match: some tens of milliseconds at the most.
  private static let matchLimit: UInt32 = 200_000

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
    let options = roost_pcre2_utf | (literal ? roost_pcre2_literal : roost_pcre2_multiline)
    guard let code = pcre2_compile_8(bytes, bytes.count, options, &error, &offset, nil) else {
      var buffer = [UInt8](repeating: 0, count: 256)
      let length = pcre2_get_error_message_8(error, &buffer, buffer.count)
      throw Invalid(
        message:
          "The pattern is not valid at character \(offset + 1): \(String(decoding: buffer.prefix(Int(max(0, length))), as: UTF8.self))."
      )
    }
    self.code = code
  }

  deinit { pcre2_code_free_8(code) }

  /// The text of the first match in UTF-8 bytes, or `nil`.
  package func firstMatch(in bytes: [UInt8]) -> String? {
    guard let data = pcre2_match_data_create_from_pattern_8(code, nil), let context = pcre2_match_context_create_8(nil)
    else { return nil }
    defer {
      pcre2_match_data_free_8(data)
      pcre2_match_context_free_8(context)
    }
    pcre2_set_match_limit_8(context, Pattern.matchLimit)
    guard pcre2_match_8(code, bytes, bytes.count, 0, 0, data, context) > 0, let ends = pcre2_get_ovector_pointer_8(data)
    else { return nil }
    let start = min(ends[0], bytes.count)
    return String(decoding: bytes[start..<max(start, min(ends[1], bytes.count))], as: UTF8.self)
  }
}
