import Glibc
import Sys

/// Where one server of this user keeps its things (XDG Base Directory Specification).
///
/// Folders that the environment names are used when they are the user's own and take files. Others are replaced, which
/// ``replacements`` states: nothing of this user's is put into another user's folder, and nobody is kept from working by a folder that
/// is not there.
package struct Paths: Sendable, Equatable {
  /// What distinguishes several servers of one user; "default" unless said otherwise.
  package let serverName: String
  /// Configuration: `$XDG_CONFIG_HOME/roost` or `~/.config/roost`. Shared by all servers of the user.
  package let configuration: String
  /// What must survive: `$XDG_STATE_HOME/roost/<server>` or `~/.local/state/roost/<server>`; with no home that can be written,
  /// `state/<server>` below ``runtime``.
  package let state: String
  /// What lives as long as the machine runs: `$XDG_RUNTIME_DIR/roost`, else `/tmp/roost-<uid>`, or, where somebody else has that,
  /// `roost/run` beside the state.
  package let runtime: String
  /// What the environment names and is not used, and what is used instead: sentences for a person.
  package let replacements: [String]

  package static let defaultServerName = "default"
  /// Leaves room for the runtime folder and the longest suffix in the 107 bytes of a socket's path.
  package static let longestServerName = 32

  /// Works the paths out; nothing is touched. `environment` answers for a variable, nil when unset or empty.
  package init(
    serverName: String = Paths.defaultServerName, environment: (String) -> String? = { Host.environment($0) },
    survey: FolderSurvey = .system
  ) throws(StoreError) {
    let allowed = serverName.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
      default: false
      }
    }
    guard allowed, !serverName.isEmpty, serverName.utf8.count <= Self.longestServerName, !serverName.hasPrefix(".")
    else {
      throw StoreError(
        code: .invalidName,
        message: "\"\(serverName)\" cannot name a server: use 1 to \(Self.longestServerName) letters, digits, - _ .")
    }
    // The specification: a relative path in these variables is to be ignored.
    func folder(_ variable: String) -> String? {
      guard let value = environment(variable), value.hasPrefix("/") else { return nil }
      return value
    }
    let home = Paths.home(folder("HOME"))
    self.serverName = serverName
    let state = Choice(
      [folder("XDG_STATE_HOME"), home.map { "\($0)/.local/state" }, Host.databaseHome.map { "\($0)/.local/state" }]
        .compactMap { $0 }
    ) { base in
      // Also what lies above: an earlier server of another user may have made it.
      survey.faultInMaking("\(base)/roost") ?? survey.faultInMaking("\(base)/roost/\(serverName)")
    }
    let ownTemporary = "/tmp/roost-\(Host.userID)"
    let runtime = Choice(
      [folder("XDG_RUNTIME_DIR").map { "\($0)/roost" }, ownTemporary, state.taken.map { "\($0)/roost/run" }]
        .compactMap { $0 }
    ) { place in
      if "\(place)/\(serverName).keeper.sock".utf8.count > UnixSocket.longestPath { return "is too long for a socket" }
      // What the system gives its users it makes itself: a folder that is missing there is not ours to make.
      if place.hasSuffix("/roost"), let fault = survey.fault(String(place.dropLast("/roost".count))) { return fault }
      return survey.faultInMaking(place)
    }
    self.runtime = runtime.taken ?? ownTemporary
    let configuration = Choice(
      [folder("XDG_CONFIG_HOME"), home.map { "\($0)/.config" }, Host.databaseHome.map { "\($0)/.config" }]
        .compactMap { $0 }
    ) { base in Paths.closedness("\(base)/roost") }
    self.configuration = configuration.taken.map { "\($0)/roost" } ?? "\(self.runtime)/config"
    self.state = state.taken.map { "\($0)/roost/\(serverName)" } ?? "\(self.runtime)/state/\(serverName)"
    replacements =
      runtime.statements(instead: self.runtime, without: "/roost")
      + state.statements(instead: state.taken ?? "\(self.runtime)/state", without: "")
      + (home == nil ? [] : configuration.statements(instead: self.configuration, without: ""))
  }

  /// Where the user is at home: what `HOME` says, or the user database.
  private static func home(_ variable: String?) -> String? {
    guard let home = variable ?? Host.databaseHome, home.hasPrefix("/") else { return nil }
    return home == "/" ? "" : home
  }

  /// Why a folder is not one for our configuration; `nil` also when there is none. One that neither we nor the system have made: whoever
  /// did could tell our server what to do. One that we may not look into, such as that of whoever has lent us his surroundings.
  private static func closedness(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else { return errno == EACCES ? "is closed to you" : nil }
    if status.st_uid != geteuid(), status.st_uid != 0 { return "is not yours" }
    return access(path, X_OK) == 0 ? nil : "is closed to you"
  }

  /// The server's socket for clients.
  package var socket: String { "\(runtime)/\(serverName).sock" }
  /// The keeper's socket for the server.
  package var keeperSocket: String { "\(runtime)/\(serverName).keeper.sock" }
  /// Held by the running server of this name, whatever folder its sockets are in; and what it says of itself.
  package var stateLock: String { "\(state)/server.lock" }
  /// Held by the server whose sockets are in this folder.
  package var lock: String { "\(runtime)/\(serverName).lock" }
  /// The scripts of the shell integration; the same for every server.
  package var shellIntegration: String { "\(runtime)/shell" }
  /// What a server started in the background says of itself.
  package var log: String { "\(state)/server.log" }
  package var tokenDatabase: String { "\(state)/tokens.sqlite" }
  package var cursorDatabase: String { "\(state)/cursors.sqlite" }
  /// What the user has written down: ``configuration`` and a name.
  package var configurationFile: String { "\(configuration)/config.toml" }
  /// How the user wants sessions shown, on whichever server.
  package var clientConfigurationFile: String { "\(configuration)/client.toml" }
  /// The servers behind this one, without their tokens.
  package var registryDatabase: String { "\(state)/servers.sqlite" }
  /// A file with the token of each of them.
  package var backendTokens: String { "\(state)/backend-tokens" }
  /// The event log: a folder for each day.
  package var events: String { "\(state)/events" }
  /// The audit records as lines of text.
  package var audit: String { "\(state)/audit" }
  /// The certificate that a server made for itself, and its key.
  package var ownCertificate: String { "\(state)/tls-certificate.pem" }
  package var ownCertificateKey: String { "\(state)/tls-key.pem" }
  package var identityFile: String { "\(state)/server_id" }

  /// Makes the runtime folder, and refuses one that others own or can enter: its sockets are the way in.
  package func prepareRuntime() throws(StoreError) { try preparePrivateFolder(runtime) }

  /// Makes the state folder, private to the user.
  package func prepareState() throws(StoreError) { try preparePrivateFolder(state) }
}

