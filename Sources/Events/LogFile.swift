import Glibc
import Store
import Sys

/// The file that the log grows by, and the only thing that writes to the log's folder. Used by the log's own thread.
///
/// What ``append(_:lines:)`` has returned from is on the disk. What it threw for is not in the file: a piece that was written in part is
/// cut off again, at once or before the next append.
struct LogFile: ~Copyable {
  /// What had to be put right when the log was opened.
  struct Repair: Sendable, Equatable {
    /// Bytes of a last line that was never finished; they have been cut off.
    var tornBytes = 0
    /// Whole lines near the end that are no events. They stay where they are.
    var corruptLines = 0
    /// Events that were in the newest file when it was closed and are not there any more.
    var missing = 0
    /// The last line was whole but for its line feed, which it has been given.
    var isFinished = false
    var file = ""

    var isAny: Bool { tornBytes > 0 || corruptLines > 0 || missing > 0 || isFinished }
  }

  private let segments: SegmentList
  private let retention: Retention
  private let maximumSegmentBytes: Int
  /// What the files take that do not grow any more.
  private var closedSpace = 0
  /// The open file; -1: none.
  private var file: CInt = -1
  private var segment: Segment?
  /// When the file was begun, by the clock that is never set, in seconds.
  private var begunAt = 0
  /// Whether bytes may stand behind `end` that belong to nothing.
  private var hasLeftovers = false
  /// Where the next line goes.
  private var end = 0
  private(set) var nextSeq: UInt64 = 1

  /// - Parameter maximumSegmentBytes: a file that would grow larger is followed by another one.
  init(segments: SegmentList, retention: Retention, maximumSegmentBytes: Int) {
    self.segments = segments
    self.retention = retention
    self.maximumSegmentBytes = maximumSegmentBytes
  }

  /// Finds where the log ends, and cuts a line off that was never finished.
  mutating func open() throws(SystemError) -> Repair {
    var repair = Repair()
    try segments.load()
    let all = segments.all
    // Lines that are no events have had numbers too: those are not given again.
    var unreadable = 0
    for segment in all.reversed() {
      var size = segment.known.end
      let isLast = segment === all.last
      if isLast, let finished = try LogFile.finish(segment.path, size) {
        repair.isFinished = true
        repair.file = segment.name.path
        size = finished
        segment.update {
          $0.end = finished
          $0.knownFrom = finished
        }
      }
      let (lastSeq, wholeEnd, corrupt) = try LogFile.lookAtEnd(segment.path, size)
      if isLast {
        if wholeEnd < size {
          repair.tornBytes = size - wholeEnd
          repair.file = segment.name.path
          guard truncate(segment.path, off_t(wholeEnd)) == 0 else { throw .last("truncate \(segment.path)") }
          segment.update {
            $0.end = wholeEnd
            $0.knownFrom = wholeEnd
          }
        }
      }
      unreadable += corrupt
      if let lastSeq {
        nextSeq = lastSeq + UInt64(unreadable) + 1
        break
      }
    }
    if unreadable > 0 {
      repair.corruptLines = unreadable
      repair.file = all.last?.name.path ?? ""
    }
    if let last = all.last {
      // What a server knew when it closed the file: numbers that it had given are not given again.
      if let stored = last.readIndex(), stored.end > last.known.end, stored.lastSeq >= nextSeq {
        repair.missing = Int(stored.lastSeq - nextSeq) + 1
        repair.file = last.name.path
        nextSeq = stored.lastSeq + 1
      }
      segment = last
      end = last.known.end
      last.ids.begin(at: end)
      begunAt = LogFile.steadySeconds()
    }
    countSpace()
    return repair
  }

