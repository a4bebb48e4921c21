import Causality
import Formats
import Sessions
import Synchronization

/// What an audit record says beside who asked and under which correlation id.
package struct AuditEntry: Sendable, Equatable {
  /// Name of the operation, or `http`.
  package var operation: String
  package var target: String?
  /// `nil` for a call that was performed.
  package var error: OperationError?
  package var address: String
  package var duration: Duration
  /// How many calls the record stands for.
  package var calls: Int
  /// How many bytes were typed, for operations that type.
  package var bytes: Int?

  /// Longest target that is recorded; names are shorter, and what is longer was refused.
  static let maximumTarget = 256

  package init(
    operation: String, target: String? = nil, error: OperationError? = nil, address: String, duration: Duration = .zero,
    calls: Int = 1, bytes: Int? = nil
  ) {
    self.operation = operation
    self.target = target
    self.error = error
    self.address = address
    self.duration = duration
    self.calls = calls
    self.bytes = bytes
  }

  var type: EventType {
    guard let error else { return EventTypes.auditAllowed }
    return error.isRefusal ? EventTypes.auditRefused : EventTypes.auditFailed
  }

  func data(traceParent: String?) -> [UInt8] {
    type.data([
      "operation": .string(operation),
      "target": target.map { .string(String($0.prefix(AuditEntry.maximumTarget))) },
      "outcome": .string(String(type.name.dropFirst("audit.".count))),
      "code": (error?.code.rawValue).map { .string($0) },
      "address": .string(address),
      "duration_ms": .integer(duration.milliseconds),
      "calls": calls > 1 ? .integer(calls) : nil,
      "bytes": bytes.map { .integer($0) },
      "traceparent": traceParent.map { .string($0) },
    ])
  }
}

/// What an operation tells about itself for the audit record while it is performed, where the path does not say it.
package final class AuditNote: Sendable {
  private struct State {
    var target: String?
    var bytes: Int?
  }

  private let state = Mutex(State())

  var target: String? {
    get { state.withLock { $0.target } }
    set { state.withLock { $0.target = newValue } }
  }

  /// Bytes that were typed.
  var bytes: Int? {
    get { state.withLock { $0.bytes } }
    set { state.withLock { $0.bytes = newValue } }
  }
}
