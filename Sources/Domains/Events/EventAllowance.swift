import Net
import Operations
import Synchronization

/// How much of the log may be on its way to one client that follows events: ample for those that read; less and less for those of a token
/// whose clients have left much unread, held against ``Share/eventBytes``. Nothing is lost by it: a follower's place in the log waits.
///
/// Bound to the client's loop.
final class EventAllowance: @unchecked Sendable {
  // Unchecked: what changes is touched on the loop only.

  /// Once so much waits for the client, nothing more is taken from the log.
  static let ample = 256 * 1024
  /// Where a quarter of the token's share is unread: an event, or some small ones.
  static let scant = 16 * 1024
  /// Taken from the log at once.
  static let pieceBytes = 64 * 1024
  /// What a read from the files under way may come to: counted beforehand, so that a thousand are not begun for room that there is once.
  private static let heldByRead = 256 * 1024
  /// The part of a share up to which there is plenty.
  private static let plenty = 0.25

  private let loop: EventLoop
  private let accounts: Accounts
  private let principal: Principal
  private let waiters: EventWaiters
  /// Reads that are under way for the client.
  private var reads = 0
  private var counted = 0
  private var lease: Accounts.Lease?
  private var isWaiting = false
  private var isOver = false
  /// Called when there is room that ``wait()`` asked for.
  var onRoom: () -> Void = {}

  init(_ call: Call, _ accounts: Accounts, _ waiters: EventWaiters, loop: EventLoop) {
    self.accounts = accounts
    self.waiters = waiters
    self.loop = loop
    principal = call.principal
  }

  /// How much may wait for the client now; 0: it is given nothing until there is room.
  var window: Int {
    let fullness = accounts.fullness(.eventBytes, for: principal)
    return fullness < EventAllowance.plenty ? EventAllowance.ample : fullness < 1 ? EventAllowance.scant : 0
  }

  /// So much waits for the client.
  func note(queued: Int) {
    let bytes = queued + reads * EventAllowance.heldByRead
    guard let holder = principal.holder, bytes != counted, !isOver else { return }
    let isLess = bytes < counted
    lease?.leave()
    lease = bytes > 0 ? accounts.lease(.eventBytes, bytes, for: principal, isOwed: true) : nil
    counted = bytes
    if isLess { waiters.wake(holder) }
  }

  func readBegan() { reads += 1 }
  func readEnded() { reads -= 1 }

  /// Has ``onRoom`` called once there may be some.
  func wait() {
    guard let holder = principal.holder, !isWaiting, !isOver else { return }
    isWaiting = true
    waiters.add(self, of: holder) { [self] in loop.execute { self.wakened(holder) } }
    // Another loop may have made room meanwhile.
    if window > 0 { waiters.wake(holder) }
  }

  private func wakened(_ holder: String) {
    isWaiting = false
    if !isOver { onRoom() }
    // The next has its turn while there is room.
    if window > 0 { waiters.wake(holder) }
  }

  /// The client is gone.
  func end() {
    note(queued: 0)
    isOver = true
    lease?.leave()
    onRoom = {}
    guard let holder = principal.holder else { return }
    if isWaiting { waiters.remove(self, of: holder) }
    waiters.wake(holder)
  }
}

/// The followers that wait until their token's others have read, in the order in which they came. Shared by all loops, hence a mutex.
final class EventWaiters: Sendable {
  private typealias Waiter = (id: ObjectIdentifier, wake: @Sendable () -> Void)

  private let waiting = Mutex<[String: [Waiter]]>([:])

  func add(_ allowance: EventAllowance, of holder: String, _ wake: @escaping @Sendable () -> Void) {
    let id = ObjectIdentifier(allowance)
    waiting.withLock { $0[holder, default: []].append((id, wake)) }
  }

  func remove(_ allowance: EventAllowance, of holder: String) {
    let id = ObjectIdentifier(allowance)
    waiting.withLock { waiting in
      waiting[holder]?.removeAll { $0.id == id }
      if waiting[holder]?.isEmpty == true { waiting[holder] = nil }
    }
  }

  /// Room was made by that holder: one of its own looks again, and one of another's, since all share what there is.
  func wake(_ holder: String) {
    let woken = waiting.withLock { waiting in
      [waiting[holder] == nil ? nil : holder, waiting.keys.first { $0 != holder }].compactMap { name -> Waiter? in
        guard let name else { return nil }
        let first = waiting[name]?.removeFirst()
        if waiting[name]?.isEmpty == true { waiting[name] = nil }
        return first
      }
    }
    for waiter in woken { waiter.wake() }
  }
}
