import Surfaces

/// What `roost serve` was asked for, checked.
package struct ServeOptions: Sendable, Equatable {
  /// Which server of the user this is; decides the names of its socket, lock and state.
  package var serverName = "default"
  /// The Unix socket to listen on when it is not the one the name gives.
  package var socketPath: String?
  /// TCP addresses to listen on besides the Unix socket, which is always there.
  package var binds: [BindAddress] = []
  /// What is spoken at those addresses.
  package var transport = Transport.plain
  package var token: String?
  package var requiresAuthentication = true
  package var isEphemeral = false
  package var maxSessions = 256
  package var corsOrigins: [String] = []
  /// Whether processes in a session that was made with a token may do over the Unix socket what the local user may.
  package var sessionsActAsOwner = false
  /// Whether events tell what programs give to the clipboard.
  package var tellsClipboard = false
  package var hostname: String?
  /// Begins with a slash and does not end with one; nil when everything is served at the root.
  package var basePrefix: String?
  /// The configuration file, when it is not the one of the user's folder.
  package var configurationFile: String?
  package var keepEnded = Duration.seconds(3600)
  package var eventsMaxAge = Duration.seconds(30 * 24 * 3600)
  package var eventsMaxBytes = 2 << 30
  /// Event loop threads; nil leaves it to the number of cores.
  package var loops: Int?
  package var shell: String?
  /// Where to write one line when ready.
  package var readinessDescriptor: CInt?

  package enum Transport: Sendable, Equatable {
    case plain
    /// TLS with the certificate and key in these files.
    case files(certificate: String, key: String)
    /// TLS with a certificate that the server makes for itself.
    case selfSigned
  }

  package struct BindAddress: Sendable, Equatable {
    package var host: String
    package var port: Int

    /// Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`.
    package init?(_ text: String) {
      guard let colon = text.lastIndex(of: ":") else { return nil }
      var host = text[..<colon]
      guard let port = UInt16(text[text.index(after: colon)...]) else { return nil }
      if host.hasPrefix("["), host.hasSuffix("]") {
        host = host.dropFirst().dropLast()
      } else if host.contains(":") {
        return nil
      }
      guard !host.isEmpty, host.allSatisfy({ !$0.isWhitespace }) else { return nil }
      self.host = String(host)
      self.port = Int(port)
    }

    package init(host: String, port: Int) {
      self.host = host
      self.port = port
    }

    /// An address that only programs of this machine reach.
    package var isLoopback: Bool {
      let parts = host.split(separator: ".", omittingEmptySubsequences: false)
      let isIPv4 = parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
      return host == "localhost" || host == "::1" || isIPv4
    }
  }

  package init() {}

  package init(_ invocation: Invocation) throws(CommandFailure) {
    serverName = try checkedServerName(invocation)
    socketPath = invocation.text(Options.socket)
    for text in invocation.texts(Options.bind) {
      guard let address = BindAddress(text) else {
        throw CommandFailure(.usage, "--bind: '\(printable(text))' is not of the form HOST:PORT")
      }
      binds.append(address)
    }
    transport = try ServeOptions.transport(invocation)
    if transport != .plain, binds.isEmpty {
      throw CommandFailure(.usage, "TLS is for TCP: say with --bind where to listen")
    }
    token = invocation.text(Options.token)
    if let token, token.utf8.count < ServeOptions.shortestToken {
      throw CommandFailure(.usage, "--token: a token needs at least \(ServeOptions.shortestToken) characters")
    }
    requiresAuthentication = !invocation.has(Options.noAuthentication)
    if !requiresAuthentication, let exposed = binds.first(where: { !$0.isLoopback }) {
      throw CommandFailure(
        .usage, "--no-auth is only for loopback addresses, and \(exposed.host) is none",
        hint: "Anybody who reaches that address could run commands as you. Give a --token instead.")
    }
    isEphemeral = invocation.has(Options.ephemeral)
    maxSessions = invocation.integer(Options.maxSessions) ?? maxSessions
    tellsClipboard = invocation.has(Options.clipboardText)
    sessionsActAsOwner = invocation.text(Options.sessionRights) == "owner"
    for text in invocation.texts(Options.corsOrigin) {
      guard let origin = SiteOrigin.normalised(text) else {
        throw CommandFailure(
          .usage, "--cors-origin: '\(printable(text))' is no origin of a site",
          hint: "Give it as browsers state it: http://HOST[:PORT] or https://HOST[:PORT], without a path.")
      }
      corsOrigins.append(origin)
    }
    hostname = invocation.text(Options.hostname)
    basePrefix = try ServeOptions.basePrefix(invocation)
    configurationFile = invocation.text(Options.configuration)
    keepEnded = invocation.duration(Options.keepEnded) ?? keepEnded
    eventsMaxAge = invocation.duration(Options.eventsMaxAge) ?? eventsMaxAge
    eventsMaxBytes = invocation.integer(Options.eventsMaxBytes) ?? eventsMaxBytes
    loops = invocation.integer(Options.loops)
    shell = invocation.text(Options.shell)
    readinessDescriptor = invocation.integer(Options.readiness).map { CInt($0) }
  }

  /// Shorter ones can be guessed (the limit of wsh).
  static let shortestToken = 16

  private static func transport(_ invocation: Invocation) throws(CommandFailure) -> Transport {
    let certificate = invocation.text(Options.certificate)
    let key = invocation.text(Options.certificateKey)
    switch (certificate, key, invocation.has(Options.selfSigned)) {
    case (nil, nil, false): return .plain
    case (nil, nil, true): return .selfSigned
    case (let certificate?, let key?, false): return .files(certificate: certificate, key: key)
    case (nil, _?, false): throw CommandFailure(.usage, "--tls-key needs --tls-cert, the certificate it is for")
    case (_?, nil, false): throw CommandFailure(.usage, "--tls-cert needs --tls-key, the key of the certificate")
    default: throw CommandFailure(.usage, "--tls-self-signed makes a certificate: give it, or --tls-cert and --tls-key")
    }
  }

  private static func basePrefix(_ invocation: Invocation) throws(CommandFailure) -> String? {
    guard let prefix = invocation.text(Options.basePrefix) else { return nil }
    guard BasePrefix(prefix) != nil else {
      throw CommandFailure(
        .usage, "--base-prefix: '\(printable(prefix))' is no path to serve under",
        hint: "It begins with '/', does not end with one, and its parts are letters, digits, '-', '.', '_' and '~'.")
    }
    return prefix
  }
}

/// The name of the server to use. It becomes part of file names.
func checkedServerName(_ invocation: Invocation) throws(CommandFailure) -> String {
  guard let name = invocation.text(Options.serverName) else { return "default" }
  let isPlain = name.unicodeScalars.allSatisfy {
    ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
      || "-_.".unicodeScalars.contains($0)
  }
  guard isPlain, !name.isEmpty, name.utf8.count <= 32, !name.hasPrefix(".") else {
    throw CommandFailure(
      .usage, "'\(printable(name))' is no name for a server",
      hint: "Use up to 32 letters, digits, '-', '_' and '.', not beginning with a dot.")
  }
  return name
}
