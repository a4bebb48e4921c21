import Net
import Synchronization
import Sys

/// Gives the system back what the allocator keeps of freed memory.
///
/// Packing a session's history frees hundreds of pages that lie between others, which the C library would keep for later for good.
enum FreedMemory {
  /// Less is not worth a walk through the heap, which takes about as long as packing did.
  private static let worthwhile = 64 << 10
  /// Sessions that fell silent together are served by one walk.
  private static let patience = Duration.milliseconds(250)

  private static let isPlanned = Atomic<Bool>(false)
  /// Freed since the last walk.
  private static let freed = Atomic<Int>(0)

  /// Called with the number of bytes that were freed, when nobody waits for the loop.
  static func giveBackSoon(_ bytes: Int, on loop: EventLoop) {
    guard freed.wrappingAdd(bytes, ordering: .relaxed).newValue >= worthwhile,
      !isPlanned.exchange(true, ordering: .relaxed)
    else { return }
    // The timer holds itself until it has fired.
    var timer: LoopTimer?
    timer = loop.schedule(after: patience) {
      isPlanned.store(false, ordering: .relaxed)
      freed.store(0, ordering: .relaxed)
      giveBackFreedMemory()
      withExtendedLifetime(timer) { timer = nil }
    }
  }
}
