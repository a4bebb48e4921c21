import CUV

/// One libuv handle and the memory it lives in.
///
/// libuv keeps a pointer to the handle until its close callback, so the memory is allocated apart from the Swift object,
/// the handle holds one strong reference to the object, and both are given up in that callback and nowhere else.
/// Everything here happens on the loop's thread.
class LoopHandle {
  let loop: EventLoop
  /// The handle's memory. Dangling once `isClosed`: look before use.
  let raw: UnsafeMutableRawPointer
  private(set) var isClosed = false

  /// `start` calls the right `uv_*_init`; libuv knows nothing of a handle whose init failed.
  init<Handle>(
    _ type: Handle.Type, on loop: EventLoop, _ call: String, _ start: (UnsafeMutablePointer<Handle>) -> CInt
  ) throws(NetError) {
    loop.preconditionCurrent()
    self.loop = loop
    let memory = UnsafeMutablePointer<Handle>.allocate(capacity: 1)
    raw = UnsafeMutableRawPointer(memory)
    let status = start(memory)
    guard status == 0 else {
      memory.deallocate()
      isClosed = true
      throw NetError(uv: status, call)
    }
    base.pointee.data = Unmanaged<LoopHandle>.passRetained(self).toOpaque()
  }

  final var base: UnsafeMutablePointer<uv_handle_t> { raw.assumingMemoryBound(to: uv_handle_t.self) }

  /// Ends the handle. Safe to call twice. Subclasses add what they must let go of.
  func close() {
    guard !isClosed else { return }
    loop.preconditionCurrent()
    isClosed = true
    uv_close(base) { handle in
      guard let handle, let owner = handle.pointee.data else { return }
      Unmanaged<LoopHandle>.fromOpaque(owner).release()
      UnsafeMutableRawPointer(handle).deallocate()
    }
  }

  /// The loop is being stopped.
  func loopStops() { close() }

  /// The object behind a handle in a C callback.
  @inline(__always)
  static func of(_ data: UnsafeMutableRawPointer?) -> Self? {
    guard let data else { return nil }
    return unsafeDowncast(Unmanaged<LoopHandle>.fromOpaque(data).takeUnretainedValue(), to: Self.self)
  }
}
