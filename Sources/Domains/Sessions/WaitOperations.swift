import Formats
import Operations
import Sessions
import Store

extension SessionOperations {
  static let defaultWait = Duration.seconds(30)

  var waiting: [OperationBinding] {
    [
      SessionContract.idle.on { call, input in
        try await tell(of: input.session, for: call) { session in
          let fresh = input.fresh ?? false
          _ = try await session.wait(
            for: [.idle(for: input.timeoutMs.clamped, beyond: fresh ? nil : input.lastGeneration, fresh: fresh)],
            timeout: input.maxWaitMs?.clamped ?? Self.defaultWait, onTimeout: Self.idleTimeout)
          return await session.idleDocument(format: input.format ?? .styled, naming: false)
        }
      },
      SessionContract.idleAny.on { call, input in
        try await idleAny(input, call)
      },
      SessionContract.wait.on { call, input in
        try await tell(of: input.session, for: call) { session in
          try await session.requirePlaceToWait()
          return try await input.plan().wait(on: session, since: input.since)
        }
      },
      SessionContract.interact.on { call, input in
        try await tell(of: input.session, for: call) { session in
          let kinds = input.for?.kinds ?? (input.terms.asksForMatch ? [.match] : [.prompt, .idle])
          // The plan is made before anything is typed, so that a bad pattern types nothing.
          let plan = try WaitPlan(kinds, input.terms)
          return try await session.interact(
            text: input.text, keys: input.keys ?? [],
            paste: try PasteForm(paste: input.paste, raw: input.raw), plan: plan)
        }
      },
    ] + running
  }

  private static let idleTimeout = SessionError(.idleTimeout, "Terminal did not become idle within the deadline.")

  private func idleAny(_ input: IdleAnyInput, _ call: Call) async throws -> IdleOutput {
    var candidates: [Session] = []
    for (name, tags, session) in await store.list(tags: Set(input.tag ?? []))
    where call.access.covers(name: name.text, tags: tags) {
      if await session.exit == nil { candidates.append(session) }
    }
    guard !candidates.isEmpty else { throw OperationError(.noSessions, "No sessions exist.") }
    let fresh = input.fresh ?? false
    let time = input.timeoutMs.clamped
    let deadline = input.maxWaitMs?.clamped ?? Self.defaultWait
    // The first to be met wins; the others are cancelled, which ends their waits.
    let quiet = try await withThrowingTaskGroup(of: Session?.self) { group in
      for session in candidates {
        group.addTask {
          let isLast = await session.name == input.lastSession
          let outcome = try? await session.wait(
            for: [.idle(for: time, beyond: isLast && !fresh ? input.lastGeneration : nil, fresh: fresh)],
            timeout: deadline,
            onTimeout: Self.idleTimeout)
          guard outcome?.reason == .idle else { return nil }
          // One that has left the caller's reach is not among them any more.
          return await covers(session, for: call) ? session : nil
        }
      }
      defer { group.cancelAll() }
      while let result = try await group.next() { if let result { return result } }
      throw Self.idleTimeout
    }
    let document = await quiet.idleDocument(format: input.format ?? .styled, naming: true)
    guard await covers(quiet, for: call) else { throw Self.idleTimeout }
    return document
  }
}

/// The conditions of a wait, checked and compiled.
struct WaitPlan: Sendable {
  private let kinds: [WaitKind]
  private let idle: Duration
  private let pattern: Pattern?

  let timeout: Duration
  let format: ScreenFormat

  init(_ kinds: [WaitKind], _ terms: WaitTerms) throws(OperationError) {
    guard terms.pattern == nil || terms.match == nil else {
      throw OperationError(.invalidRequest, "Invalid request: give a regular expression or a text to match, not both.")
    }
    do {
      pattern =
        if let expression = terms.pattern {
          try Pattern(expression)
        } else if let text = terms.match {
          try Pattern(text, literal: true)
        } else {
          nil
        }
    } catch {
      throw OperationError(.invalidPattern, error.message)
    }
    guard pattern != nil || !kinds.contains(.match) else {
      throw OperationError(.invalidRequest, "Invalid request: waiting for a match needs a pattern or a text.")
    }
    self.kinds = kinds
    idle = terms.idleMs?.duration ?? WaitTerms.standardIdle
    timeout = terms.timeoutMs?.duration ?? SessionOperations.defaultWait
    format = terms.format ?? .styled
  }

