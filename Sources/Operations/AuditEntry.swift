import Causality
import Formats
import Synchronization

/// What an audit record says beside who asked and under which correlation id.
package struct AuditEntry: Sendable, Equatable {
  /// Name of the operation, or `http`.
  package var operation: String
  package var target: String?
  /// The backend that the call was for; `nil` for this server.
  package var server: String?
  /// `nil` for a call that was performed.
  package var error: OperationError?
  package var address: String
  package var duration: Duration
  /// How many calls the record stands for.
  package var calls: Int
  /// How many bytes were typed, for operations that type.
  package var bytes: Int?
  /// Ids of the servers that the call has come through, the first hop first.
  package var via: [String]

  /// Longest target that is recorded; names are shorter, and what is longer was refused.
  static let maximumTarget = 256

  package init(
    operation: String, target: String? = nil, server: String? = nil, error: OperationError? = nil, address: String,
    duration: Duration = .zero,
    calls: Int = 1, bytes: Int? = nil, via: [String] = []
  ) {
    self.operation = operation
    self.target = target
    self.server = server
    self.error = error
    self.address = address
    self.duration = duration
    self.calls = calls
    self.bytes = bytes
    self.via = via
  }

  /// One more call of the same kind.
  mutating func count(on target: String?, bytes: Int?) {
    calls += 1
    if let bytes { self.bytes = (self.bytes ?? 0) + bytes }
    if let target, target != self.target { self.target = target }
  }

  var type: EventType {
    guard let error else { return AuditEvents.allowed }
    return error.isRefusal ? AuditEvents.refused : AuditEvents.failed
  }

  func data(traceParent: String?) -> [UInt8] {
    // By hand: one is written for every request that changes something.
    var json = JSONWriter(reserving: 320)
    json.beginObject()
    json.key("operation")
    json.string(operation)
    if let target {
      json.key("target")
      json.string(
        target.utf8.count <= AuditEntry.maximumTarget ? target : String(target.prefix(AuditEntry.maximumTarget)))
    }
    if let server {
      json.key("server")
      json.string(server)
    }
    json.key("outcome")
    json.string(error == nil ? "allowed" : error?.isRefusal == true ? "refused" : "failed")
    if let error {
      json.key("code")
      json.string(error.codeText)
    }
    json.key("address")
    json.string(address)
    json.key("duration_ms")
    json.integer(duration.milliseconds)
    if calls > 1 {
      json.key("calls")
      json.integer(calls)
    }
    if let bytes {
      json.key("bytes")
      json.integer(bytes)
    }
    if !via.isEmpty {
      json.key("via")
      json.beginArray()
      for id in via { json.string(id) }
      json.endArray()
    }
    if let traceParent {
      json.key("traceparent")
      json.string(traceParent)
    }
    json.endObject()
    let data = json.finish()
    assert(
      (try? JSON(parsing: data)).map { type.fault(in: $0) == nil } == true, "\(type.name) is not as the table has it")
    return data
  }
}

/// What an operation tells about itself for the audit record while it is performed, where the path does not say it.
package final class AuditNote: Sendable {
  private struct State {
    var target: String?
    var bytes: Int?
  }

  private let state = Mutex(State())

  package var target: String? {
    get { state.withLock { $0.target } }
    set { state.withLock { $0.target = newValue } }
  }

  /// Bytes that were typed.
  package var bytes: Int? {
    get { state.withLock { $0.bytes } }
    set { state.withLock { $0.bytes = newValue } }
  }
}
