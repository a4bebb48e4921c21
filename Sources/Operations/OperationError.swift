package import Formats

/// Every code that an answer can carry, with what it means to each surface. The table of `docs/errors.md` is this one.
package enum ErrorCode: String, Sendable, CaseIterable {
  case invalidRequest = "invalid_request"
  case invalidSessionName = "invalid_session_name"
  case invalidTag = "invalid_tag"
  case invalidKey = "invalid_key"
  case invalidSignal = "invalid_signal"
  case invalidPattern = "invalid_pattern"
  case patternTooCostly = "pattern_too_costly"
  case authRequired = "auth_required"
  case authInvalid = "auth_invalid"
  case insufficientScope = "insufficient_scope"
  case originNotAllowed = "origin_not_allowed"
  case hostNotAllowed = "host_not_allowed"
  case notFound = "not_found"
  case sessionNotFound = "session_not_found"
  case noSessions = "no_sessions"
  case serverNotFound = "server_not_found"
  case serverAmbiguous = "server_ambiguous"
  case serverUnavailable = "server_unavailable"
  case serverAlreadyRegistered = "server_already_registered"
  case identityChanged = "identity_changed"
  case invalidAddress = "invalid_address"
  case invalidRole = "invalid_role"
  case configInvalid = "config_invalid"
  case roleRefused = "role_refused"
  case linkRefused = "link_refused"
  case gatewayTimeout = "gateway_timeout"
  case tokenNotFound = "token_not_found"
  case methodNotAllowed = "method_not_allowed"
  case unknownMethod = "unknown_method"
  case sessionRequired = "session_required"
  case idleTimeout = "idle_timeout"
  case waitTimeout = "wait_timeout"
  case runTimeout = "run_timeout"
  case requestTimeout = "request_timeout"
  case idleSuperseded = "idle_superseded"
  case sessionNameConflict = "session_name_conflict"
  case sessionEnded = "session_ended"
  case programsRemain = "programs_remain"
  case commandRunning = "command_running"
  case commandNotFound = "command_not_found"
  case lineInUse = "line_in_use"
  case runCancelled = "run_cancelled"
  case sessionsRunning = "sessions_running"
  case payloadTooLarge = "payload_too_large"
  case lineTooLong = "line_too_long"
  case answerTooLarge = "answer_too_large"
  case uriTooLong = "uri_too_long"
  case headersTooLarge = "headers_too_large"
  case unsupported = "unsupported"
  case resourceLimitReached = "resource_limit_reached"
  case internalError = "internal_error"
  case sessionCreateFailed = "session_create_failed"
  case inputSendFailed = "input_send_failed"
  case maxSessionsReached = "max_sessions_reached"
  case serverStopping = "server_stopping"
  case keeperUnavailable = "keeper_unavailable"
  case invalidEvent = "invalid_event"
  case invalidSubject = "invalid_subject"
  case invalidTime = "invalid_time"
  case subjectReserved = "subject_reserved"
  case typeReserved = "type_reserved"
  case eventIDConflict = "event_id_conflict"
  case eventNotFound = "event_not_found"
  case cursorNotFound = "cursor_not_found"
  case eventTooLarge = "event_too_large"
  case storageFull = "storage_full"
  case eventLogUnavailable = "event_log_unavailable"
  case eventLogOverloaded = "event_log_overloaded"

  /// The HTTP status that goes with the code (RFC 9110 §15).
  package var httpStatus: Int {
    switch self {
    case .invalidRequest, .invalidSessionName, .invalidTag, .invalidKey, .invalidSignal, .invalidPattern,
      .patternTooCostly,
      .unknownMethod, .invalidEvent, .invalidSubject, .invalidTime,
      .sessionRequired, .invalidAddress, .invalidRole, .configInvalid:
      400
    case .authRequired: 401
    case .authInvalid, .insufficientScope, .originNotAllowed, .hostNotAllowed, .subjectReserved, .typeReserved,
      .roleRefused:
      403
    case .notFound, .sessionNotFound, .noSessions, .serverNotFound, .tokenNotFound, .eventNotFound, .cursorNotFound,
      .commandNotFound:
      404
    case .methodNotAllowed: 405
    case .idleTimeout, .waitTimeout, .runTimeout, .requestTimeout: 408
    case .sessionNameConflict, .sessionEnded, .programsRemain, .commandRunning, .sessionsRunning, .idleSuperseded,
      .lineInUse,
      .runCancelled,
      .serverAmbiguous, .serverAlreadyRegistered, .identityChanged, .linkRefused, .eventIDConflict:
      409
    case .payloadTooLarge, .eventTooLarge, .lineTooLong, .answerTooLarge: 413
    case .uriTooLong: 414
    case .resourceLimitReached: 429
    case .headersTooLarge: 431
    case .internalError, .sessionCreateFailed, .inputSendFailed: 500
    case .unsupported: 501
    case .maxSessionsReached, .serverStopping, .keeperUnavailable, .eventLogUnavailable, .eventLogOverloaded,
      .serverUnavailable:
      503
    case .gatewayTimeout: 504
    case .storageFull: 507
    }
  }

  /// The JSON-RPC 2.0 error number: the reserved ones where they fit, else −32000 minus the HTTP status.
  package var rpcCode: Int {
    switch self {
    case .unknownMethod: -32601
    case .invalidRequest: -32602
    case .internalError: -32603
    default: -32000 - httpStatus
    }
  }
}

