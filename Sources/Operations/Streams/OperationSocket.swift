package import Net

/// A WebSocket over which operations are asked for by name. Requests run side by side and are answered as they end.
package protocol OperationSocket: Actor {
  var webSocket: any MessageSocket { get }
  var catalogue: Catalogue { get }
  /// Who opened the socket.
  var call: Call { get }
  var requests: RunningRequests { get set }
  /// Why the socket is not being read at the moment.
  var pauses: Set<ReadingPause> { get set }
}

/// Why a socket is not read for a while. It is read again when no reason is left.
package enum ReadingPause: Sendable {
  /// The terminal has not read what was typed.
  case input
  /// The client has not read its answers.
  case output
  /// Requests that must be done in their order wait for each other.
  case order
}

/// The requests of one socket that wait for their answers.
package struct RunningRequests {
  /// Most requests that one socket may have waiting. An agent waits on each of its sessions at once; past that, waiting calls pile up
  /// for nobody.
  static let maximum = 256

  /// Requests that may wait for an earlier one before no more are read. They are done in microseconds each, so this is a moment.
  fileprivate static let maximumOrdered = 64

  /// Bytes of answers that may wait for the client before no more requests are read.
  package static let maximumQueued = 1 << 20

  /// What may wait for the client when the next such answer is made, in bytes.
  fileprivate static let unreadBeforeLong = 64 << 10

  /// A long answer is being made.
  fileprivate var isMakingLong = false
  /// Requests for such, in their order.
  fileprivate var waitingForLong: [CheckedContinuation<Void, Never>] = []

  /// What is kept for answers that the client has not read yet.
  fileprivate var unread: [AnswerRemarks] = []

  fileprivate var tasks: [UInt64: Task<Void, Never>] = [:]
  fileprivate var ordered: Set<UInt64> = []
  fileprivate var lastOrdered: Task<Void, Never>?
  private var last: UInt64 = 0

  package init() {}

  /// A number for a new request; `nil` when too many run. Those that are done in order are never refused: a keystroke that is left
  /// out is another text, and they are over in a moment.
  fileprivate mutating func admit(isOrdered: Bool) -> UInt64? {
    guard isOrdered || tasks.count - ordered.count < RunningRequests.maximum else { return nil }
    last += 1
    if isOrdered { ordered.insert(last) }
    return last
  }

  fileprivate mutating func remove(_ number: UInt64) -> Bool {
    ordered.remove(number)
    if ordered.isEmpty { lastOrdered = nil }
    return tasks.removeValue(forKey: number) != nil
  }

  /// Stops waiting for one; its answer will not be sent.
  package mutating func cancel(_ number: UInt64) {
    tasks.removeValue(forKey: number)?.cancel()
    ordered.remove(number)
  }

  /// The socket is gone.
  package mutating func cancelAll() {
    for task in tasks.values { task.cancel() }
    tasks.removeAll()
    ordered.removeAll()
    lastOrdered = nil
    unread = []
    // They see that they have been cancelled.
    let waiting = waitingForLong
    waitingForLong = []
    for continuation in waiting { continuation.resume() }
  }
}

extension OperationSocket {
  package static var tooMany: OperationError {
    OperationError(
      .resourceLimitReached, "Resource limit reached: \(RunningRequests.maximum) requests wait on this socket.")
  }

  /// Starts work whose answer is sent when it is there. Returns the request's number, or `nil` when too many run.
  /// - Parameters:
  ///   - isLong: Whether it waits for its turn among the long answers of this socket.
  ///   - remarks: Kept until the client has read the answer.
  @discardableResult
  package func start(
    ordered: Bool = false, isLong: Bool = false, keeping remarks: AnswerRemarks? = nil,
    _ work: @escaping @Sendable () async -> [UInt8]?
  ) -> UInt64? {
    guard let number = requests.admit(isOrdered: ordered) else { return nil }
    let previous = ordered ? requests.lastOrdered : nil
    let task = Task { [self] in
      await previous?.value
      if isLong { await awaitTurnForLong() }
      // Nobody waits for it any more.
      let answer = isLong && Task.isCancelled ? nil : await work()
      finish(number, answer, remarks)
      if isLong { leaveTurnForLong() }
    }
    requests.tasks[number] = task
    if ordered {
      requests.lastOrdered = task
      if requests.ordered.count > RunningRequests.maximumOrdered { pause(.order) }
    }
    return number
  }

  private func awaitTurnForLong() async {
    await withCheckedContinuation { continuation in
      guard !Task.isCancelled else { return continuation.resume() }
      requests.waitingForLong.append(continuation)
      letNextMakeLong()
    }
  }

  private func leaveTurnForLong() {
    requests.isMakingLong = false
    letNextMakeLong()
  }

  private func letNextMakeLong() {
    guard !requests.isMakingLong, !requests.waitingForLong.isEmpty,
      webSocket.queuedBytes <= RunningRequests.unreadBeforeLong
    else { return }
    requests.isMakingLong = true
    requests.waitingForLong.removeFirst().resume()
  }

  /// Sends an answer. A client that asks and does not read is not listened to until it does, so its answers cannot pile up.
  package func reply(_ answer: [UInt8]) {
    webSocket.send(text: answer)
    if webSocket.queuedBytes > RunningRequests.maximumQueued { pause(.output) }
  }

  package func pause(_ reason: ReadingPause) {
    if pauses.isEmpty { webSocket.pauseReading() }
    pauses.insert(reason)
  }

  package func resume(_ reason: ReadingPause) {
    if pauses.remove(reason) != nil, pauses.isEmpty { webSocket.resumeReading() }
  }

  /// The client has read all that it was sent.
  package func outputDrained() {
    requests.unread = []
    resume(.output)
    letNextMakeLong()
  }

  private func finish(_ number: UInt64, _ answer: [UInt8]?, _ remarks: AnswerRemarks?) {
    // Cancelled meanwhile: whoever cancelled has answered.
    let isAwaited = requests.remove(number)
    if requests.ordered.isEmpty { resume(.order) }
    guard isAwaited else { return }
    guard let answer else { return }
    reply(answer)
    if let remarks, webSocket.queuedBytes > 0 { requests.unread.append(remarks) }
  }

  /// Performs an operation for a request and answers it.
  @discardableResult
  package func perform(_ operation: String, _ arguments: Arguments, for message: SocketMessage) -> UInt64? {
    var call = call.correlated(by: message.correlationID)
    let remarks = AnswerRemarks()
    call.remarks = remarks
    let (catalogue, asked) = (catalogue, call)
    let stated = catalogue.operation(named: operation)
    let number = start(
      ordered: stated?.isOrdered == true, isLong: stated?.answersAtLength == true,
      keeping: remarks
    ) {
      do throws(OperationError) {
        return message.answer(try await catalogue.perform(operation, arguments, for: asked))
      } catch {
        return message.answer(error)
      }
    }
    if number == nil { reply(message.answer(Self.tooMany)) }
    return number
  }
}
