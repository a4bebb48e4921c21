import Formats
import Operations

/// The parameters of a query (`a=1&b=2`), decoded as HTML forms write them.
enum QueryText {
  /// The value of `server`, if the query is well formed: for what is looked at before the query is read in earnest.
  static func server(in query: String) -> String? {
    // Nearly no request has one, and to see that takes no decoding; a name that is written in escapes is found below.
    guard query.utf8.contains(0x25) || query.contains("server=") else { return nil }
    return (try? parse(query))?.first { $0.name == "server" }?.value
  }

  /// Refuses what does not decode, and a name given twice: taking one of two values would drop the other silently.
  static func parse(_ query: String?) throws(OperationError) -> [(name: String, value: String)] {
    guard let query, !query.isEmpty else { return [] }
    var parameters: [(name: String, value: String)] = []
    var names: Set<String> = []
    for pair in query.split(separator: "&", omittingEmptySubsequences: true) {
      let equals = pair.firstIndex(of: "=") ?? pair.endIndex
      guard let name = PercentEncoding.decode(pair[..<equals], plusIsSpace: true),
        let value = PercentEncoding.decode(pair[equals...].dropFirst(), plusIsSpace: true)
      else {
        throw OperationError(.invalidRequest, "Invalid request: the query is not well-formed percent-encoded UTF-8.")
      }
      guard names.insert(name).inserted else {
        throw OperationError(.invalidRequest, "Invalid request: '\(name)' is given twice; write a list with commas.")
      }
      parameters.append((name, value))
    }
    return parameters
  }
}
