package import TerminalEngine

// Whose size a session has: see ``SizePolicy``.
extension Session {
  /// Decides by the policy how large the session is, and gives it that size.
  func followSizePolicy() {
    guard exit == nil, let size = sizePolicy.size(for: viewers.claims), size != terminal.size else { return }
    // It can only have ended, which everybody is told by itself.
    try? resize(size)
  }

  package func setSizePolicy(_ policy: SizePolicy) {
    guard policy != sizePolicy else { return }
    sizePolicy = policy
    recordChanged(.fact)
    followSizePolicy()
  }

  /// A viewer has told of its terminal, for the first time or again.
  package func setScreen(of id: ViewerID, _ screen: ViewerScreen) {
    guard viewers.entries[id] != nil else { return }
    viewers.setScreen(id, screen)
    viewers.noteActivity(id)
    guard exit == nil else { return }
    viewers.fit(to: terminal.size)
    followSizePolicy()
    showViewers()
  }

  /// A viewer that is no terminal of its own wishes for a size: it gets it where the last word is followed, or nobody else has one.
  package func wish(for size: TerminalEngine.TerminalSize) {
    guard sizePolicy == .latest || sizePolicy != .fixed && viewers.claims.isEmpty else { return }
    try? resize(size)
  }

  /// A viewer sends input. Returns the bytes to type: what its mouse reports, of the window that it sees, is brought to where it is on the
  /// session's screen. Who types takes the size over where the latest decides.
  package func input(from id: ViewerID, _ bytes: [UInt8]) -> [UInt8] {
    guard let entry = viewers.entries[id], let screen = entry.screen else { return bytes }
    let translated =
      entry.painter == nil ? bytes : viewers.translate(bytes, from: id, modes: terminal.modes, session: terminal.size)
    if MouseReports.isDeed(bytes) {
      viewers.noteActivity(id)
      if sizePolicy == .latest, screen.size != terminal.size { followSizePolicy() }
    }
    return translated
  }
}
