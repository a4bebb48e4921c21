import Net
import Sys

/// Watches over a command's requests: a server that is stopped (SIGSTOP, a debugger, a machine that swaps) answers nothing, and says nothing of
/// that. What takes long by its nature is told from it by asking the server, over another connection, whether it lives.
///
/// On the client's loop.
actor ServerPatience {
  /// Nanoseconds of silence after which the user is told what is waited for.
  static let tellsAfter: UInt64 = 2_000_000_000
  /// Nanoseconds of silence after which the command ends.
  static let givesUpAfter: UInt64 = 20_000_000_000
  /// How often a request that is under way is looked at.
  private static let looks = Duration.seconds(1)

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  private let address: ServerAddress
  private let note: @Sendable (String) -> Void
  private let giveUp: @Sendable () -> Void
  private var underWay = 0
  private var cancels: [@Sendable () -> Void] = []
  private var timer: LoopTimer?
  private var isAsking = false
  /// Since when nothing has shown that the server lives (monotonic nanoseconds).
  private var silentSince: UInt64 = 0
  private var hasTold = false
  /// The command is to end.
  private(set) var isOver = false

  /// - Parameters:
  ///   - note: Tells the user what is waited for; once for each silence.
  ///   - giveUp: Has the requests that are under way fail.
  init(
    address: ServerAddress, loop: EventLoop, note: @escaping @Sendable (String) -> Void,
    giveUp: @escaping @Sendable () -> Void
  ) {
    self.address = address
    self.loop = loop
    self.note = note
    self.giveUp = giveUp
  }

  /// A request begins; `answered()` is to follow.
  /// - Parameter cancel: Has it fail, where ending the client does not.
  func asked(_ cancel: (@Sendable () -> Void)? = nil) {
    underWay += 1
    if let cancel { cancels.append(cancel) }
    guard timer == nil else { return }
    silentSince = Clock.monotonic
    timer = loop.schedule(after: Self.looks, every: Self.looks) { [weak self] in self?.assumeIsolated { $0.look() } }
  }

  func answered() {
    underWay -= 1
    silentSince = Clock.monotonic
    guard underWay == 0 else { return }
    cancels = []
    timer?.cancel()
    timer = nil
  }

  /// The failure of a request that was given up.
  var failure: CommandFailure {
    CommandFailure(
      .noServer, "the server at \(address.description) does not answer",
      hint: "It may be stopped: 'kill -CONT' lets such a process go on.", serverCode: "no_answer")
  }

  private func look() {
    let silence = Clock.monotonic &- silentSince
    if silence >= Self.givesUpAfter {
      isOver = true
      timer?.cancel()
      timer = nil
      for cancel in cancels { cancel() }
      return giveUp()
    }
    if silence >= Self.tellsAfter, isAsking, !hasTold {
      hasTold = true
      note("waiting for the server at \(address.description), which does not answer")
    }
    guard !isAsking else { return }
    isAsking = true
    Task { await askWhetherItLives() }
  }

  private func askWhetherItLives() async {
    let probe = HTTPClient(endpoint: address.endpoint, loop: loop, tls: address.tls)
    // Whatever it answers, it lives.
    if (try? await probe.send(HTTPClientRequest("GET", "/health", timeout: .seconds(30)))) != nil {
      silentSince = Clock.monotonic
      hasTold = false
    }
    isAsking = false
  }
}
