import Net

/// What `--connect` names: `https://HOST:PORT`, `http://HOST:PORT`, or `HOST:PORT`, which means the latter.
struct TCPAddress: Sendable, Equatable {
  enum Scheme: String, Sendable { case http, https }

  var host: String
  var port: Int
  /// Nil when none was written.
  var scheme: Scheme?

  init(_ text: String) throws(CommandFailure) {
    var rest = text[...]
    if let end = text.firstRange(of: "://") {
      scheme = Scheme(rawValue: text[..<end.lowerBound].lowercased())
      guard scheme != nil else {
        throw CommandFailure(.usage, "'\(printable(text))' begins with neither https:// nor http://")
      }
      rest = text[end.upperBound...]
      if rest.hasSuffix("/") { rest.removeLast() }
      if !rest.isEmpty, !TCPAddress.hasPort(rest) { rest += scheme == .https ? ":443" : ":80" }
    }
    guard let address = ServeOptions.BindAddress(String(rest)),
      !address.host.contains(where: { "/?#@".contains($0) })
    else {
      throw CommandFailure(.usage, "'\(printable(text))' is not of the form https://HOST:PORT or HOST:PORT")
    }
    host = address.host
    port = address.port
  }

  private static func hasPort(_ authority: Substring) -> Bool {
    guard let colon = authority.lastIndex(of: ":") else { return false }
    return !authority[colon...].contains("]")
  }

  /// How to make sure of the server; nil for plain text.
  func tlsSettings(_ invocation: Invocation) throws(CommandFailure) -> TLSClientSettings? {
    let authorities = invocation.text(Options.authorities)
    let fingerprint = invocation.text(Options.fingerprint)
    guard scheme == .https else {
      // Who says what to trust means TLS. Only somebody who writes http:// can mean the opposite.
      guard scheme == .http || (authorities == nil && fingerprint == nil) else {
        throw CommandFailure(
          .usage, "\(authorities == nil ? Options.fingerprint.name : Options.authorities.name) needs an https address",
          hint: "Write https://\(host):\(port), or http:// if the connection is meant to be readable by others.")
      }
      return nil
    }
    if let fingerprint {
      guard let pin = CertificateFingerprint(fingerprint) else {
        throw CommandFailure(
          .usage, "\(Options.fingerprint.name): '\(printable(fingerprint))' is no SHA-256 fingerprint",
          hint: "It has 64 hexadecimal digits, as 'roost serve' prints them.")
      }
      return TLSClientSettings(verification: .pinned(pin))
    }
    return TLSClientSettings(verification: authorities.map { .caFile($0) } ?? .system)
  }
}
