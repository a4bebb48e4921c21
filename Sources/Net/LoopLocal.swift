import Synchronization

/// A value for each event loop, read and set from that loop only.
package final class LoopLocal<Value: Sendable>: Sendable {
  private let values = Mutex<[ObjectIdentifier: Value]>([:])

  package init() {}

  package subscript(loop: EventLoop) -> Value? {
    get {
      loop.preconditionCurrent()
      return values.withLock { $0[ObjectIdentifier(loop)] }
    }
    set {
      loop.preconditionCurrent()
      values.withLock { $0[ObjectIdentifier(loop)] = newValue }
    }
  }
}
