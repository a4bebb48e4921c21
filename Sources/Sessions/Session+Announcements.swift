import Causality
import Formats
import Net
import Store
import Sys
import TerminalEngine

// Who caused what: a task that does something carries its cause; what happens later has the one that the session kept.
extension Session {
  /// How long after the first output of a burst the state is looked at. Programs that are over by then leave no trace in it.
  private static let settle = Duration.milliseconds(250)
  /// Least time between two announcements of a state: a session that flickers does not flood the log.
  private static let stateInterval = Duration.seconds(1)

  /// Tells of something. Returns the cause of what follows from it.
  @discardableResult
  private func announce(_ news: SessionAnnouncement.News, because cause: Cause?) -> Cause? {
    tell(news, because: cause)?.cause
  }

  private func tell(_ news: SessionAnnouncement.News, because cause: Cause?) -> (cause: Cause, isTold: Bool)? {
    recordChanged(.fact)
    guard let announcer = chronicle.announcer else { return nil }
    let id = makeUUID()
    var cause = cause ?? Cause(correlationID: makeUUID())
    let isTold = announcer(
      SessionAnnouncement(
        id: id, sessionID: self.id, name: name.text, tags: tags.map(\.text).sorted(), cause: cause, news: news))
    if isTold { cause.causationID = id }
    return (cause, isTold)
  }

  /// What happens by itself: nobody asked for it, though somebody may have led to it.
  private func byItself(_ cause: Cause?) -> Cause? {
    var cause = cause
    cause?.principal = nil
    return cause
  }

  // MARK: Beginning and end

  func announceBeginning(isAdopted: Bool) {
    let size = terminal.size
    chronicle.origin = announce(
      isAdopted
        ? .adopted(command: command, pid: pid, rows: size.rows, columns: size.columns)
        : .created(command: command, pid: pid, rows: size.rows, columns: size.columns), because: Cause.current)
  }

  /// Somebody asks for the session's end: the end is theirs, if it comes.
  func willEnd(because cause: Cause?) {
    if let cause { chronicle.ending = cause }
    isBeingEnded = true
  }

  /// The program goes on: it could not be ended.
  func willNotEnd() {
    chronicle.ending = nil
    isBeingEnded = false
  }

  func announceEnd() {
    guard !chronicle.isOver else { return }
    chronicle.isOver = true
    chronicle.stateTimer?.cancel()
    chronicle.stateTimer = nil
    tellLeftOutCommands()
    chronicle.noticeTimer?.cancel()
    chronicle.noticeTimer = nil
    let time = Duration.milliseconds(max(0, (endedAt ?? .now()).milliseconds - startedAt.milliseconds))
    let followed = announce(.ended(exit, after: time), because: chronicle.ending ?? byItself(chronicle.origin))
    chronicle.ending = byItself(followed)
  }

  func announceRemoval(because cause: Cause?) { announce(.removed, because: cause ?? chronicle.ending) }

  // MARK: Names

  func announceIdentity(before oldName: SessionName, _ oldTags: Set<Tag>) {
    if name != oldName { announce(.renamed(from: oldName.text), because: Cause.current) }
    let added = tags.subtracting(oldTags).map(\.text).sorted()
    let removed = oldTags.subtracting(tags).map(\.text).sorted()
    if !added.isEmpty || !removed.isEmpty {
      announce(.tagged(added: added, removed: removed), because: Cause.current)
    }
  }

  // MARK: Clients

  func announceAttached(_ number: Int, _ client: ClientInfo) {
    recordChanged(.fact)
    if exit == nil { tellViewers(.clients(clientCount)) }
    guard exit == nil,
      let (cause, isTold) = tell(.attached(number: number, client), because: client.cause ?? Cause.current), isTold
    else { return }
    chronicle.attachments[number] = Chronicle.Attachment(client: client, cause: cause)
  }

  /// `cause` is who sent it away; `nil` when it left by itself.
  func announceDetached(_ number: Int, _ reason: SessionAnnouncement.DetachReason, because cause: Cause? = nil) {
    recordChanged(.fact)
    if exit == nil { tellViewers(.clients(clientCount)) }
    guard let attachment = chronicle.attachments.removeValue(forKey: number) else { return }
    announce(.detached(number: number, attachment.client, reason), because: cause ?? attachment.cause)
  }

