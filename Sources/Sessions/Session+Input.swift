package import Causality
import Metrics
package import Sys
import TerminalEngine

extension Session {
  /// Types bytes into the session. Returns the generation before the write: whatever the bytes bring about has a greater one.
  ///
  /// Throws ``SessionError/Code/sessionEnded`` after the end, ``SessionError/Code/inputSendFailed`` when 1 MiB of earlier input still
  /// waits for a program that does not read. Either all bytes are accepted or none.
  ///
  /// `typist` is whose the command is that the shell may begin because of this; `viewer` is at whose terminal it was typed.
  @discardableResult
  package func write(
    _ bytes: [UInt8], by typist: Cause? = Cause.current, from viewer: ViewerID? = nil
  ) throws(SessionError) -> UInt64 {
    let before = activity.generation
    if bytes.isEmpty { return before }
    guard exit == nil else { throw endedError }
    switch bytes.withUnsafeBytes({ pty.write($0) }) {
    case .taken, .waiting:
      traffic.toPrograms.add(bytes.count)
      activity.touch()
      recordChanged(.activity)
      if let typist { commands.typist = typist }
      tellOfTyping(typist, from: viewer)
      return before
    case .full:
      throw SessionError(
        .inputSendFailed,
        "The program in \(name) is not reading: 1 MiB of input waits already. Try again when it reads, or kill it.")
    case .gone:
      throw endedError
    }
  }

  /// The other viewers are told that somebody types, at most once a second of each who does.
  private func tellOfTyping(_ typist: Cause?, from viewer: ViewerID?) {
    guard viewers.count > (viewer == nil ? 0 : 1) else { return }
    let now = ContinuousClock.now
    if let told = toldOfTyping, told.viewer == viewer, told.by == typist?.principal,
      told.at.duration(to: now) < SessionLimits.typingInterval
    {
      return
    }
    toldOfTyping = (viewer, typist?.principal, now)
    tellViewers(.typed(by: typist?.principal, isCall: viewer == nil), except: viewer)
  }

  var endedError: SessionError {
    SessionError(.sessionEnded, "The session \(name) has ended; its screen and history can still be read.")
  }

  /// Input accepted and not yet taken by the program's terminal.
  package var inputQueued: Int { pty.queued }

  /// Calls `resume` on the loop once no input waits any more; at once if none does.
  package func onceInputDrained(_ resume: @escaping @Sendable () -> Void) {
    if pty.queued == 0 { resume() } else { inputDrained.append(resume) }
  }

  func flushInput() {
    guard pty.flush() else { return }
    let drained = inputDrained
    inputDrained = []
    for resume in drained { resume() }
  }

  /// Bytes of a list of keys, as the terminal's present modes want them. Throws ``SessionError/Code/invalidKey`` for an empty element.
  package func encode(keys: [String]) throws(SessionError) -> [UInt8] {
    var bytes: [UInt8] = []
    for key in keys {
      guard !key.isEmpty else {
        throw SessionError(.invalidKey, "A key is empty; name a key such as 'enter' or give text.")
      }
      bytes += KeyEncoding.bytes(for: key, modes: terminal.modes)
    }
    return bytes
  }

  /// Text as a paste: line ends become what Enter sends, and the program is told that it is a paste when it asked to be.
  package func pasteBytes(_ text: String) -> [UInt8] {
    // A paste cannot be allowed to end itself: what would close the bracket is left out.
    let bytes = Array(text.utf8).map { $0 == 0x0A ? 0x0D : $0 }.filter { $0 != 0x1B }
    guard terminal.modes.bracketedPaste else { return bytes }
    return Array("\u{1B}[200~".utf8) + bytes + Array("\u{1B}[201~".utf8)
  }

  /// Sends a signal to the group that owns the terminal now (what Ctrl-C would reach).
  package func signal(_ signal: Signal) throws(SessionError) {
    guard exit == nil else { throw endedError }
    let group = PseudoTerminal.foregroundGroup(of: pty.master) ?? pid
    do {
      guard try sendSignal(signal, to: .group(group)) else { throw endedError }
    } catch let error as SystemError {
      throw SessionError(.invalidSignal, "The signal could not be sent: \(error).")
    } catch {
      throw endedError
    }
  }
}