/// An error of one of the domains that operations stand on. Its codes are all in the table above, by their names; a test holds that.
package protocol DomainError: Error {
  associatedtype Code: RawRepresentable<String>
  var code: Code { get }
  var message: String { get }
}

/// Why an operation was refused or failed: the one error that every surface knows how to show.
package struct OperationError: Error, Sendable, Equatable {
  package let code: ErrorCode
  /// A sentence for the user that says what to do.
  package let message: String
  /// Whether the caller was not let in, as opposed to: it did not work. What is out of reach looks as if it were not there, and is refused
  /// nonetheless.
  package let isRefusal: Bool
  /// The code as another server gave it, where this one does not know it; then ``code`` is only the nearest of ours.
  package let foreign: Foreign?
  /// Names of the servers that the call took, from this one to the one that answered or failed; empty for a call that did not leave.
  package let serverPath: [String]
  /// The server that could not be reached or did not answer, if that is what failed.
  package let failedHop: String?

  /// What can be said beside the sentence: fields of `details` in the answer.
  package private(set) var details: JSON?

  /// After how long it is worth another try, where that is known.
  package private(set) var retryAfter: Duration?

  /// A code that only another server knows.
  package struct Foreign: Sendable, Equatable {
    package let code: String
    package let status: Int
  }

  package init(
    _ code: ErrorCode, _ message: String, isRefusal: Bool? = nil, foreign: Foreign? = nil, serverPath: [String] = [],
    failedHop: String? = nil
  ) {
    self.code = code
    self.message = message
    self.isRefusal = isRefusal ?? (code.httpStatus == 401 || code.httpStatus == 403)
    self.foreign = foreign
    self.serverPath = serverPath
    self.failedHop = failedHop
  }

  /// The same error with fields that tell more.
  package func with(details: JSON) -> OperationError {
    var error = self
    error.details = details
    return error
  }

  /// The same error, of what may be tried again after a while.
  package func retrying(after time: Duration) -> OperationError {
    var error = self
    error.retryAfter = time
    return error
  }

  /// The same error of a caller who was not let in.
  package var asRefusal: OperationError {
    var error = OperationError(
      code, message, isRefusal: true, foreign: foreign, serverPath: serverPath, failedHop: failedHop)
    error.retryAfter = retryAfter
    return error
  }

  /// What answers carry: another server's own code where there is one.
  package var codeText: String { foreign?.code ?? code.rawValue }
  package var httpStatus: Int { foreign?.status ?? code.httpStatus }
  package var rpcCode: Int { foreign.map { -32000 - $0.status } ?? code.rpcCode }

  package init(_ error: some DomainError) {
    self.init(ErrorCode(rawValue: error.code.rawValue) ?? .internalError, error.message)
  }

  /// Whatever a domain threw, as an operation's error.
  package init(wrapping error: any Error) {
    switch error {
    case let error as OperationError: self = error
    case let error as any DomainError: self.init(error)
    case let error as DecodingError: self.init(error)
    case is CancellationError: self.init(.requestTimeout, "The caller went away before the answer was ready.")
    default: self.init(.internalError, "Something failed inside the server: \(String(describing: error)).")
    }
  }

  private init(_ error: DecodingError) {
    func field(_ path: [any CodingKey]) -> String {
      path.isEmpty
        ? "the input"
        : "'" + path.map { $0.intValue.map { "[\($0)]" } ?? snakeCased($0.stringValue) }.joined(separator: ".") + "'"
    }
    switch error {
    case .keyNotFound(let key, _):
      self.init(.invalidRequest, "Invalid request: '\(snakeCased(key.stringValue))' is missing.")
    case .typeMismatch(let type, let context):
      self.init(
        .invalidRequest, "Invalid request: \(field(context.codingPath)) must be \(OperationError.word(for: type)).")
    case .valueNotFound(let type, let context):
      self.init(
        .invalidRequest,
        "Invalid request: \(field(context.codingPath)) must be \(OperationError.word(for: type)), not null.")
    case .dataCorrupted(let context) where context.codingPath.isEmpty:
      // The decoder tells a broken document and a number that does not fit apart in no way, so the sentence names both.
      self.init(
        .invalidRequest, "Invalid request: the body is not valid JSON, or a number in it is not whole or out of range.")
    case .dataCorrupted(let context):
      self.init(.invalidRequest, "Invalid request: \(field(context.codingPath)): \(context.debugDescription).")
    @unknown default: self.init(.invalidRequest, "Invalid request.")
    }
  }

  private static func word(for type: Any.Type) -> String {
    switch type {
    case is String.Type: "a string"
    case is Bool.Type: "true or false"
    case is any BinaryInteger.Type: "a whole number"
    case is any BinaryFloatingPoint.Type: "a number"
    case is [Any].Type: "a list"
    default: "an object"
    }
  }
}
