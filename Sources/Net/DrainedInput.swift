/// What a loop reads from connections that it has answered and is closing, only to throw it away.
///
/// It has to read some: a peer that still sends a body would otherwise meet a reset, and never read the answer (RFC 9112 §9.6). But whoever
/// sends bodies to be refused is not to have a processor for that. All closing connections of a loop share so many bytes a second; who is over
/// it waits, and TCP has its peer wait.
final class DrainedInput {
  /// A quarter of what the kernel copies in a millisecond, each millisecond.
  private static let bytesPerMillisecond = 8 * 1024
  /// Read at once where nobody else does: a request that was refused for its size, as a rule, whole.
  private static let mostAtOnce = 2 * 1024 * 1024
  private static let pause = Duration.milliseconds(8)

  private unowned let loop: EventLoop
  private var left = DrainedInput.mostAtOnce
  private var countedAt: UInt64
  private var waiting: [Weak] = []
  private var timer: LoopTimer?

  private struct Weak { weak var socket: Socket? }

  init(loop: EventLoop) {
    self.loop = loop
    countedAt = loop.milliseconds
  }

  /// So many bytes have been read.
  /// - Returns: Whether the socket may go on reading; otherwise it is to stop, and is told when it may again.
  func took(_ bytes: Int, from socket: Socket) -> Bool {
    refill()
    left -= bytes
    if left > 0 && waiting.isEmpty { return true }
    waiting.append(Weak(socket: socket))
    if timer == nil { timer = loop.schedule(after: Self.pause, every: Self.pause) { [unowned self] in goOn() } }
    return false
  }

  private func refill() {
    let now = loop.milliseconds
    left = min(Self.mostAtOnce, left + Int(clamping: now - countedAt) * Self.bytesPerMillisecond)
    countedAt = now
  }

  /// Each of them reads once, the longest waiting first.
  private func goOn() {
    refill()
    var count = 0
    while count < waiting.count, left - count * EventLoop.readBufferBytes > 0 {
      waiting[count].socket?.drainOn()
      count += 1
    }
    waiting.removeFirst(count)
    guard waiting.isEmpty else { return }
    timer?.cancel()
    timer = nil
  }
}
