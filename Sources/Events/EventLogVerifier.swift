import Glibc
import Sys

/// Checks the files of an event log, with or without a server that writes to them: every line whole, its checksum right, the numbers without
/// gaps from file to file.
package enum EventLogVerifier {
  /// What is wrong at one place.
  package struct Problem: Sendable, Equatable {
    package enum Kind: String, Sendable {
      /// A whole line that is no event, or whose checksum is wrong.
      case corrupt
      /// A last line that was never finished. A server cuts it off when it starts.
      case torn
      /// Events are missing before this place, beyond those that corrupt lines may have been.
      case missing
      /// A number that is not greater than the one before.
      case repeated
      /// The rest of the file cannot be read.
      case unreadable
    }

    package let kind: Kind
    /// Bytes from the beginning of the file.
    package let offset: Int
    /// A sentence for people.
    package let message: String
  }

  /// What one file holds.
  package struct File: Sendable, Equatable {
    /// Below the log's folder: `20261121/11.events.jsonl`.
    package let path: String
    package fileprivate(set) var bytes = 0
    package fileprivate(set) var events = 0
    package fileprivate(set) var firstSeq: UInt64?
    package fileprivate(set) var lastSeq: UInt64?
    package fileprivate(set) var firstTime: EventTime?
    package fileprivate(set) var lastTime: EventTime?
    /// Events that are older than the one before them: the clock was set back. No fault of the log's.
    package fileprivate(set) var stepsBack = 0
    /// The first ``maximumProblems`` of them.
    package fileprivate(set) var problems: [Problem] = []
    package fileprivate(set) var problemCount = 0

    /// More say no more.
    package static let maximumProblems = 100

    fileprivate mutating func note(_ kind: Problem.Kind, at offset: Int, _ message: String) {
      problemCount += 1
      if problems.count < File.maximumProblems {
        problems.append(Problem(kind: kind, offset: offset, message: message))
      }
    }
  }

  /// Reads the files, oldest first, and tells of each when it has been read. Throws when the folder cannot be listed; a folder that is
  /// not there is an empty log.
  @discardableResult
  package static func verify(
    folder: String, progress: (File) throws -> Void = { _ in }
  ) throws -> [File] {
    let list = SegmentList(folder: folder)
    try list.load()
    var files: [File] = []
    var run = Run()
    for segment in list.all {
      let file = run.check(segment)
      files.append(file)
      try progress(file)
    }
    return files
  }

  /// What goes on from one file to the next.
  private struct Run {
    private var lastSeq: UInt64?
    private var lastTime: EventTime?
    /// Corrupt lines since the last event: each has had a number.
    private var unreadable: UInt64 = 0

    mutating func check(_ segment: Segment) -> File {
      var file = File(path: segment.name.path)
      var start = 0
      var end = segment.known.end
      do throws(SystemError) {
        while start < end {
          start = try scan(segment.path, from: start, to: end, &file)
          guard start < end else { break }
          // The last line is not whole; unless its end came meanwhile it never will be.
          var status = stat()
          guard stat(segment.path, &status) == 0, Int(status.st_size) > end else {
            file.note(.torn, at: start, "The last line, \(end - start) bytes, was never finished.")
            break
          }
          end = Int(status.st_size)
        }
      } catch {
        file.note(.unreadable, at: start, "The file cannot be read from here on: \(error.reason).")
      }
      file.bytes = end
      return file
    }

    /// Looks at the whole lines. Returns where they end.
    private mutating func scan(_ path: String, from start: Int, to end: Int, _ file: inout File) throws(SystemError)
      -> Int
    {
      var whole = start
      var scanner = try LineScanner(path: path, from: start, to: end)
      while let (bytes, offset) = try scanner.piece() {
        bytes.withUnsafeBytes { piece in
          forEachLine(piece) { line, at in
            // Only what a line feed ends is whole.
            guard at + line.count < piece.count else { return false }
            look(line, at: offset + at, &file)
            whole = offset + at + line.count + 1
            return true
          }
        }
      }
      return whole
    }

    private mutating func look(_ line: UnsafeRawBufferPointer, at offset: Int, _ file: inout File) {
      guard let event = EventLine(line) else {
        unreadable += 1
        let isEvent = EventLine(line, checkingSum: false) != nil
        return file.note(
          .corrupt, at: offset,
          isEvent ? "The checksum of this line is wrong." : "This line, \(line.count) bytes, is no event.")
      }
      if let lastSeq {
        if event.seq <= lastSeq {
          file.note(.repeated, at: offset, "Event \(event.seq) comes after event \(lastSeq).")
        } else if event.seq - lastSeq - 1 > unreadable {
          let missing = event.seq - lastSeq - 1 - unreadable
          file.note(
            .missing, at: offset,
            "\(missing) \(missing == 1 ? "event is" : "events are") missing between \(lastSeq) and \(event.seq).")
        }
      }
      unreadable = 0
      lastSeq = max(event.seq, lastSeq ?? 0)
      if let lastTime, event.time < lastTime { file.stepsBack += 1 }
      lastTime = event.time
      file.events += 1
      file.firstSeq = file.firstSeq ?? event.seq
      file.lastSeq = event.seq
      file.firstTime = file.firstTime ?? event.time
      file.lastTime = event.time
    }
  }
}
