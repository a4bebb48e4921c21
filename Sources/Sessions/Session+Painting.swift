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

  mutating func stop() {
    timer?.cancel()
    timer = nil
    isDue = false
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
    guard frames.isDue, viewers.hasPainted, exit == nil else { return }
    guard !terminal.isSynchronized else { return paintAfterUpdate() }
    frames.isDue = false
    let clock = ContinuousClock()
    let began = clock.now
    for id in viewers.ids { viewers.paint(id, terminal) }
    let cost = began.duration(to: clock.now)
    frames.timer = loop.schedule(after: max(FramePace.pause, cost * (Session.pumpShare - 1))) { [weak self] in
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
    guard exit == nil else { return }
    for id in viewers.ids { viewers.paint(id, terminal) }
    frames.isDue = false
    guard frames.timer == nil else { return }
    frames.timer = loop.schedule(after: FramePace.pause) { [weak self] in
      self?.assumeIsolated { session in
        session.frames.timer = nil
        session.paintFrame()
      }
    }
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
