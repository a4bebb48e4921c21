import Glibc
import Net
import Sys

/// The session's side of its PTY: the master, the watch on it, and input that the program has not taken yet.
struct PTY {
  let master: CInt
  /// The slave's device number, by which the kernel's tables name what a process reads.
  var device: UInt64?
  var watch: DescriptorWatch?
  private(set) var isOpen = true
  /// Whether the latest turn read more than an answer to a keystroke.
  var isFlooding = false
  /// What has been read and is not shown yet, since what came before it took long. Nothing is read meanwhile.
  var unshown = UnshownOutput()
  /// Until more may be shown.
  private(set) var isPaused = false
  /// How many bytes have been read.
  private(set) var received = 0
  /// What has been typed of a line that is not ended, where the terminal is in line mode.
  private(set) var pendingLine = PendingLine()
  /// Output is taken as it comes; else it waits in the kernel, and the program for it. Not so while those who look for a text in it are
  /// behind.
  var isReading = true { didSet { followInterest() } }
  /// What is typed waits behind what a shell is being told, until that has it.
  private(set) var isHolding = false
  private var queue: [UInt8] = []
  private var sent = 0

  init(master: CInt) { self.master = master }

  /// Input accepted and not yet taken by the kernel.
  var queued: Int { queue.count - sent }

  /// Whether something that the program printed is still to be read, or to be shown.
  var hasOutput: Bool {
    guard isOpen else { return false }
    if !unshown.isEmpty { return true }
    var entry = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLIN) != 0
  }

  /// Reads what the program has printed next.
  mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> TransferResult {
    let result = readBytes(master, into: buffer)
    if case .bytes(let count) = result { received += count }
    return result
  }

  enum WriteResult { case taken, waiting, full, gone }

  /// The discipline that acts on what is written now.
  var discipline: LineDiscipline? { isOpen ? PseudoTerminal.lineDiscipline(of: master) : nil }

  /// Writes what is meant for the reader as it is; `line` is the unfinished line afterwards.
  /// - Parameter isAhead: Whether it goes before what is held.
  mutating func write(_ bytes: [UInt8], leaving line: PendingLine, isAhead: Bool = false) -> WriteResult {
    let result = bytes.withUnsafeBytes { write($0, isAhead: isAhead) }
    if result == .taken || result == .waiting { pendingLine = line }
    return result
  }

  /// Forgets an unfinished line once the terminal is not in line mode any more: it has gone to the reader.
  mutating func followLineMode() {
    if pendingLine.bytes > 0, discipline?.isCanonical != true { pendingLine.clear() }
  }

  /// Writes what the kernel takes and queues the rest, all or nothing against the bound.
  mutating func write(_ bytes: UnsafeRawBufferPointer, isAhead: Bool = false) -> WriteResult {
    guard isOpen else { return .gone }
    if queued + bytes.count > SessionLimits.inputBytes { return .full }
    var rest = bytes
    if isHolding ? isAhead : queued == 0 {
      switch writeBytes(master, from: rest) {
      case .bytes(let count): rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      case .wouldBlock: break
      case .endOfFile, .failed: return .gone
      }
      if rest.isEmpty { return .taken }
    }
    queue.append(contentsOf: rest)
    followInterest()
    return .waiting
  }

  /// Has what is typed wait, where nothing waits already, until ``release()``.
  mutating func hold() {
    if queued == 0 { isHolding = true }
  }

  /// What was held goes on, with ``flush()``.
  mutating func release() {
    isHolding = false
    followInterest()
  }

  /// Goes on with what is queued. Returns whether the queue is empty now.
  mutating func flush() -> Bool {
    if isHolding { return false }
    while queued > 0 {
      let result = queue.withUnsafeBytes { writeBytes(master, from: UnsafeRawBufferPointer(rebasing: $0[sent...])) }
      switch result {
      case .bytes(let count): sent += count
      case .wouldBlock:
        compact()
        return false
      case .endOfFile, .failed: sent = queue.count
      }
    }
    queue = []
    sent = 0
    followInterest()
    return true
  }

  private func followInterest() {
    var interest: Readiness = isReading && !isPaused ? .readable : []
    if queued > 0, !isHolding { interest.insert(.writable) }
    watch?.interest = interest
  }

  private mutating func compact() {
    // Only when the dead front outweighs the rest, so that a slow reader does not make every write move everything.
    if sent > queue.count / 2 {
      queue.removeFirst(sent)
      sent = 0
    }
  }

  /// Stops reading, so that the program waits too, and goes on with it.
  mutating func pause(_ isPaused: Bool) {
    guard isPaused != self.isPaused else { return }
    self.isPaused = isPaused
    followInterest()
  }

  /// Nothing more will come out; what is in the kernel has been read.
  mutating func stopWatching() {
    watch?.cancel()
    watch = nil
  }

  mutating func close() {
    guard isOpen else { return }
    stopWatching()
    isOpen = false
    queue = []
    sent = 0
    unshown.drop()
    Glibc.close(master)
  }
}

/// The rest of one piece of a program's output.
struct UnshownOutput {
  private(set) var bytes: [UInt8] = []
  /// How many sizes the program may still ask for in this piece, and be given at once.
  private(set) var sizeRequests = SessionLimits.sizeRequests

  var isEmpty: Bool { bytes.isEmpty }

  mutating func keep(_ rest: UnsafeRawBufferPointer, sizeRequests: Int) {
    bytes = Array(rest)
    self.sizeRequests = sizeRequests
  }

  mutating func drop() { bytes = [] }
}