/// The first of several places that can be used.
private struct Choice {
  let taken: String?
  /// Those before it, and why not.
  private var faults: [(place: String, fault: String)] = []

  init(_ places: [String], fault: (String) -> String?) {
    for place in places {
      guard let fault = fault(place) else {
        taken = place
        return
      }
      if !faults.contains(where: { $0.place == place }) { faults.append((place, fault)) }
    }
    taken = nil
  }

  /// One sentence: what was wanted first is what the user has to know of.
  func statements(instead: String, without suffix: String) -> [String] {
    guard let (place, fault) = faults.first else {
      return taken == nil ? ["no home folder is known; using \(instead)"] : []
    }
    let named = place.hasSuffix(suffix) ? String(place.dropLast(suffix.count)) : place
    return ["\(named) \(fault); using \(instead)"]
  }
}

/// Makes a folder of mode 0700 (its parents as needed) and checks that it is a real folder of ours that nobody else
/// can enter.
package func preparePrivateFolder(_ path: String) throws(StoreError) {
  if mkdir(path, 0o700) != 0, errno != EEXIST {
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw cannotBeMade(path)
    }
    try makeParents(String(path[..<slash]))
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw cannotBeMade(path)
    }
  }
  // lstat: in /tmp somebody else could have put a link of that name before us.
  var status = stat()
  guard lstat(path, &status) == 0 else {
    throw StoreError(code: .systemFailure, message: "\(path): \(SystemError.last("lstat").reason)")
  }
  guard status.st_mode & S_IFMT == S_IFDIR else {
    throw StoreError(code: .unsafeFolder, message: "\(path) is not a folder; move it away")
  }
  guard status.st_uid == geteuid() else {
    throw StoreError(code: .unsafeFolder, message: "\(path) belongs to another user (uid \(status.st_uid))")
  }
  guard status.st_mode & 0o077 == 0 else {
    throw StoreError(code: .unsafeFolder, message: "\(path) can be entered by others; run: chmod 700 \(path)")
  }
}

private func cannotBeMade(_ path: String) -> StoreError {
  let failure = SystemError.last("mkdir")
  return StoreError(failure, "\(path) cannot be made: \(failure.reason)")
}

/// The folders above ours (`~/.local`, `~/.local/state`): made if missing, otherwise left as they are.
private func makeParents(_ path: String) throws(StoreError) {
  if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
  if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
    try makeParents(String(path[..<slash]))
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
  }
  throw cannotBeMade(path)
}
