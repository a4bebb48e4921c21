import Net
import Operations

/// A WebSocket over which operations are asked for by name. Requests run side by side and are answered as they end.
protocol OperationSocket: Actor {
  var webSocket: WebSocket { get }
  var catalogue: Catalogue { get }
  /// Who opened the socket.
  var call: Call { get }
  var requests: RunningRequests { get set }
  /// Why the socket is not being read at the moment.
  var pauses: Set<ReadingPause> { get set }
}

/// Why a socket is not read for a while. It is read again when no reason is left.
enum ReadingPause: Sendable {
  /// The terminal has not read what was typed.
  case input
  /// The client has not read its answers.
  case output
}

/// The requests of one socket that wait for their answers.
struct RunningRequests {
  /// Most requests that one socket may have waiting. An agent waits on each of its sessions at once; past that, waiting calls pile up
  /// for nobody.
  static let maximum = 256

  /// Bytes of answers that may wait for the client before no more requests are read.
  static let maximumQueued = 1 << 20

  /// Operations whose effects must come in the order asked for. Keystrokes that overtake each other are another text.
  static let ordered: Set<String> = ["session.input", "session.keys", "session.resize"]

  fileprivate var tasks: [UInt64: Task<Void, Never>] = [:]
  fileprivate var lastOrdered: Task<Void, Never>?
  private var last: UInt64 = 0

  /// A number for a new request; `nil` when too many run.
  fileprivate mutating func admit() -> UInt64? {
    guard tasks.count < RunningRequests.maximum else { return nil }
    last += 1
    return last
  }

  /// Stops waiting for one; its answer will not be sent.
  mutating func cancel(_ number: UInt64) { tasks.removeValue(forKey: number)?.cancel() }

  /// The socket is gone.
  mutating func cancelAll() {
    for task in tasks.values { task.cancel() }
    tasks.removeAll()
    lastOrdered = nil
  }
}

extension OperationSocket {
  static var tooMany: OperationError {
    OperationError(
      .resourceLimitReached, "Resource limit reached: \(RunningRequests.maximum) requests wait on this socket.")
  }

  /// Starts work whose answer is sent when it is there. Returns the request's number, or `nil` when too many run.
  @discardableResult
  func start(ordered: Bool = false, _ work: @escaping @Sendable () async -> [UInt8]?) -> UInt64? {
    guard let number = requests.admit() else { return nil }
    let previous = ordered ? requests.lastOrdered : nil
    let task = Task { [self] in
      await previous?.value
      let answer = await work()
      finish(number, answer)
    }
    requests.tasks[number] = task
    if ordered { requests.lastOrdered = task }
    return number
  }

  /// Sends an answer. A client that asks and does not read is not listened to until it does, so its answers cannot pile up.
  func reply(_ answer: [UInt8]) {
    webSocket.send(text: answer)
    if webSocket.queuedBytes > RunningRequests.maximumQueued { pause(.output) }
  }

  func pause(_ reason: ReadingPause) {
    if pauses.isEmpty { webSocket.pauseReading() }
    pauses.insert(reason)
  }

  func resume(_ reason: ReadingPause) {
    if pauses.remove(reason) != nil, pauses.isEmpty { webSocket.resumeReading() }
  }

  private func finish(_ number: UInt64, _ answer: [UInt8]?) {
    // Cancelled meanwhile: whoever cancelled has answered.
    guard requests.tasks.removeValue(forKey: number) != nil else { return }
    if let answer { reply(answer) }
  }

  /// Performs an operation for a request and answers it.
  @discardableResult
  func perform(_ operation: String, _ arguments: Arguments, for message: SocketMessage) -> UInt64? {
    let (catalogue, call) = (catalogue, call)
    let number = start(ordered: RunningRequests.ordered.contains(operation)) {
      do throws(OperationError) {
        return message.answer(try await catalogue.perform(operation, arguments, for: call))
      } catch {
        return message.answer(error)
      }
    }
    if number == nil { reply(message.answer(Self.tooMany)) }
    return number
  }
}
