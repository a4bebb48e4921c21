import Formats
import Net
import Sys

// Other sessions: which there are, what happens in them, and going to one.
extension AttachedTerminal {
  /// How often the other sessions are looked at for the status line: a mark that comes three seconds late is in time, and each look costs
  /// the server a list that it has in memory.
  private static let listInterval = Duration.seconds(3)
  /// How long somebody else is said to type.
  private static let typistTime = Duration.seconds(3)

  // MARK: The status line

  func paintStatus() {
    guard hasStatus, isPainted, overlay == nil, end == nil, isShowing else { return }
    var line = status
    line.marked = directory.entries.compactMap { entry in
      let mark = marks.mark(entry.id)
      return mark.isEmpty ? nil : entry.title + mark
    }
    let bytes = line.bytes(row: Int(terminal.size.rows), columns: Int(terminal.size.columns))
    guard bytes != paintedStatus else { return }
    paintedStatus = bytes
    write(bytes)
  }

  func noteTypist(_ name: String) {
    status.typist = name
    paintStatus()
    typistTimer?.cancel()
    typistTimer = loop.schedule(after: AttachedTerminal.typistTime) { [weak self] in
      self?.assumeIsolated { attached in
        attached.status.typist = nil
        attached.paintStatus()
      }
    }
  }

  /// Looks at the other sessions from now on, while there is a line to tell of them.
  func followSessions() {
    guard options.showsStatus, reservesRows, statusTimer == nil, end == nil else { return }
    lookAtSessions()
    statusTimer = loop.schedule(after: AttachedTerminal.listInterval, every: AttachedTerminal.listInterval) {
      [weak self] in self?.assumeIsolated { $0.lookAtSessions() }
    }
  }

  private func lookAtSessions() {
    guard hasStatus, !isListing, end == nil else { return }
    isListing = true
    Task {
      do throws(CommandFailure) {
        take(try await list())
      } catch {
        // The way to the server may be lost for a while, and a token that may see one session only will not see more later.
        if error.exitCode == .refused { statusTimer?.cancel() }
      }
      isListing = false
    }
  }

  private func take(_ directory: SessionDirectory) {
    self.directory = directory
    marks.update(directory, shown: target.id)
    paintStatus()
  }

  /// The sessions of all servers, or of the one that is asked.
  private func list() async throws(CommandFailure) -> SessionDirectory {
    let client = target.client
    if hasFleet {
      do throws(CommandFailure) {
        return SessionDirectory(try await client.on(nil).call("GET", "/fleet/sessions"))
      } catch {
        guard [.notFound, .refused, .usage].contains(error.exitCode) else { throw error }
        hasFleet = false
      }
    }
    return SessionDirectory(try await client.call("GET", "/sessions"), askedOn: client.server)
  }

  // MARK: Going to another

  /// Lists the sessions and does something with the list, while nothing else was begun meanwhile.
  private func withList(_ body: @escaping @Sendable (isolated AttachedTerminal, SessionDirectory) -> Void) {
    open(.waiting("listing the sessions …"))
    let ticket = overlayTicket
    Task {
      do throws(CommandFailure) {
        let directory = try await list()
        guard overlayTicket == ticket, end == nil else { return }
        take(directory)
        body(self, directory)
      } catch {
        if overlayTicket == ticket { remark(error.message) }
      }
    }
  }

  func openPicker() {
    withList { attached, directory in
      attached.open(.picker(SessionPicker(directory, shown: attached.target.id, marks: attached.marks)))
    }
  }

  func showNeighbour(forward: Bool) {
    withList { attached, directory in
      guard let entry = directory.neighbour(of: attached.target.id, forward: forward) else {
        return attached.remark("there is no other session")
      }
      attached.show(entry)
    }
  }

  func show(_ entry: SessionEntry) {
    guard entry.id != target.id else { return closeOverlay() }
    switchSession(
      to: AttachTarget(
        client: target.client.on(entry.serverID), server: entry.server, name: entry.name, id: entry.id),
      named: entry.title)
  }

  /// Opens the other session before this one is let go: if that fails, one stays where one was.
  private func switchSession(to next: AttachTarget, named title: String) {
    guard !isSwitching, end == nil else { return }
    isSwitching = true
    open(.waiting("opening \(title) …"))
    let wasReserving = reservesRows
    Task {
      do throws(CommandFailure) {
        let opened = try await open(next, scrollback: 0)
        guard end == nil else { return opened.close(code: WebSocketCloseCode.normal, reason: "") }
        letGo(for: opened, next)
      } catch {
        isOpening = false
        isSwitching = false
        reservesRows = wasReserving
        remark(error.message)
        passHeldInput()
      }
    }
  }

  /// The same session on another socket.
  func switchSession(to next: AttachTarget, because socket: WebSocket) {
    switchSession(to: next, named: next.title)
  }

  private func letGo(for opened: WebSocket, _ next: AttachTarget) {
    let (former, left) = (socket, target)
    if left.id != next.id {
      lastShown =
        directory.entry(left.id)
        ?? SessionEntry(
          id: left.id, name: left.name, server: left.server, serverID: left.client.server, state: "",
          command: "", folder: "", clients: 0, generation: 0, bells: 0)
      lastShown?.name = left.name
    }
    take(opened)
    former?.close(code: WebSocketCloseCode.normal, reason: "another session is shown")
    target = next
    status = StatusLine(title: next.title)
    status.isReadOnly = options.readOnly
    endWaiting()
    overlay = nil
    overlayTicket += 1
    isSwitching = false
    paintedStatus = []
    terminal.unset()
    sendSize()
    marks.update(directory, shown: next.id)
    replay()
    followSessions()
    paintStatus()
    passHeldInput()
  }
}
