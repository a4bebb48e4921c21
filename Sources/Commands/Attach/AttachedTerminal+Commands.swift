import Formats
import Net
import Sys

// What the prefix key brings about.
extension AttachedTerminal {
  /// The newest lines of a history that are looked through at once.
  private static let historyLines = 50_000
  /// Lines that one request for it asks for.
  private static let historyPage = 5_000
  /// How long a remark stays on the status line.
  private static let messageTime = Duration.seconds(3)

  func perform(_ command: AttachCommand) {
    guard end == nil else { return }
    switch command {
    case .detach: finish(.left)
    case .next: showNeighbour(forward: true)
    case .previous: showNeighbour(forward: false)
    case .last:
      guard let lastShown else { return remark("no other session was shown here yet") }
      show(lastShown)
    case .list: openPicker()
    case .search: openHistory(isSearching: true)
    case .history: openHistory(isSearching: false)
    case .rename:
      guard !options.readOnly else { return remark("read-only: nothing can be renamed from here") }
      open(.rename(PromptLine("new name of \(printable(target.name)):", text: target.name)))
    case .kill:
      guard !options.readOnly else { return remark("read-only: nothing can be ended from here") }
      open(.kill(question: "end \(printable(target.title)) with all that runs in it? (y/n)"))
    case .repaint:
      paintedStatus = []
      askForPicture()
      paintStatus()
    case .help: open(.help(top: 0))
    }
  }

  // MARK: Overlays

  func open(_ overlay: Overlay) {
    let isFirst = self.overlay == nil
    overlayTicket += 1
    self.overlay = overlay
    if isFirst {
      keyReader = KeyReader()
      // Its modes are the session's: a mouse that reports, keys in other forms, a scrolling region.
      write(TerminalReset.unset(alternateMode: nil))
    }
    paintOverlay()
  }

  func paintOverlay() {
    guard var overlay else { return }
    let (rows, columns) = (Int(terminal.size.rows), Int(terminal.size.columns))
    let help = Overlay.help(prefix: options.prefix, detachKey: options.detachKey)
    let picture = overlay.picture(rows: rows, columns: columns, help: help)
    self.overlay = overlay
    write(picture.bytes(rows: rows, columns: columns))
  }

  func closeOverlay() {
    guard overlay != nil else { return }
    overlay = nil
    overlayTicket += 1
    paintedStatus = []
    // Without a status line its row is the session's; the picture covers all of it.
    askForPicture()
    paintStatus()
  }

  /// Keys for what has the keyboard. Those behind the one that closes it are dropped: they were not meant for the session.
  func press(_ presses: [KeyPress]) {
    for key in presses {
      guard var overlay, end == nil else { return }
      let outcome = overlay.press(key, rows: Int(terminal.size.rows))
      self.overlay = overlay
      switch outcome {
      case .goesOn: continue
      case .over: return closeOverlay()
      case .show(let entry): return show(entry)
      case .rename(let name): return renameSession(to: name)
      case .kill: return killSession()
      }
    }
    if !presses.isEmpty { paintOverlay() }
  }

  /// A sentence for the moment: on the status line, or, without one, on the bottom row until a key is pressed.
  func remark(_ text: String) {
    guard hasStatus else { return open(.message(text)) }
    closeOverlay()
    status.message = text
    paintStatus()
    messageTimer?.cancel()
    messageTimer = loop.schedule(after: AttachedTerminal.messageTime) { [weak self] in
      self?.assumeIsolated { attached in
        attached.status.message = nil
        attached.paintStatus()
      }
    }
  }

  /// While the prefix waits for its key the status line says which there are.
  func showPrefix(_ isWaiting: Bool) {
    guard hasStatus, let prefix = options.prefix else { return }
    let hint = "\(prefix.text) …  n next  p before  l last  w list  / search  d detach  ? all keys"
    if isWaiting {
      messageTimer?.cancel()
      status.message = hint
    } else if status.message == hint {
      status.message = nil
    } else {
      return
    }
    paintStatus()
  }

  // MARK: The session

  private func renameSession(to name: String) {
    open(.waiting("renaming …"))
    let target = target
    Task {
      do throws(CommandFailure) {
        let record = try await target.client.call(
          "PATCH", ServerClient.sessionPath(target.name), body: ["name": .string(name)])
        closeOverlay()
        if self.target.id == target.id { rename(to: record["name"].string ?? name) }
      } catch {
        remark(error.message)
      }
    }
  }

  private func killSession() {
    open(.waiting("ending \(printable(target.title)) …"))
    let target = target
    Task {
      do throws(CommandFailure) {
        _ = try await target.client.call("POST", ServerClient.sessionPath(target.name, "kill"), body: [:])
        // Its end is told by the socket.
        closeOverlay()
      } catch {
        remark(error.message)
      }
    }
  }

  // MARK: The history

  private func openHistory(isSearching: Bool) {
    open(.waiting("reading the history …"))
    let (ticket, target) = (overlayTicket, target)
    Task {
      do throws(CommandFailure) {
        let (lines, total) = try await history(of: target, while: ticket)
        guard overlayTicket == ticket else { return }
        let remark = total > lines.count ? "the newest \(lines.count) of \(total) lines" : ""
        open(.history(HistoryView(lines, isSearching: isSearching, rows: Int(terminal.size.rows), remark: remark)))
      } catch {
        if overlayTicket == ticket { remark(error.message) }
      }
    }
  }

  /// The newest lines of a session, the screen's included, without the blank ones at the end; and how many it has.
  private func history(
    of target: AttachTarget, while ticket: Int
  ) async throws(CommandFailure) -> (lines: [String], total: Int) {
    let path = ServerClient.sessionPath(target.name, "scrollback")
    let total = try await target.client.call("GET", path, query: [("limit", "0")])["total_lines"].integer ?? 0
    var lines: [String] = []
    var offset = max(0, total - AttachedTerminal.historyLines)
    while offset < total, overlayTicket == ticket {
      let page =
        try await target.client.call(
          "GET", path,
          query: [
            ("format", "plain"), ("offset", String(offset)), ("limit", String(AttachedTerminal.historyPage)),
          ])["lines"].array ?? []
      guard !page.isEmpty else { break }
      lines += page.map { printable($0.string ?? "") }
      offset += page.count
    }
    while let last = lines.last, last.allSatisfy({ $0 == " " }) { lines.removeLast() }
    return (lines, total)
  }
}
