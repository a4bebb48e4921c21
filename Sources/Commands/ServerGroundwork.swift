import Cluster
import Glibc
import Keeper
import Net
import Sessions
import Store
import Sys

/// What a server does while it still has one thread: takes its name, and lets a copy of itself be the keeper.
struct ServerGroundwork: Sendable {
  let options: ServeOptions
  let paths: Paths
  let identity: ServerIdentity
  /// The identity is to be made durable: it takes as long as the disk does, so that is done beside the rest of the start.
  let isNewIdentity: Bool
  /// The pidfd of a keeper that was started here; nil when one runs already.
  let keeper: CInt?
  /// What the user has written down about other servers, and where.
  let configuration: ClusterConfiguration
  let configurationFile: String
  let lock: ServerLock
  /// Where the keeper is: with the sockets, unless that of an earlier server holds sessions elsewhere.
  let keeperSocket: String

  init(_ options: ServeOptions) throws(CommandFailure) {
    ignoreBrokenPipe()
    // The options have them.
    SecretVariables.erase()
    if options.token != nil { Launch.keepSecrets() }
    do {
      try ServerGroundwork.checkOpenFiles(options)
      self.options = options
      paths = try Paths(serverName: options.serverName)
      (configuration, configurationFile) = try ServerGroundwork.configuration(options, paths)
      // Their tokens have been read, to see whether they are others than before.
      if configuration.namesTokens { Launch.keepSecrets() }
      for replacement in paths.replacements { complain(replacement) }
      try paths.prepareRuntime()
      try paths.prepareState()
      lock = try ServerLock.take(paths, socket: options.socketPath)
      // Under the lock: no other server can start one at the same moment.
      keeperSocket = ServerGroundwork.keeperSocket(paths, lock)
      keeper = try KeeperLaunch.copyIfMissing(at: keeperSocket)
      let known = try ServerIdentity.read(paths)
      identity = known ?? ServerIdentity()
      isNewIdentity = known == nil
    } catch {
      let failure = ServerGroundwork.failure(error)
      // Whoever launched us reads this line instead of "ready".
      if let descriptor = options.readinessDescriptor { Launch.announce(failure.message, on: descriptor) }
      throw failure
    }
  }

  /// Its files, its databases and its listeners; a few for those who ask. Each loop has some of its own.
  private static let leastOpenFiles = 40
  private static let openFilesPerLoop = 4

  /// With fewer it would come up, and then answer nobody.
  private static func checkOpenFiles(_ options: ServeOptions) throws(CommandFailure) {
    let least = leastOpenFiles + openFilesPerLoop * (options.loops ?? Server.defaultLoops)
    let limit = Host.hardOpenFileLimit
    guard limit < least else { return }
    throw CommandFailure(
      .failed, "the limit of open files is \(limit), and a server needs \(least) at least; raise it ('ulimit -n')")
  }

  /// The user's folders may be others now (a login instead of a job of cron's) than when the sessions were made.
  private static func keeperSocket(_ paths: Paths, _ lock: ServerLock) -> String {
    guard let earlier = lock.previous, earlier.hostname == Host.hostname, earlier.keeperSocket != paths.keeperSocket,
      KeeperProbe.sessionsWaiting(at: earlier.keeperSocket) ?? 0 > 0
    else { return paths.keeperSocket }
    lock.record(keeperSocket: earlier.keeperSocket)
    return earlier.keeperSocket
  }

  /// A file that is wrong is no reason to go on without it: `ip_access` could be among what it says. One that was named must be there.
  private static func configuration(
    _ options: ServeOptions, _ paths: Paths
  ) throws(CommandFailure) -> (ClusterConfiguration, String) {
    var file = paths.configurationFile
    if let named = options.configurationFile {
      file = named.hasPrefix("/") ? named : "\(ClientContext.currentDirectory ?? ".")/\(named)"
      guard access(file, F_OK) == 0 else {
        throw CommandFailure(.usage, "--config: there is no file \(printable(file))")
      }
    }
    do throws(RegistryError) {
      return (try ClusterConfiguration.load(file), file)
    } catch {
      throw CommandFailure(.usage, error.message, serverCode: error.code.rawValue)
    }
  }

  /// Waits for the disk, if the identity is new.
  @concurrent
  func storeIdentity() async throws(StoreError) {
    if isNewIdentity { try identity.store(paths) }
  }

  static func failure(_ error: any Error) -> CommandFailure {
    switch error {
    case let error as CommandFailure: error
    case let error as StoreError: CommandFailure(error.code == .alreadyRunning ? .conflict : .failed, error.message)
    case let error as NetError: CommandFailure(.failed, error.message)
    case let error as KeeperError: CommandFailure(.failed, error.message)
    case let error as RegistryError: CommandFailure(.failed, error.message)
    case let error as SessionError: CommandFailure(.failed, error.message)
    default: CommandFailure(.failed, String(describing: error))
    }
  }
}
