import Net
import Sys
package import TerminalEngine

/// Something that remembers places in a session's text, which move when lines are wrapped anew.
protocol HoldsPositions {
  /// Shows every place to `body`, always in the same order; what `body` puts there is kept.
  mutating func visitPositions(_ body: (inout LinePosition) -> Void)
}

extension Session {
  /// Gives the session another size; its program is told by SIGWINCH.
  package func resize(_ size: TerminalEngine.TerminalSize) throws(SessionError) {
    guard exit == nil else { throw endedError }
    if size == terminal.size { return }
    do {
      try PseudoTerminal.setSize(pty.master, WindowSize(rows: UInt16(size.rows), columns: UInt16(size.columns)))
    } catch {
      throw SessionError(.invalidRequest, "The size could not be set: \(error).")
    }
    activity.touch()
    recordChanged(.fact)
    terminal.stamp = activity.generation
    resizeTerminal(size)
    outputs.running?.resize(rows: size.rows, columns: size.columns)
    if !viewers.isEmpty {
      viewers.setResized()
      viewers.fit(to: size)
      tellViewersOfResize()
      showViewers()
    }
    if !observers.isEmpty { outputReachedObservers() }
    if !waiters.isEmpty { checkWaiters() }
  }

  /// The program asked for a size (`CSI 8 t`, DECCOLM with mode 40, DECSLPP, DECSCPP, DECSNLS). It gets it where the size
  /// is not fixed and no viewer's counts: a viewer's window is the viewer's own.
  func programWishes(for size: TerminalEngine.TerminalSize) {
    guard exit == nil, sizePolicy != .fixed, viewers.claims.isEmpty else { return }
    try? resize(size)
  }

  /// Wraps the lines anew, and brings what is remembered of them to where its characters are then.
  private func resizeTerminal(_ size: TerminalEngine.TerminalSize) {
    viewerPicture = nil
    var positions: [LinePosition] = []
    visitPositions { positions.append($0) }
    terminal.resize(size, tracking: &positions)
    var moved = positions.makeIterator()
    visitPositions { position in
      if let place = moved.next() { position = place }
    }
  }

  private func visitPositions(_ body: (inout LinePosition) -> Void) {
    commands.visitPositions(body)
    places.visitPositions(body)
    if var place = runs.active?.typedAt {
      body(&place)
      runs.active?.typedAt = place
    }
    for waiter in waiters.values {
      var place = LinePosition(line: waiter.look.next(screenTop: terminal.screenTop), column: 0)
      body(&place)
      waiter.look.linesMoved(from: place.line)
    }
  }

  /// The session was another server's. Makes its program paint anew, by another size for a moment.
  func adopted() {
    isAdopted = true
    let size = terminal.size
    let other = size.columns < TerminalEngine.TerminalSize.limit ? size.columns + 1 : size.columns - 1
    try? PseudoTerminal.setSize(pty.master, WindowSize(rows: UInt16(size.rows), columns: UInt16(other)))
    // A line editor that looks only once both have been set sees no change, and paints nothing.
    repaintTimer = loop.schedule(after: SessionLimits.settle) { [weak self] in
      self?.assumeIsolated { session in
        guard session.exit == nil, session.pty.isOpen else { return }
        let size = session.terminal.size
        try? PseudoTerminal.setSize(
          session.pty.master, WindowSize(rows: UInt16(size.rows), columns: UInt16(size.columns)))
      }
    }
  }
}
