import Net
import TerminalEngine

/// When painted viewers are shown the next picture.
struct FramePace {
  /// Between two pictures; longer where painting took so long that it would slow the session's program down.
  static let pause = Duration.milliseconds(16)

  /// Runs until the next picture may be painted.
  var timer: LoopTimer?
  /// Something has changed since the last one.
  var isDue = false
  /// A picture is wanted at the end of the synchronized update that is going on.
  var isAwaited = false
  /// Who was not reached by the round that is under way.
  var rest: ArraySlice<ViewerID> = []
  /// What that round has taken so far.
  var spent = Duration.zero
  var turn = LongTurn(longest: SessionLimits.pictureTurn)

  mutating func stop() {
    timer?.cancel()
    timer = nil
    isDue = false
    rest = []
  }
}

extension Session {
  /// Paints for the viewers whose size is not the session's: at once when they have been shown nothing for a moment, so that an echo does
  /// not wait, otherwise with the next picture.
  func paintViewers() {
    frames.isDue = true
    if frames.timer == nil { paintFrame() }
  }

  private func paintFrame() {
    guard frames.isDue || !frames.rest.isEmpty, viewers.hasPainted, exit == nil else { return }
    guard !terminal.isSynchronized else { return paintAfterUpdate() }
    paintRound()
  }

  /// Paints for every viewer, or goes on with those who were not reached, and then pauses in proportion to what that took.
  private func paintRound() {
    let clock = ContinuousClock()
    let began = clock.now
    if let wait = frames.turn.wait(on: loop, now: began) { return paintFrame(after: wait) }
    if frames.rest.isEmpty {
      frames.isDue = false
      frames.spent = .zero
      frames.rest = viewers.ids(from: 0)[...]
    }
    while let id = frames.rest.popFirst() {
      viewers.paint(id, terminal)
      if frames.rest.isEmpty { break }
      let now = clock.now
      let cost = began.duration(to: now)
      guard let pause = frames.turn.took(cost, until: now, on: loop) else { continue }
      frames.spent += cost
      return paintFrame(after: pause)
    }
    let now = clock.now
    let cost = began.duration(to: now)
    _ = frames.turn.took(cost, until: now, on: loop)
    frames.spent += cost
    frames.turn.ended(after: frames.spent)
    paintFrame(after: max(FramePace.pause, frames.spent * (Session.pumpShare - 1)))
  }

  private func paintFrame(after pause: Duration) {
    frames.timer = loop.schedule(after: pause) { [weak self] in
      self?.assumeIsolated { session in
        session.frames.timer = nil
        session.paintFrame()
      }
    }
  }

  /// What a program paints as one change is shown as one, unless it takes too long.
  private func paintAfterUpdate() {
    guard !frames.isAwaited else { return }
    frames.isAwaited = true
    onceWhole { [weak self] in
      self?.assumeIsolated { session in
        session.frames.isAwaited = false
        session.paintWhole()
      }
    }
  }

  private func paintWhole() {
    guard viewers.hasPainted, exit == nil else { return }
    frames.isDue = true
    if frames.timer == nil { paintRound() }
  }

  /// Passes on to the terminals of painted viewers what is no part of a picture; the others read it in the program's own bytes.
  func tellPainted(_ event: TerminalEvent) {
    guard viewers.hasPainted else { return }
    switch event {
    case .bell: viewers.remark([0x07])
    case .clipboard(let selection, let base64):
      viewers.remark(Array("\u{1B}]52;\(selection);".utf8) + base64 + Array("\u{1B}\\".utf8))
    default: break
    }
  }
}