  func announceAllDetached(_ reason: SessionAnnouncement.DetachReason) {
    for number in chronicle.attachments.keys.sorted() { announceDetached(number, reason) }
  }

  // MARK: Commands

  /// A command began because of the line that was typed last, by whomever.
  func announceCommand(started record: CommandRecord, because typist: Cause?) {
    guard chronicle.announcer != nil else { return recordChanged(.fact) }
    guard chronicle.allowance.admits(start: record, now: .now) else {
      recordChanged(.fact)
      // What follows does not come of a command before it.
      chronicle.command = nil
      if chronicle.allowanceTimer == nil {
        chronicle.allowanceTimer = loop.schedule(after: CommandAllowance.summaryAfter) { [weak self] in
          self?.assumeIsolated { $0.tellLeftOutCommands() }
        }
      }
      return
    }
    chronicle.command = announce(.commandStarted(record), because: typist ?? byItself(chronicle.origin))
  }

  private func tellLeftOutCommands() {
    chronicle.allowanceTimer?.cancel()
    chronicle.allowanceTimer = nil
    guard let leftOut = chronicle.allowance.takeLeftOut() else { return }
    announce(.commandsLeftOut(leftOut), because: byItself(chronicle.origin))
  }

  func announceCommand(finished record: CommandRecord) {
    guard chronicle.allowance.admits(finish: record) else { return recordChanged(.fact) }
    chronicle.command = announce(.commandFinished(record), because: chronicle.command ?? byItself(chronicle.origin))
  }

  // MARK: What programs say of themselves

  func note(_ event: TerminalEvent) {
    let generation = activity.generation
    switch event {
    case .bell: chronicle.notices.rang(generation: generation, at: .now())
    case .notification(let title, let body):
      chronicle.notices.notified(title: title, body: body, generation: generation, at: .now())
    case .progress(let state, let percent):
      chronicle.notices.progressed(to: ProgramProgress(state: state, percent: percent))
    case .title(let title): chronicle.notices.retitled(title.cut(to: SessionRecord.maximumText))
    case .clipboard(let selection, let base64):
      chronicle.notices.offered(
        ClipboardOffer(selection: selection, base64: base64, keepsText: chronicle.tellsClipboard))
    case .iconName, .workingDirectory, .mark, .alternateScreen, .reset, .cleared, .sizeRequested: break
    }
  }

  func tellNotices() {
    guard exit == nil, chronicle.announcer != nil, chronicle.noticeTimer == nil else { return }
    let now = ContinuousClock.now
    for news in chronicle.notices.due(at: now) {
      announce(news, because: byItself(chronicle.command ?? chronicle.origin))
    }
    guard let wait = chronicle.notices.wait(at: now) else { return }
    chronicle.noticeTimer = loop.schedule(after: wait) { [weak self] in
      self?.assumeIsolated { session in
        session.chronicle.noticeTimer = nil
        session.tellNotices()
      }
    }
  }

  // MARK: State

  /// Output has come: what the program is doing may be another thing soon. Costs a comparison while a look is due already.
  @inline(__always)
  func stateMayChange() {
    if chronicle.stateTimer == nil, chronicle.announcer != nil { lookAtState(after: Session.settle) }
  }

  private func lookAtState(after delay: Duration) {
    chronicle.stateTimer = loop.schedule(after: delay) { [weak self] in
      self?.assumeIsolated { $0.lookAtState() }
    }
  }

  private func lookAtState() {
    chronicle.stateTimer = nil
    guard exit == nil, !chronicle.isOver else { return }
    let (state, evidence) = state()
    if state != chronicle.state {
      let now = ContinuousClock.now
      if let told = chronicle.stateTold, told.duration(to: now) < Session.stateInterval {
        return lookAtState(after: Session.stateInterval - told.duration(to: now))
      }
      announce(
        .stateChanged(state, evidence, from: chronicle.state), because: byItself(chronicle.command ?? chronicle.origin))
      chronicle.state = state
      chronicle.stateTold = now
    }
    // A program that has fallen silent comes to rest without another word: that is seen by looking once more.
    if state == .busy || state == .quiet && rest.isBegun { lookAtState(after: SessionLimits.quietAfter) }
  }
}
