import Synchronization

/// A value that is made when it is first asked for: descriptions that a server may never be asked for would otherwise
/// be most of the work of its start. Any thread may ask; it is made once.
package final class Lazy<Value: Sendable>: Sendable {
  private enum State: Sendable {
    case unmade(@Sendable () -> Value)
    case made(Value)
  }

  private let state: Mutex<State>

  package init(_ make: @escaping @Sendable () -> Value) {
    state = Mutex(.unmade(make))
  }

  package var value: Value {
    state.withLock { state in
      switch state {
      case .made(let value):
        return value
      case .unmade(let make):
        let value = make()
        state = .made(value)
        return value
      }
    }
  }
}
