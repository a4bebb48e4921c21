import Formats

/// The parameters of a query (`a=1&b=2`), decoded as HTML forms write them.
package enum QueryText {
  /// The value of `server`, if the query is well formed: for what is looked at before the query is read in earnest.
  package static func server(in query: String) -> String? {
    // A name that is written in escapes is rare; to see that there is none takes no decoding.
    if query.utf8.contains(0x25) { return (try? parse(query))?.first { $0.name == "server" }?.value }
    for pair in query.utf8.split(separator: 0x26) where pair.starts(with: "server=".utf8) {
      return PercentEncoding.decode(Substring(pair.dropFirst("server=".utf8.count)), plusIsSpace: true)
    }
    return nil
  }

  /// Refuses what does not decode, and a name given twice: taking one of two values would drop the other silently.
  package static func parse(_ query: String?) throws(OperationError) -> [(name: String, value: String)] {
    guard let query, !query.isEmpty else { return [] }
    var parameters: [(name: String, value: String)] = []
    var names: Set<String> = []
    for pair in query.utf8.split(separator: 0x26) {
      let equals = pair.firstIndex(of: 0x3D) ?? pair.endIndex
      guard let name = PercentEncoding.decode(Substring(pair[..<equals]), plusIsSpace: true),
        let value = PercentEncoding.decode(Substring(pair[equals...].dropFirst()), plusIsSpace: true)
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

  /// A query of these parameters, from which ``parse(_:)`` makes them again.
  package static func encode(_ parameters: [(name: String, value: String)]) -> String {
    parameters.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
  }
}
