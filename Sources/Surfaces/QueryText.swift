import Formats
import Operations

/// The parameters of a query (`a=1&b=2`), decoded as HTML forms write them.
enum QueryText {
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