  /// `since` is the generation that counts as the past; `nil` accepts what is there already.
  /// `count` is the number of the prompt that answers what was typed.
  func conditions(since: UInt64?, generation: UInt64, count: UInt64? = nil) -> [WaitCondition] {
    kinds.map { kind in
      switch kind {
      case .idle: .idle(for: idle, beyond: nil, fresh: false)
      case .prompt: .prompt(since: since, count: count)
      case .input: .input(since: since, count: count)
      case .looksLikePrompt: .looksLikePrompt(for: idle, since: since)
      case .match: pattern.map { .match($0, since: since) } ?? .exit
      case .change: .change(since: since ?? generation)
      case .bell: .bell(since: since ?? generation)
      case .notification: .notification(since: since ?? generation)
      case .exit: .exit
      }
    }
  }

  var reasons: Set<WaitOutcome.Reason> { Set(kinds.compactMap { WaitOutcome.Reason(rawValue: $0.rawValue) }) }

  func wait(on session: Session, since: UInt64?) async throws -> WaitOutput {
    let conditions = conditions(since: since, generation: await session.generation)
    let outcome = try await told(session) {
      try await session.wait(for: conditions, timeout: timeout, onTimeout: onTimeout)
    }
    try await session.awaitTurnForPicture()
    return await session.whenWhole { $0.waitDocument(outcome, format: format, wanted: reasons) }
  }

  /// What came of a wait; when the time was over, with what can be said of the session then.
  func told(
    _ session: Session, _ wait: () async throws -> WaitOutcome
  ) async throws -> WaitOutcome {
    do {
      return try await wait()
    } catch let error as SessionError where error.code == .waitTimeout {
      try await session.awaitTurnForPicture()
      let (state, generation) = await (session.state(), session.generation)
      var details: [JSON.Member] = [
        JSON.Member("state", .string(state.state.rawValue)), JSON.Member("evidence", .string(state.evidence.rawValue)),
        JSON.Member("generation", .integer(Int(clamping: generation))),
        JSON.Member("screen", .array(await session.screenLines().map(JSON.string))),
      ]
      if error.hasSkippedText { details.append(JSON.Member("text_skipped", true)) }
      throw OperationError(error).with(details: .object(details))
    }
  }

  var onTimeout: SessionError {
    SessionError(.waitTimeout, "None of the conditions was met within \(timeout.milliseconds) ms; the program goes on.")
  }
}

extension Session {
  /// Types and waits. On the session's loop from the first byte to the registered wait, so nothing can come in between.
  /// A paste may wait before that for whoever will read it.
  func interact(text: String?, keys: [String], paste: PasteForm?, plan: WaitPlan) async throws -> WaitOutput {
    if let text {
      if let paste {
        try await awaitPasteReader(of: text, raw: paste.isRaw)
      } else {
        try await awaitReader(of: Array(text.utf8))
      }
    }
    var bytes: [UInt8] = []
    if let text { bytes += paste.map { pasteBytes(text, raw: $0.isRaw) } ?? Array(text.utf8) }
    bytes += try encode(keys: keys)
    try requirePlaceToWait()
    try requirePermit()
    let before = try write(bytes)
    // Everything that has been typed so far, by whomever, must be answered; what others type from here on is theirs.
    let conditions = plan.conditions(since: before, generation: before, count: promptsOwed)
    let outcome = try await plan.told(self) {
      try await wait(for: conditions, timeout: plan.timeout, onTimeout: plan.onTimeout)
    }
    try await awaitTurnForPicture()
    return await whenWhole { $0.waitDocument(outcome, format: plan.format, wanted: plan.reasons) }
  }

  func press(_ keys: [String]) throws(SessionError) -> UInt64 { try write(try encode(keys: keys)) }
}

/// What `paste` and `raw` ask for together.
struct PasteForm: Sendable {
  static let rawMeaning = FieldMeaning(
    "raw", "With paste: whether control characters stay what they are", standard: false)

  let isRaw: Bool

  /// nil when no paste is asked for.
  init?(paste: Bool?, raw: Bool?) throws(OperationError) {
    guard paste == true else {
      guard raw != true else {
        throw OperationError(.invalidRequest, "Invalid request: 'raw' is a way to paste; it goes with 'paste'.")
      }
      return nil
    }
    isRaw = raw ?? false
  }
}
