import CUV
import Glibc

/// What wakes a loop from its poll: the end of a pipe that is polled like any other descriptor.
///
/// Not libuv's `uv_async_t`: its receiver spins until the sender has come back from its system call (libuv 1.44, `uv__async_spin`), for up to
/// 40 µs where the two share a core, and every message between loops would pay that.
final class LoopWake: @unchecked Sendable {
  // Unchecked: the descriptors are set once; the handle is touched on the loop only.
  private let handle: UnsafeMutablePointer<uv_poll_t>
  private let receiving: CInt
  private let sending: CInt

  /// Nil when the system has no descriptor left.
  init?(_ uv: UnsafeMutablePointer<uv_loop_t>) {
    var ends: [CInt] = [-1, -1]
    let flags = CInt(UV_NONBLOCK_PIPE.rawValue)
    guard uv_pipe(&ends, flags, flags) == 0 else { return nil }
    (receiving, sending) = (ends[0], ends[1])
    handle = .allocate(capacity: 1)
    guard uv_poll_init(uv, handle, receiving) == 0 else {
      Glibc.close(receiving)
      Glibc.close(sending)
      handle.deallocate()
      return nil
    }
    // No data: what walks the loop's handles takes that for one of ours.
    handle.pointee.data = nil
    uv_poll_start(handle, CInt(UV_READABLE.rawValue)) { handle, _, _ in
      var receiving = uv_os_fd_t(-1)
      guard let handle,
        uv_fileno(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self), &receiving) == 0
      else { return }
      withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { _ = read(receiving, $0.baseAddress, 64) }
    }
  }

  /// The handle, as libuv's walks see it.
  var raw: UnsafeMutableRawPointer { UnsafeMutableRawPointer(handle) }

  /// Wakes the loop; any thread. What it is woken for must have been left before.
  func send() {
    var byte: UInt8 = 1
    // A full pipe wakes as well as one byte does.
    _ = write(sending, &byte, 1)
  }

  /// On the loop, before it is closed.
  func close() {
    uv_close(raw.assumingMemoryBound(to: uv_handle_t.self), nil)
  }

  /// After the loop is closed: nobody sends any more.
  func free() {
    Glibc.close(receiving)
    Glibc.close(sending)
    handle.deallocate()
  }
}
