import Causality
package import Cluster
import Store

/// Every operation and stream that this server knows, and the one door to them: scope, `server` and input are checked here for all surfaces, what
/// is done is done because of the call, and what changes something or is refused leaves an audit event.
package struct Catalogue: Sendable {
  /// In the order of the documentation.
  package let operations: [Operation]
  package let streams: [StreamBinding]
  /// `nil` where nobody keeps a log.
  package let audit: AuditTrail?
  private let bindings: [String: OperationBinding]
  /// The names under which this server answers to `server`.
  let ownNames: Set<String>
  /// The servers that calls may be for; `nil` where there is only this one.
  package let cluster: ClusterMap?
  /// Who has taken how much of what all callers share.
  package let accounts: Accounts
  /// Ends with their tokens what calls wait for; `nil` where tokens do not end.
  package let tenures: TokenTenures?
  private let turns = CallerTurns()
  /// What the tokens of this server are limited to; asked for when a limited caller names or tags a session.
  private let limitedLabels: @Sendable () throws -> LimitedLabels
  /// Told, within the call's cause, of what failed for no reason of the caller's.
  private let complain: @Sendable (String) -> Void

  package init(
    _ bindings: [OperationBinding], streams: [StreamBinding] = [], ownNames: Set<String>, cluster: ClusterMap? = nil,
    audit: AuditTrail? = nil,
    accounts: Accounts = Accounts(), tenures: TokenTenures? = nil,
    limitedLabels: @escaping @Sendable () throws -> LimitedLabels = { .none },
    complain: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    operations = bindings.map(\.operation)
    self.streams = streams
    self.ownNames = ownNames
    self.cluster = cluster
    self.audit = audit
    self.accounts = accounts
    self.tenures = tenures
    self.limitedLabels = limitedLabels
    self.complain = complain
    self.bindings = Dictionary(bindings.map { ($0.operation.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  package func operation(named name: String) -> Operation? { bindings[name]?.operation }

  /// Performs an operation for a caller. ``Cause/current`` is the call meanwhile, and its causation the audit event that the call will leave.
  package func perform(_ operation: Operation, _ arguments: Arguments, for call: Call) async throws(OperationError)
    -> Answer
  {
    let place = Result { () throws(OperationError) in try self.place(of: arguments) }
    guard let audit else { return try await attempt(operation, arguments, call, place, because: call.cause()).get() }
    var server: String?
    if case .success(.member(let member)) = place { server = member.name }
    let note = AuditNote()
    var noted = call
    noted.note = note
    let opening = audit.open(operation, arguments, call, server: server)
    let cause = call.cause(id: opening.id)
    let outcome = await attempt(operation, arguments, noted, place, because: cause)
    var error: OperationError?
    if case .failure(let failure) = outcome { error = failure }
    audit.close(opening, operation, arguments, call, note: note, server: server, error: error)
    return try outcome.get()
  }

  private func attempt(
    _ operation: Operation, _ arguments: Arguments, _ call: Call, _ place: Result<Place, OperationError>,
    because cause: Cause, isolation: isolated (any Actor)? = #isolation
  ) async -> Result<Answer, OperationError> {
    // The closure captures its actor: one that does not would run on the global pool, two threads' wake-ups away from the loop.
    await Cause.$current.withValue(cause) {
      _ = isolation
      guard let tenures, call.principal.tokenID != nil, endsWithToken(operation, place) else {
        return await attempt(operation, arguments, call, place)
      }
      return await tenures.during(call) { await self.attempt(operation, arguments, call, place) }
    }
  }

  /// Whether a call is cut short when its token comes to an end. What waits but a moment asks for itself before it acts (`Permit`); another
  /// server, which knows nothing of the token, has to be told.
  private func endsWithToken(_ operation: Operation, _ place: Result<Place, OperationError>) -> Bool {
    if operation.wait != nil { return true }
    guard operation.mayPause, case .success(.member) = place else { return false }
    return true
  }

  private func attempt(
    _ operation: Operation, _ arguments: Arguments, _ call: Call, _ place: Result<Place, OperationError>
  ) async -> Result<Answer, OperationError> {
    do {
      // A list of calls, or one that had to wait for its turn, may have outlived what let it in.
      if let refusal = tenures?.refusal(of: call) { throw refusal }
      try requireNoCircle(call)
      try requireScope(of: operation, for: call)
      // Before anything that tells what is there.
      if let refusal = RemoteAccess.refusal(of: operation, for: call) { throw refusal }
      let destination = try place.get()
      try requireNoHub(operation, call, destination)
      let wait = try operation.wait.map { _ in try accounts.take(.waits, for: call.principal) }
      defer { wait?.leave() }
      if operation.effect != .reads, call.remarks != nil, accounts.isExhausted(.answerBytes, for: call.principal) {
        throw accounts.refusal(.answerBytes, for: call.principal)
      }
      call.remarks?.count(in: accounts, for: call.principal)
      let share = try operation.share.map { try accounts.take($0, for: call.principal) }
      defer { share?.leave() }
      let answer: Answer
      switch destination {
      case .here:
        var call = call
        call.tenures = tenures
        answer = try await performHere(operation, call, arguments)
      case .member(let member):
        try requireLabels(of: operation, arguments, for: call)
        answer = try await forward(operation, arguments, to: member, for: call, causationID: Cause.current?.causationID)
      }
      try count(answer, of: operation, for: call)
      return .success(answer)
    } catch {
      let error = OperationError(wrapping: error)
      // What another server failed at is in its own log.
      if error.code == .internalError, error.serverPath.isEmpty { complain("\(operation.name): \(error.message)") }
      return .failure(error)
    }
  }

  private func performHere(_ operation: Operation, _ call: Call, _ arguments: Arguments) async throws -> Answer {
    guard let binding = bindings[operation.name] else {
      throw OperationError(.unknownMethod, "Unknown method: \(operation.name).")
    }
    guard operation.takesTurns, let holder = call.principal.holder else {
      return try await binding.perform(call, arguments)
    }
    await turns.enter(holder)
    defer { turns.leave(holder) }
    // Nobody waits for the answer any more, or may have it.
    try Task.checkCancellation()
    if let refusal = tenures?.refusal(of: call) { throw refusal }
    return try await binding.perform(call, arguments)
  }

  /// Answers up to this are not counted, in bytes: that many fit into a connection's own bounds.
  package static let uncountedAnswer = 64 << 10

  /// Counts an answer as its caller's until he has read it (``Share/answerBytes``). What has changed something is counted in any case: that it was
  /// done is to be told. But who has too much already is not let in to do more.
  private func count(_ answer: Answer, of operation: Operation, for call: Call) throws(OperationError) {
    guard case .json(let document) = answer, document.count > Catalogue.uncountedAnswer, let remarks = call.remarks,
      call.principal.holder != nil
    else { return }
    let isOwed = operation.effect != .reads
    guard let lease = accounts.lease(.answerBytes, document.count, for: call.principal, isOwed: isOwed) else {
      throw accounts.refusal(.answerBytes, for: call.principal)
    }
    remarks.keep(lease)
  }

  func requireNoCircle(_ call: Call) throws(OperationError) {
    guard let id = cluster?.serverID, call.via.contains(id) else { return }
    throw OperationError(
      .linkRefused, "This call has come through here already: these hubs are each other's backends, in a circle.")
  }

  /// Refuses a caller who may not do an operation, whatever he would do with it.
  package func requireScope(of operation: Operation, for call: Call) throws(OperationError) {
    guard let scope = operation.scope, !call.access.allows(scope) else { return }
    throw OperationError(
      .insufficientScope, "This token may not do \(operation.name): it needs the scope '\(scope.rawValue)'.")
  }

  /// Refuses to a limited caller what other tokens go by, before a call goes on to a backend, which knows nothing of the tokens here. What is
  /// done here asks ``LimitedLabels`` itself, once it has said that there is no such session.
  private func requireLabels(
    of operation: Operation, _ arguments: Arguments, for call: Call
  ) throws {
    guard let fields = operation.labels, call.access.isLimited else { return }
    let (names, tags) = (try arguments.texts(of: fields.name), try arguments.texts(of: fields.tags))
    if names.isEmpty && tags.isEmpty { return }
    if let refusal = try limitedLabels().refusal(names: names, tags: tags, for: call.access) { throw refusal }
  }

  private func requireNoHub(_ operation: Operation, _ call: Call, _ place: Place) throws(OperationError) {
    guard let instead = operation.insteadOfHub else { return }
    if case .here = place, call.via.isEmpty { return }
    throw OperationError(
      .unsupported, "\(operation.name) is not passed on to other servers. \(instead)", isRefusal: true)
  }

  package func perform(_ name: String, _ arguments: Arguments, for call: Call) async throws(OperationError) -> Answer {
    guard let operation = operation(named: name) else {
      throw OperationError(.unknownMethod, "Unknown method: \(name).")
    }
    return try await perform(operation, arguments, for: call)
  }
}
