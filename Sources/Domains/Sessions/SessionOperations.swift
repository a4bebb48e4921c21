import Causality
package import Cluster
import Formats
package import Net
package import Operations
package import Sessions
import Store
import Sys
import TerminalEngine

/// The operations of the `session` domain.
package struct SessionOperations: Sendable {
  let store: SessionStore
  /// The host name that records carry.
  let server: String
  /// The id of that server, for records too.
  let serverID: String?
  /// The other servers whose sessions are listed; `nil` where there are none.
  let cluster: ClusterMap?
  /// What the tokens of this server are limited to.
  let limitedLabels: @Sendable () throws -> LimitedLabels

  package init(
    store: SessionStore, server: String, serverID: String? = nil, cluster: ClusterMap? = nil,
    limitedLabels: @escaping @Sendable () throws -> LimitedLabels = { .none }
  ) {
    self.limitedLabels = limitedLabels
    self.store = store
    self.server = server
    self.serverID = serverID
    self.cluster = cluster
  }

  /// The session that a call names, if it exists and the caller may reach it. One that is out of reach looks like one that is not there.
  package func session(_ name: SessionName, for call: Call) throws(OperationError) -> Session {
    call.note?.target = name.text
    let found: (session: Session, name: SessionName, tags: Set<Tag>)
    do {
      found = try store.find(name)
    } catch {
      throw OperationError(error)
    }
    call.note?.target = found.name.text
    guard call.access.covers(name: found.name.text, tags: found.tags) else {
      throw OperationError(SessionError.notFound(name.text)).asRefusal
    }
    return found.session
  }

  /// Does what may take its time with the session that a call names. Its caller may lose the session meanwhile, whose name and tags change,
  /// or his token: what is done asks before it acts (``Permit``), and why it failed is told only to those who may still hear of the session.
  func reach<Result: Sendable>(
    _ name: SessionName, for call: Call, isolation: isolated (any Actor)? = #isolation,
    _ body: (Session) async throws -> Result
  ) async throws -> Result {
    let session = try session(name, for: call)
    guard let permit = permit(name, for: call) else { return try await body(session) }
    // The closure captures its actor, as that of the catalogue does.
    return try await Permit.$current.withValue(permit) {
      _ = isolation
      do {
        return try await body(session)
      } catch {
        try await session.requirePermit()
        throw error
      }
    }
  }

  /// The same for what is answered with something of the session as it is by then.
  func tell<Result: Sendable>(
    of name: SessionName, for call: Call, isolation: isolated (any Actor)? = #isolation,
    _ body: (Session) async throws -> Result
  ) async throws -> Result {
    try await reach(name, for: call) { session in
      _ = isolation
      let answer = try await body(session)
      try await session.requirePermit()
      return answer
    }
  }

  /// What a call must still be allowed after a wait; `nil` for one that cannot lose anything.
  private func permit(_ name: SessionName, for call: Call) -> Permit? {
    guard call.access.isLimited || call.principal.tokenID != nil else { return nil }
    let (access, tenures) = (call.access, call.tenures)
    return Permit { current, tags in
      if let refusal = tenures?.refusal(of: call) { return refusal }
      // Under the name that the caller knows: another may not be his to hear.
      return access.covers(name: current.text, tags: tags)
        ? nil : OperationError(SessionError.notFound(name.text)).asRefusal
    }
  }

  /// Whether a session is within the reach of a call as it is called and tagged now.
  func covers(_ session: Session, for call: Call) async -> Bool {
    guard call.access.isLimited else { return true }
    let (name, tags) = await (session.name, session.tags)
    return call.access.covers(name: name.text, tags: tags)
  }

  /// Refuses a limited caller a name and tags that other tokens go by.
  private func requireLabels(_ name: SessionName?, _ tags: some Sequence<Tag>, for call: Call) throws {
    let (names, tags) = (name.map { [$0.text] } ?? [], tags.map(\.text))
    guard call.access.isLimited, !names.isEmpty || !tags.isEmpty else { return }
    if let refusal = try limitedLabels().refusal(names: names, tags: tags, for: call.access) { throw refusal }
  }

  package var all: [OperationBinding] { lists + lifecycle + input + reading + [commandOutput] + waiting }

  private var lifecycle: [OperationBinding] {
    [
      SessionContract.create.on { call, input in
        var spec = try input.spec()
        spec.allowsTitleReports = input.allowTitleReport ?? false
        if call.access.sessions != nil || call.access.tags != nil {
          guard call.access.covers(name: spec.name?.text ?? "", tags: spec.tags) else {
            throw OperationError(
              .insufficientScope, "This token may create only sessions with the names or tags that it is limited to.")
          }
        }
        try requireLabels(spec.name, spec.tags, for: call)
        spec.maker = MakerRights(call)?.text
        spec.holders = Accounts.holders(call.principal)
        call.note?.target = spec.name?.text
        let session = try await store.create(spec)
        let record = await session.record(server: server, serverID: serverID)
        call.note?.target = record.name
        return record
      },
      SessionContract.get.on { call, input in
        await (try session(input.session, for: call)).record(server: server, serverID: serverID)
      },
      SessionContract.update.on { call, input in
        _ = try session(input.session, for: call)
        // Before anything that tells whether there is such a session.
        if let newName = input.name, let names = call.access.sessions, !names.contains(newName.text) {
          throw OperationError(
            .insufficientScope, "This token may give a session only the names that it is limited to.")
        }
        try requireLabels(input.name, input.addTags ?? [], for: call)
        let session = try await store.update(
          input.session, newName: input.name, add: input.addTags ?? [], remove: input.removeTags ?? [],
          sizePolicy: input.sizePolicy)
        return await session.record(server: server, serverID: serverID)
      },
      SessionContract.remove.on { call, input in
        try await reach(input.session, for: call) { _ in try await store.remove(input.session) }
      },
      SessionContract.kill.on { call, input in
        try await tell(of: input.session, for: call) { _ in
          let signal = try parse(signal: input.signal ?? KillInput.standardSignal)
          return await
            (try store.kill(input.session, signal: signal, grace: input.graceMs?.duration ?? KillInput.standardGrace))
            .record(server: server, serverID: serverID)
        }
      },
      SessionContract.signal.on { call, input in
        try await (try session(input.session, for: call)).signal(try parse(signal: input.signal))
      },
      SessionContract.resize.on { call, input in
        let session = try session(input.session, for: call)
        try await session.resize(TerminalSize(rows: input.rows, columns: input.cols))
        return await session.record(server: server, serverID: serverID)
      },
      SessionContract.detach.on { call, input in
        await (try session(input.session, for: call)).detachViewers(reason: "detached")
      },
      SessionContract.clients.on { call, input in
        await (try session(input.session, for: call)).clients.map {
          ClientOutput(
            id: $0.id, kind: $0.info.kind, peer: $0.info.peer, readOnly: $0.info.readOnly,
            principal: $0.info.cause?.principal, rows: $0.size?.rows, cols: $0.size?.columns, mode: $0.mode,
            since: $0.info.since)
        }
      },
    ]
  }

  private func type(_ input: TypeInput, for call: Call) async throws -> GenerationOutput {
    let bytes = try input.bytes()
    call.note?.bytes = bytes.count
    return try await reach(input.session, for: call) { session in
      if let how = try PasteForm(paste: input.paste, raw: input.raw) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
          throw OperationError(.invalidRequest, "Invalid request: a paste is text, and 'data' is not UTF-8.")
        }
        return GenerationOutput(generation: try await session.paste(text, raw: how.isRaw))
      }
      if input.exact == true { return GenerationOutput(generation: try await session.writeExactly(bytes)) }
      return GenerationOutput(generation: try await session.typeWhole(bytes))
    }
  }

  private var input: [OperationBinding] {
    [
      SessionContract.input.on { call, input in
        try await type(input, for: call)
      },
      SessionContract.keys.on { call, input in
        GenerationOutput(generation: try await (try session(input.session, for: call)).press(input.keys))
      },
    ]
  }

  private var reading: [OperationBinding] {
    [
      SessionContract.screen.on { call, input in
        try await tell(of: input.session, for: call) {
          try await $0.screenDocument(since: input.since, format: input.format ?? .styled, for: call)
        }
      },
      SessionContract.scrollback.on { call, input in
        guard input.offset ?? 0 >= 0, input.limit ?? 0 >= 0 else {
          throw OperationError(.invalidRequest, "Invalid request: 'offset' and 'limit' must not be negative.")
        }
        return try await tell(of: input.session, for: call) {
          ScrollbackOutput(
            json: try await $0.scrollback(
              offset: input.offset ?? 0, limit: input.limit ?? ScrollbackInput.standardLimit,
              format: input.format ?? .styled))
        }
      },
      SessionContract.commands.on { call, input in
        await (try session(input.session, for: call)).recentCommands(max(0, input.limit ?? CommandsInput.standardLimit))
          .map(CommandOutput.init)
      },
    ]
  }

  private func parse(signal text: String) throws(OperationError) -> Signal {
    guard let signal = Signal(text) else {
      throw OperationError(
        .invalidSignal, "There is no signal '\(text)'; use a name such as TERM, or a number from 1 to 64.")
    }
    return signal
  }
}

extension SessionStore {
  /// The loop of the session that a path is about; `nil` for any other path.
  package nonisolated func loop(ofPath path: Substring) -> EventLoop? {
    let prefix = "/sessions/"
    guard path.utf8.starts(with: prefix.utf8) else { return nil }
    let name = path.utf8.dropFirst(prefix.utf8.count).prefix { $0 != UInt8(ascii: "/") }
    return loop(ofSession: String(Substring(name)))
  }
}

extension Access {
  /// Whether a session with this name and these tags is within reach.
  package func covers(name: String, tags: some Collection<Tag>) -> Bool {
    covers(name: name, tagTexts: tags.lazy.map(\.text))
  }
}
