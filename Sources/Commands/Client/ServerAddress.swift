import Net
import Store

/// Which server a command means and how it is reached.
struct ServerAddress: Sendable {
  var endpoint: Endpoint
  var serverName: String
  /// For TCP; the Unix socket needs none.
  var token: String?
  /// Nil speaks plain text.
  var tls: TLSClientSettings?
  /// Folders of the server; nil when it was named by an address and may be anybody's.
  var paths: Paths?

  /// It is what the session that this runs in names its own server by.
  private(set) var isFromSession = false

  /// What is typed beats the environment; an address beats a socket's path, and that a server's name.
  /// - Parameter survey: What can be done with the folders of a server that is named, or of the default one.
  init(_ invocation: Invocation, survey: FolderSurvey = .system) throws(CommandFailure) {
    serverName = try checkedServerName(invocation)
    let sources: [Invocation.Source] = [.commandLine, .environment]
    for source in sources {
      if invocation.source(of: Options.connect) == source, let text = invocation.text(Options.connect) {
        let address = try TCPAddress(text)
        endpoint = .tcp(host: address.host, port: address.port)
        tls = try address.tlsSettings(invocation)
        token = invocation.environment["ROOST_TOKEN"]
        return
      }
      if invocation.source(of: Options.socket) == source, let path = invocation.text(Options.socket) {
        endpoint = .unix(path: path)
        isFromSession = source == .environment && invocation.environment["ROOST_SESSION_ID"] != nil
        return
      }
      if invocation.source(of: Options.serverName) == source { break }
    }
    do {
      let environment = invocation.environment
      let paths = try Paths(
        serverName: serverName, environment: { name in environment[name].flatMap { $0.isEmpty ? nil : $0 } },
        survey: survey)
      self.paths = paths
      endpoint = .unix(path: paths.socket)
    } catch {
      throw CommandFailure(.usage, error.message)
    }
  }

  var description: String {
    switch endpoint {
    case .unix(let path): path
    case .tcp: (tls == nil ? "" : "https://") + endpoint.description
    }
  }
}
