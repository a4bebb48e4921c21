/// A session as the command line names it: `build`, or `web1:build` for one of another server. No name of a session has a colon.
struct SessionReference: Equatable, Sendable {
  /// `nil` for the server that is asked.
  var server: String?
  var session: String

  init(server: String?, session: String) {
    self.server = server
    self.session = session
  }

  /// - Parameter server: that of `--server`; a prefix may say the same, and nothing else.
  init(_ word: String, on server: String?) throws(CommandFailure) {
    guard let colon = word.firstIndex(of: ":") else {
      self.init(server: server, session: word)
      return
    }
    let prefix = String(word[..<colon])
    let session = String(word[word.index(after: colon)...])
    guard !prefix.isEmpty, !session.isEmpty else {
      throw CommandFailure(
        .usage, "'\(printable(word))' is not of the form SESSION or SERVER:SESSION", serverCode: "usage")
    }
    guard server == nil || server == prefix else {
      throw CommandFailure(
        .usage, "'\(printable(word))' is on another server than --server says", serverCode: "usage")
    }
    self.init(server: prefix, session: session)
  }
}

extension Invocation {
  /// The invocation with `SERVER:SESSION` taken apart: the server becomes that of the command. Where a command takes several sessions each
  /// may be on another server, so those stay as they are (``ClientContext/forEachSession(_:)``).
  func resolvingServer() throws(CommandFailure) -> Invocation {
    var resolved = self
    // What is typed beats the environment, here as elsewhere.
    let typed = source(of: Options.server) == .commandLine ? text(Options.server) : nil
    func take(_ word: String) throws(CommandFailure) -> String {
      let reference = try SessionReference(word, on: typed)
      if reference.server != typed {
        resolved.options[Options.server.name] = reference.server.map { [Value(text: $0, source: .commandLine)] }
      }
      return reference.session
    }
    for argument in command.arguments where argument.count == .one || argument.count == .optional {
      guard argument.kind == .session || isNewSession(argument), let word = self.argument(argument) else { continue }
      resolved.arguments[argument.name] = [try take(word)]
    }
    if command.options.contains(where: { $0.name == Options.name.name }), let value = options[Options.name.name]?.last {
      resolved.options[Options.name.name] = [Value(text: try take(value.text), source: value.source)]
    }
    return resolved
  }

  /// The server that the command is for; `nil` for the one that is asked.
  var server: String? { text(Options.server).flatMap { $0.isEmpty ? nil : $0 } }

  private func isNewSession(_ argument: ArgumentDefinition) -> Bool {
    command.name == CommandTable.new.name && argument.name == Arguments.newName.name
  }
}
