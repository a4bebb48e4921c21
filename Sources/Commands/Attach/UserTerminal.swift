import Glibc
import Sys

/// The terminal a person sits at, while a session has it: in raw mode, and put back whatever happens.
///
/// Writing never blocks: the terminal is opened a second time for that, since setting the inherited descriptor
/// non-blocking would do so for every program that shares it.
final class UserTerminal {
  private let input = STDIN_FILENO
  private let output: CInt
  private let ownsOutput: Bool
  private var rawMode: RawMode?
  private var tracker = AlternateScreenTracker()

  /// What is written but not taken yet, and how much of it is taken.
  private var queue: [UInt8] = []
  private var taken = 0

  init() {
    let opened = open("/proc/self/fd/\(STDOUT_FILENO)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    ownsOutput = opened >= 0
    output = opened >= 0 ? opened : STDOUT_FILENO
  }

  deinit {
    if ownsOutput { close(output) }
  }

  var outputDescriptor: CInt { output }
  var inputDescriptor: CInt { input }
  var queuedBytes: Int { queue.count - taken }
  /// The mode by which the alternate screen was entered; nil on the usual one.
  var alternateMode: Int? { tracker.mode }

  var size: WindowSize {
    let size = PseudoTerminal.size(of: STDOUT_FILENO)
    guard let size, size.rows > 0, size.columns > 0 else { return WindowSize(rows: 24, columns: 80) }
    return size
  }

  func enterRawMode() throws(SystemError) {
    let mode = try RawMode.enter(input)
    rawMode = mode
    EmergencyReset.arm(mode, rows: Int(size.rows))
  }

  /// Sets raw mode once more, when another program has changed the terminal's settings. What is put back at the end
  /// stays what was there at first.
  func enterRawModeAgain() throws(SystemError) {
    guard rawMode != nil else { return }
    _ = try RawMode.enter(input)
  }

  /// Puts the terminal back for as long as this process is stopped; `enterRawModeAgain` takes it once more.
  func suspend() {
    guard let rawMode else { return }
    queue = []
    taken = 0
    writeWithPatience(TerminalReset.leave(alternateMode: tracker.mode, rows: Int(size.rows)))
    tracker = AlternateScreenTracker()
    rawMode.restore()
  }

  /// Queues and writes what the terminal takes at once.
  func write(_ bytes: UnsafeRawBufferPointer) {
    tracker.feed(bytes)
    EmergencyReset.noteAlternateScreen(tracker.mode)
    queue.append(contentsOf: bytes)
    flush()
  }

  /// Unsets all that the session's programs have set, so that a picture can be painted on it.
  func unset() {
    TerminalReset.unset(alternateMode: tracker.mode).withUnsafeBytes { write($0) }
  }

  /// - Returns: false when the terminal is gone.
  @discardableResult
  func flush() -> Bool {
    while taken < queue.count {
      let result = queue.withUnsafeBytes { bytes in
        writeBytes(output, from: UnsafeRawBufferPointer(rebasing: bytes[taken...]))
      }
      switch result {
      case .bytes(let count):
        taken += count
      case .wouldBlock:
        return true
      case .endOfFile, .failed:
        queue = []
        taken = 0
        return false
      }
    }
    queue.removeAll(keepingCapacity: true)
    taken = 0
    return true
  }

  /// What is typed, as far as it is there; nil when the terminal is gone.
  func read() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 16 * 1024)
    switch buffer.withUnsafeMutableBytes({ readBytes(input, into: $0) }) {
    case .bytes(let count): return Array(buffer[..<count])
    case .wouldBlock: return []
    case .endOfFile, .failed: return nil
    }
  }

  /// Gives the terminal back when nothing of a session was shown on it.
  func abandon() {
    guard let rawMode else { return }
    self.rawMode = nil
    EmergencyReset.disarm()
    rawMode.restore()
  }

  /// Puts the terminal back as it was. Safe to call more than once.
  func restore() {
    guard let rawMode else { return }
    self.rawMode = nil
    queue = []
    taken = 0
    let reset = TerminalReset.leave(alternateMode: tracker.mode, rows: Int(size.rows))
    writeWithPatience(reset)
    EmergencyReset.disarm()
    rawMode.restore()
  }

  /// A terminal that takes nothing for this long is stuck; leaving it matters more than tidying it.
  private static let patience = Duration.seconds(1)

  private func writeWithPatience(_ bytes: [UInt8]) {
    let deadline = Clock.monotonic + UInt64(UserTerminal.patience.wholeMilliseconds) * 1_000_000
    var written = 0
    while written < bytes.count {
      let result = bytes.withUnsafeBytes { all in
        writeBytes(output, from: UnsafeRawBufferPointer(rebasing: all[written...]))
      }
      switch result {
      case .bytes(let count):
        written += count
      case .wouldBlock:
        let now = Clock.monotonic
        guard now < deadline else { return }
        var entry = pollfd(fd: output, events: Int16(POLLOUT), revents: 0)
        poll(&entry, 1, CInt(clamping: (deadline - now) / 1_000_000 + 1))
      case .endOfFile, .failed:
        return
      }
    }
  }
}

/// Puts the terminal back when this very process crashes: a handler for the signals of a crash, which may only write
/// bytes made beforehand and set terminal attributes (signal-safety(7)).
private enum EmergencyReset {
  private struct Prepared {
    var rawMode: RawMode
    /// Without and with leaving the alternate screen.
    var plain: UnsafeMutableBufferPointer<UInt8>
    var alternate: UnsafeMutableBufferPointer<UInt8>
    var usesAlternate: Bool
  }

  // Written on the attach loop before the handlers are installed and after they are removed; between the two only the
  // flag changes, whose halves do not matter to a process that is crashing.
  nonisolated(unsafe) private static var prepared: UnsafeMutablePointer<Prepared>?

  private static let crashSignals = [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE]

  static func arm(_ rawMode: RawMode, rows: Int) {
    disarm()
    let memory = UnsafeMutablePointer<Prepared>.allocate(capacity: 1)
    memory.initialize(
      to: Prepared(
        rawMode: rawMode, plain: copy(TerminalReset.leave(alternateMode: nil, rows: rows)),
        alternate: copy(TerminalReset.leave(alternateMode: 1049, rows: rows)), usesAlternate: false))
    prepared = memory
    for number in crashSignals {
      signal(number) { number in
        EmergencyReset.putBack()
        signal(number, SIG_DFL)
        raise(number)
      }
    }
  }

  static func noteAlternateScreen(_ mode: Int?) {
    prepared?.pointee.usesAlternate = mode != nil
  }

  static func disarm() {
    guard let memory = prepared else { return }
    for number in crashSignals { signal(number, SIG_DFL) }
    prepared = nil
    memory.pointee.plain.deallocate()
    memory.pointee.alternate.deallocate()
    memory.deinitialize(count: 1)
    memory.deallocate()
  }

  private static func putBack() {
    guard let memory = prepared else { return }
    let bytes = memory.pointee.usesAlternate ? memory.pointee.alternate : memory.pointee.plain
    _ = Glibc.write(STDOUT_FILENO, bytes.baseAddress, bytes.count)
    memory.pointee.rawMode.restore()
  }

  private static func copy(_ bytes: [UInt8]) -> UnsafeMutableBufferPointer<UInt8> {
    let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
    _ = buffer.initialize(from: bytes)
    return buffer
  }
}
