import Formats
package import Net
import Synchronization

/// What goes on in the name of tokens and answers later, so that it ends with them: a token that is revoked, or whose time is over, must not
/// read on in a wait or a stream.
///
/// Shared by all loops, hence a mutex and no actor.
package final class TokenTenures: Sendable {
  /// Tokens that were revoked of late. A call that was let in before is refused what it asks for after; none lasts while so many are revoked.
  private static let maximumRevoked = 4096

  private struct State {
    var holds: [UInt64: (token: String, hold: Hold)] = [:]
    var last: UInt64 = 0
    var revoked: Set<String> = []
    /// The same, oldest first.
    var order: [String] = []
    /// When the timer that is next rings.
    var nextLook: Timestamp?
  }

  private let state = Mutex(State())
  private let loop: EventLoop

  /// - Parameter loop: where its timers run.
  package init(loop: EventLoop) { self.loop = loop }

  /// Something that goes on in the name of a call's token.
  package final class Hold: Sendable {
    private let tenures: TokenTenures?
    private let number: UInt64
    fileprivate let expiresAt: Timestamp?
    private let end: @Sendable () -> Void
    private let failure = Mutex<OperationError?>(nil)

    fileprivate init(
      _ tenures: TokenTenures?, _ number: UInt64, expiresAt: Timestamp?, _ end: @escaping @Sendable () -> Void
    ) {
      self.tenures = tenures
      self.number = number
      self.expiresAt = expiresAt
      self.end = end
    }

    /// Why it must not go on; `nil` while it may.
    package var ended: OperationError? {
      if let failure = failure.withLock({ $0 }) { return failure }
      return expiresAt.map { $0 <= .now() } == true ? TokenTenures.expired : nil
    }

    fileprivate func end(_ error: OperationError) {
      let isFirst = failure.withLock { failure in
        defer { failure = failure ?? error }
        return failure == nil
      }
      if isFirst { end() }
    }

    /// It is over by itself.
    package func release() { tenures?.release(number) }
  }

  private static let revoked = OperationError(
    .authInvalid, "The token of this call was revoked meanwhile; use another.")
  private static let expired = OperationError(
    .authInvalid, "The token of this call has expired meanwhile; have another one made.")

  /// Why a call may not go on that was let in before; `nil` where it may.
  package func refusal(of call: Call) -> OperationError? {
    guard let token = call.principal.tokenID else { return nil }
    if let end = call.access.expiresAt, end <= .now() { return TokenTenures.expired }
    return state.withLock { $0.revoked.contains(token) } ? TokenTenures.revoked : nil
  }

  /// Notes what goes on for a call. `end` is called once when its token has come to an end, from any thread; at once when it has already.
  package func hold(_ call: Call, _ end: @escaping @Sendable () -> Void) -> Hold {
    guard let token = call.principal.tokenID else { return Hold(nil, 0, expiresAt: nil, end) }
    let expiry = call.access.expiresAt
    let (hold, isRevoked, look) = state.withLock { state in
      state.last += 1
      let hold = Hold(self, state.last, expiresAt: expiry, end)
      state.holds[state.last] = (token, hold)
      return (hold, state.revoked.contains(token), TokenTenures.nextLook(expiry, &state))
    }
    if isRevoked { hold.end(TokenTenures.revoked) }
    if let look { schedule(look) }
    return hold
  }

  private func release(_ number: UInt64) { _ = state.withLock { $0.holds.removeValue(forKey: number) } }

  /// A token was revoked: what goes on for it ends.
  package func end(token id: String) {
    let holds = state.withLock { state in
      if state.revoked.insert(id).inserted { state.order.append(id) }
      if state.order.count > TokenTenures.maximumRevoked { state.revoked.remove(state.order.removeFirst()) }
      return state.holds.values.filter { $0.token == id }.map(\.hold)
    }
    for hold in holds { hold.end(TokenTenures.revoked) }
  }

  // MARK: Time

  /// When to look for what has expired, if that is sooner than is looked already. One timer serves all.
  private static func nextLook(_ expiry: Timestamp?, _ state: inout State) -> Timestamp? {
    guard let expiry, state.nextLook.map({ expiry < $0 }) ?? true else { return nil }
    state.nextLook = expiry
    return expiry
  }

  private func schedule(_ moment: Timestamp) {
    let left = Duration.milliseconds(max(0, moment.milliseconds - Timestamp.now().milliseconds))
    // As long as timers are set for; what lasts longer is looked at again then.
    loop.fire(after: min(left, .seconds(24 * 3600))) { [weak self] in self?.look(moment) }
  }

  private func look(_ moment: Timestamp) {
    let now = Timestamp.now()
    let (over, next) = state.withLock { state in
      let over = state.holds.values.map(\.hold).filter { $0.expiresAt.map { $0 <= now } == true }
      // A sooner timer has been set meanwhile, and looks after the rest.
      guard state.nextLook == moment else { return (over, Timestamp?.none) }
      state.nextLook = nil
      let rest = state.holds.values.compactMap(\.hold.expiresAt).filter { $0 > now }.min()
      state.nextLook = rest
      return (over, rest)
    }
    for hold in over { hold.end(TokenTenures.expired) }
    if let next { schedule(next) }
  }

  // MARK: Calls

  /// Performs what waits for a call, which is cancelled when its token comes to an end; then that is the answer, whatever came of it.
  func during(
    _ call: Call, isolation: isolated (any Actor)? = #isolation,
    _ body: @escaping @Sendable () async -> Result<Answer, OperationError>
  ) async -> Result<Answer, OperationError> {
    let task = Task {
      _ = isolation
      return await body()
    }
    let hold = hold(call) { task.cancel() }
    let outcome = await withTaskCancellationHandler {
      await task.value
    } onCancel: {
      task.cancel()
    }
    hold.release()
    return hold.ended.map { .failure($0) } ?? outcome
  }
}
