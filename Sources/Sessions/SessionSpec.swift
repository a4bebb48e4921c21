package import TerminalEngine

/// What a new session is to be.
package struct SessionSpec: Sendable {
  /// What runs in it.
  package enum Program: Sendable, Equatable {
    /// The user's shell, interactive.
    case shell(String?)
    /// A command line for the user's shell.
    case command(String)
    /// A program with its arguments, run as it is.
    case argv([String])
  }

  package var name: SessionName?
  package var program: Program
  package var size: TerminalSize
  /// Who decides how large it is afterwards.
  package var sizePolicy: SizePolicy
  /// Working directory; `nil` for the server's user's home.
  package var directory: String?
  /// Laid over the environment that it begins from.
  package var environment: [String: String]
  /// What it begins from; `nil` for the server's own.
  package var callersEnvironment: [String: String]?
  package var tags: Set<Tag>
  /// Whether a shell gets the scripts that make it report its commands.
  package var integrates: Bool
  package var history = HistoryBounds()
  /// On whose behalf it is made, if not the local user's, in words of whoever makes it: what its processes may ask of the server.
  package var maker: String?
  /// Whose sessions it is one of, where these have a bound (``SessionQuota``): the token, or a hub's caller and the hub. Empty for the local user.
  package var holders: [String] = []

  /// Whether the terminal answers a program that asks for its title (`CSI 21 t`). A title is what somebody printed, and the answer is
  /// typed into the session, so it does not unless asked for.
  package var allowsTitleReports = false

  package static let defaultSize = TerminalSize(rows: 24, columns: 80)
  /// Longest command line, argument list or environment that is passed on, in bytes: well below the kernel's own limit, so that the
  /// refusal is ours and clear.
  package static let maximumArgumentBytes = 512 << 10
  package static let maximumTags = 64

  package init(
    name: SessionName? = nil, program: Program = .shell(nil), size: TerminalSize = defaultSize,
    directory: String? = nil,
    environment: [String: String] = [:], tags: Set<Tag> = [], integrates: Bool = true,
    sizePolicy: SizePolicy = .latest
  ) {
    self.name = name
    self.program = program
    self.size = size
    self.directory = directory
    self.environment = environment
    self.tags = tags
    self.integrates = integrates
    self.sizePolicy = sizePolicy
  }

  /// Refuses what could not be started.
  func check() throws(SessionError) {
    func refuse(_ what: String) -> SessionError { SessionError(.invalidRequest, "Invalid request: \(what).") }
    var bytes = 0
    switch program {
    case .shell(let shell):
      if let shell, !shell.hasPrefix("/") { throw refuse("'shell' must be an absolute path") }
    case .command(let command):
      if command.isEmpty { throw refuse("'command' is empty") }
      bytes += command.utf8.count
    case .argv(let argv):
      guard let first = argv.first, !first.isEmpty else { throw refuse("'argv' needs at least the program's name") }
      bytes += argv.reduce(0) { $0 + $1.utf8.count + 1 }
      if argv.contains(where: { $0.utf8.contains(0) }) { throw refuse("'argv' must not contain NUL") }
    }
    if case .command(let command) = program, command.utf8.contains(0) { throw refuse("'command' must not contain NUL") }
    for (field, name, value) in environment.map({ ("env", $0, $1) })
      + (callersEnvironment ?? [:]).map({ ("environment", $0, $1) })
    {
      if name.isEmpty || name.utf8.contains(0x3D) || name.utf8.contains(0) || value.utf8.contains(0) {
        throw refuse("'\(field)' has a name that is empty or contains '=', or a NUL")
      }
      bytes += name.utf8.count + value.utf8.count + 2
    }
    if bytes > SessionSpec.maximumArgumentBytes {
      throw refuse("the command and its environment are larger than 512 KiB")
    }
    if let directory, directory.utf8.contains(0) { throw refuse("'cwd' must not contain NUL") }
    try history.check()
    if tags.count > SessionSpec.maximumTags { throw refuse("more than \(SessionSpec.maximumTags) tags") }
  }
}
