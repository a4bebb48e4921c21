import CUV

/// What a descriptor is ready for, or is to be watched for.
package struct Readiness: OptionSet, Sendable {
  package let rawValue: CInt
  package init(rawValue: CInt) { self.rawValue = rawValue }

  package static let readable = Readiness(rawValue: 1)
  package static let writable = Readiness(rawValue: 2)
  /// The other side is gone or the descriptor failed: reading or writing tells which. Reported, never asked for; after
  /// an error the watch stays silent until `interest` is set again.
  package static let hangup = Readiness(rawValue: 4)
}

/// A descriptor being watched. The watch does not own it: `cancel()`, then close it.
package final class DescriptorWatch {
  private let handle: PollHandle

  init(loop: EventLoop, fd: CInt, interest: Readiness, _ ready: @escaping (Readiness) -> Void) throws(NetError) {
    handle = try PollHandle(loop: loop, fd: fd, ready)
    do {
      try handle.watch(interest)
    } catch {
      handle.close()
      throw error
    }
    self.interest = interest
  }

  /// What is waited for; `[]` pauses the watch. On the loop only.
  package var interest: Readiness {
    didSet {
      if interest != oldValue || handle.isSilent { try? handle.watch(interest) }
    }
  }

  /// On the loop only. No call of the closure comes after it.
  package func cancel() { handle.close() }

  deinit {
    if handle.loop.isCurrent {
      handle.close()
    } else {
      nonisolated(unsafe) let handle = handle  // goes to the one thread that may touch it
      handle.loop.execute { handle.close() }
    }
  }
}

private final class PollHandle: LoopHandle {
  private var ready: ((Readiness) -> Void)?
  /// libuv stops a watch that met an error.
  private(set) var isSilent = false

  init(loop: EventLoop, fd: CInt, _ ready: @escaping (Readiness) -> Void) throws(NetError) {
    self.ready = ready
    try super.init(uv_poll_t.self, on: loop, "watch") { uv_poll_init(loop.uv, $0, fd) }
  }

  func watch(_ interest: Readiness) throws(NetError) {
    guard !isClosed else { return }
    loop.preconditionCurrent()
    isSilent = false
    let poll = raw.assumingMemoryBound(to: uv_poll_t.self)
    var events: CInt = 0
    if interest.contains(.readable) { events |= CInt(UV_READABLE.rawValue) }
    if interest.contains(.writable) { events |= CInt(UV_WRITABLE.rawValue) }
    let status =
      events == 0
      ? uv_poll_stop(poll)
      : uv_poll_start(poll, events) { handle, status, events in
        PollHandle.of(handle?.pointee.data)?.happened(status, events)
      }
    guard status == 0 else { throw NetError(uv: status, "watch") }
  }

  private func happened(_ status: CInt, _ events: CInt) {
    guard let ready else { return }
    if status < 0 {
      isSilent = true
      ready([.readable, .writable, .hangup])
      return
    }
    var what: Readiness = []
    if events & CInt(UV_READABLE.rawValue) != 0 { what.insert(.readable) }
    if events & CInt(UV_WRITABLE.rawValue) != 0 { what.insert(.writable) }
    if events & CInt(UV_DISCONNECT.rawValue) != 0 { what.insert(.hangup) }
    ready(what)
  }

  override func close() {
    let released = take(&ready)
    super.close()
    withExtendedLifetime(released) {}
  }
}

/// A signal being listened for. Ends with `cancel()` or with its last reference.
package final class SignalWatch {
  private let handle: SignalHandle

  init(loop: EventLoop, number: CInt, _ fire: @escaping () -> Void) throws(NetError) {
    handle = try SignalHandle(loop: loop, fire)
    do {
      try handle.start(number)
    } catch {
      handle.close()
      throw error
    }
  }

  /// On the loop only. When the last watch of a signal ends, its default action is back.
  package func cancel() { handle.close() }

  deinit {
    if handle.loop.isCurrent {
      handle.close()
    } else {
      nonisolated(unsafe) let handle = handle  // goes to the one thread that may touch it
      handle.loop.execute { handle.close() }
    }
  }
}

private final class SignalHandle: LoopHandle {
  private var fire: (() -> Void)?

  init(loop: EventLoop, _ fire: @escaping () -> Void) throws(NetError) {
    self.fire = fire
    try super.init(uv_signal_t.self, on: loop, "signal") { uv_signal_init(loop.uv, $0) }
  }

  func start(_ number: CInt) throws(NetError) {
    let signal = raw.assumingMemoryBound(to: uv_signal_t.self)
    let status = uv_signal_start(signal, { handle, _ in SignalHandle.of(handle?.pointee.data)?.fire?() }, number)
    guard status == 0 else { throw NetError(uv: status, "signal \(number)") }
  }

  override func close() {
    let released = take(&fire)
    super.close()
    withExtendedLifetime(released) {}
  }
}