  /// Gives the last line of a file its line feed when that is all that it lacks, or when another byte stands there. Such an event may have been
  /// told of. Returns where the file ends now; `nil` when there was nothing to do.
  private static func finish(_ path: String, _ size: Int) throws(SystemError) -> Int? {
    let start = max(0, size - EventLine.maximumBytes - 2)
    var scanner = try LineScanner(path: path, from: start, to: size)
    var end: Int?
    while let (bytes, offset) = try scanner.piece() {
      bytes.withUnsafeBytes { piece in
        forEachLine(piece) { line, at in
          guard at + line.count == piece.count, offset + piece.count == size else { return true }
          if EventLine(line) != nil {
            end = size
          } else if EventLine(UnsafeRawBufferPointer(rebasing: line.dropLast())) != nil {
            end = size - 1
          }
          return false
        }
      }
    }
    guard let end else { return nil }
    let file = Descriptor(owning: Glibc.open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW))
    guard file.raw >= 0 else { throw .last("open \(path)") }
    var feed: UInt8 = 0x0A
    guard pwrite(file.raw, &feed, 1, off_t(end)) == 1, fdatasync(file.raw) == 0 else { throw .last("write \(path)") }
    return end + 1
  }

  /// How many events a line once was that is none now: more than one when a line feed between them is damaged.
  private static func numbers(in line: UnsafeRawBufferPointer, after last: UInt64?, _ corrupt: Int) -> Int {
    let mark: StaticString = "\",\"seq\":"
    let needle = UnsafeRawBufferPointer(start: mark.utf8Start, count: mark.utf8CodeUnitCount)
    var (count, from) = (0, 0)
    while let hit = firstOffset(of: needle, in: line, from: from) {
      from = hit + needle.count
      let digits = line[from...].prefix(20).prefix { (0x30...0x39).contains($0) }
      guard let seq = UInt64(String(decoding: digits, as: UTF8.self)) else { continue }
      // Data may hold events as well; only the number that is due tells of one.
      if let last { if seq == last + UInt64(corrupt + count) + 1 { count += 1 } } else { count += 1 }
    }
    return max(1, count)
  }

  /// The last event of a file, where its last whole line ends, and how many events after that one cannot be read.
  private static func lookAtEnd(
    _ path: String, _ size: Int
  ) throws(SystemError) -> (lastSeq: UInt64?, wholeEnd: Int, corrupt: Int) {
    // Two of the longest lines fit in the first look, all of the file in the second.
    for window in [EventLine.maximumBytes * 3, size] {
      let start = max(0, size - window)
      var scanner = try LineScanner(path: path, from: start, to: size)
      var (lastSeq, wholeEnd, corrupt): (UInt64?, Int, Int) = (nil, start, 0)
      // A window that begins inside the file begins inside a line.
      var isCut = start > 0
      while let (bytes, offset) = try scanner.piece() {
        bytes.withUnsafeBytes { piece in
          forEachLine(piece) { line, at in
            let isWhole = at + line.count < piece.count
            defer { if isWhole { wholeEnd = offset + at + line.count + 1 } }
            if isCut {
              isCut = false
            } else if let event = isWhole ? EventLine(line) : nil {
              lastSeq = event.seq
              corrupt = 0
            } else if isWhole {
              corrupt += numbers(in: line, after: lastSeq, corrupt)
            }
            return true
          }
        }
      }
      if lastSeq != nil || start == 0 { return (lastSeq, wholeEnd, corrupt) }
    }
    return (nil, 0, 0)
  }

  // MARK: Appending

  /// Appends whole lines, and returns when they are on the disk. `lines` are the events, with their offsets in `bytes`.
  mutating func append(
    _ bytes: borrowing [UInt8], lines: [EventLine], starts: [Int32], at now: EventTime
  ) throws(SystemError) {
    leaveIfGone()
    try prepare(now, coming: bytes.count)
    makeRoom(now, coming: bytes.count)
    guard let segment else { return }
    do throws(SystemError) {
      try write(bytes)
      guard fdatasync(file) == 0 else { throw SystemError.last("fdatasync") }
      // Into a file that nobody will find nothing is stored.
      guard isInPlace else { throw SystemError(code: ENOENT, call: segment.path) }
    } catch {
      // What a failed sync has left on the disk is unknown: it is cut off, and the file opened anew.
      hasLeftovers = true
      cutLeftovers()
      closeFile()
      throw error
    }
    let start = end
    end += bytes.count
    nextSeq += UInt64(lines.count)
    let newEnd = end
    segment.ids.note(lines, starts, in: bytes, at: start)
    segment.update { known in
      for (line, offset) in zip(lines, starts) { known.note(line, at: start + Int(offset)) }
      known.end = newEnd
    }
  }

  /// Whether the open file is the one by its name.
  private var isInPlace: Bool {
    guard let segment else { return true }
    // It has been closed because of a fault, and is opened again where it ends.
    guard file >= 0 else { return end == 0 || FileIdentity(segment.path) != nil }
    return FileIdentity(descriptor: file).map { $0 == FileIdentity(segment.path) } ?? false
  }

  /// Somebody has taken the file away, or the whole folder: the log goes on in another one, with the numbers that are due.
  private mutating func leaveIfGone() {
    guard !isInPlace else { return }
    closeFile()
    hasLeftovers = false
    segment = nil
    end = 0
    segments.forgetMissing()
  }

  private func write(_ bytes: borrowing [UInt8]) throws(SystemError) {
    let descriptor = file
    var failure: SystemError?
    bytes.withUnsafeBytes { raw in
      var written = 0
      while written < raw.count {
        let result = pwrite(descriptor, raw.baseAddress! + written, raw.count - written, off_t(end + written))
        if result > 0 {
          written += result
        } else if errno != EINTR {
          failure = .last("write")
          return
        }
      }
    }
    if let failure { throw failure }
  }

  /// Cuts off what a failed append has left. What cannot be cut now is tried again before the next append.
  private mutating func cutLeftovers() {
    guard hasLeftovers, file >= 0 else { return }
    if ftruncate(file, off_t(end)) == 0 { hasLeftovers = false }
  }

  /// Makes the file ready that the moment's events go to.
  private mutating func prepare(_ now: EventTime, coming: Int) throws(SystemError) {
    let wanted = SegmentName(now)
    if let segment {
      if wanted > segment.name, wanted.hour > segment.name.hour {
        try begin(wanted)
      } else if end > 0,
        end + coming > maximumSegmentBytes
          || wanted.hour != segment.name.hour && LogFile.steadySeconds() - begunAt >= 3600
      {
        // Too large, or the clock was set back and an hour has gone by.
        try begin(segment.name.next)
      }
    } else {
      // In a folder that was put in the place of ours there may be one of that name.
      var free = wanted
      while FileIdentity("\(segments.folder)/\(free.path)") != nil { free = free.next }
      try begin(free)
    }
    if file < 0, let segment {
      let opened = Glibc.open(segment.path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
      guard opened >= 0 else { throw .last("open \(segment.path)") }
      file = opened
    }
    cutLeftovers()
    if hasLeftovers { throw SystemError(code: EIO, call: "truncate") }
  }

  private mutating func begin(_ name: SegmentName) throws(SystemError) {
    cutLeftovers()
    if hasLeftovers, file >= 0 { throw SystemError(code: EIO, call: "truncate") }
    let next = Segment(name, folder: segments.folder, knowledge: .init())
    let day = "\(segments.folder)/\(name.folder)"
    do throws(SystemError) {
      try LogFile.makeFolder(segments.folder)
    } catch {
      // With the folder of the server's state, which is made again.
      guard error.code == ENOENT, let slash = segments.folder.lastIndex(of: "/"),
        (try? preparePrivateFolder(String(segments.folder[..<slash]))) != nil
      else { throw error }
      try LogFile.makeFolder(segments.folder)
    }
    try LogFile.makeFolder(day)
    let opened = Glibc.open(next.path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard opened >= 0 else { throw .last("open \(next.path)") }
    let descriptor = Descriptor(owning: opened)
    // The file's name, and the day's, must survive a power cut as its contents do.
    try LogFile.syncFolder(day)
    try LogFile.syncFolder(segments.folder)
    let (old, oldEnd) = (segment, end)
    closeFile()
    file = descriptor.release()
    next.ids.begin(at: 0)
    segment = next
    end = 0
    hasLeftovers = false
    begunAt = LogFile.steadySeconds()
    segments.add(next)
    old?.writeIndex()
    old?.ids.finish(at: oldEnd)
    closedSpace += Retention.space(of: oldEnd)
  }

  // MARK: Room

  /// Removes what is too old.
  mutating func retain(_ now: EventTime) {
    retention.apply(to: segments, now: now)
    countSpace()
  }

  /// Removes the oldest files until what is coming fits into the bound.
  private mutating func makeRoom(_ now: EventTime, coming: Int) {
    guard let bound = retention.bytes, closedSpace + Retention.space(of: end + coming) > bound else { return }
    retention.apply(to: segments, now: now, coming: Retention.space(of: coming))
    countSpace()
  }

  private mutating func countSpace() {
    closedSpace = segments.all.dropLast().reduce(0) { $0 + Retention.space(of: $1.known.end) }
  }

  /// Makes a folder of its owner's alone, if it is not there.
  static func makeFolder(_ path: String) throws(SystemError) {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last("mkdir \(path)") }
  }

  /// The names in a folder; none when there is no such folder.
  static func entries(_ path: String) throws(SystemError) -> [String] {
    guard let folder = opendir(path) else {
      if errno == ENOENT || errno == ENOTDIR { return [] }
      throw .last("open \(path)")
    }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      names.append(
        withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        })
    }
    return names
  }

  private static func syncFolder(_ path: String) throws(SystemError) {
    let opened = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard opened >= 0 else { throw .last("open \(path)") }
    let descriptor = Descriptor(owning: opened)
    guard fsync(descriptor.raw) == 0 else { throw .last("fsync \(path)") }
  }

  private static func steadySeconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec
  }

  /// Ends: what is known of the newest file is kept beside it.
  mutating func close() {
    cutLeftovers()
    segment?.writeIndex()
    segment?.ids.finish(at: end)
    closeFile()
  }

  private mutating func closeFile() {
    if file >= 0 { Glibc.close(file) }
    file = -1
  }
}
