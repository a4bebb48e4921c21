import Glibc
import Sys

/// The files of audit lines that there are, `YYYY/MM/DD/hub.log` and those of the same day before it, `hub-1.log`, `hub-2.log`, …; and which of them go.
struct AuditShelf: ~Copyable {
  /// The name of the file that a day's lines are written to.
  static let current = "hub.log"

  struct File: Equatable {
    /// `YYYY/MM/DD`.
    var day: String
    /// Of those that are complete; the one that is written to has none.
    var number: Int?
    var bytes: Int

    var path: String { "\(day)/\(number.map { "hub-\($0).log" } ?? AuditShelf.current)" }

    /// In the order of their lines.
    static func < (left: File, right: File) -> Bool {
      (left.day, left.number ?? .max) < (right.day, right.number ?? .max)
    }
  }

  let folder: String
  /// Oldest first.
  private(set) var files: [File]

  /// The day of a moment, in UTC, as files are named.
  static func day(of time: EventTime) -> String {
    time.description.prefix(10).split(separator: "-").joined(separator: "/")
  }

  /// Looks at what is in the folder, which need not be there.
  init(folder: String) {
    self.folder = folder
    var files: [File] = []
    for day in AuditShelf.days(folder) {
      for entry in AuditShelf.entries("\(folder)/\(day)") {
        guard let number = AuditShelf.number(entry) else { continue }
        var status = stat()
        guard lstat("\(folder)/\(day)/\(entry)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
        files.append(File(day: day, number: number, bytes: Int(status.st_size)))
      }
    }
    self.files = files.sorted(by: <)
  }

  /// Bytes were written to the current file of a day.
  mutating func grew(day: String, by bytes: Int) {
    if let index = files.lastIndex(where: { $0.day == day && $0.number == nil }) {
      files[index].bytes += bytes
    } else {
      files.append(File(day: day, number: nil, bytes: bytes))
      files.sort(by: <)
    }
  }

  func size(ofCurrent day: String) -> Int { files.last { $0.day == day && $0.number == nil }?.bytes ?? 0 }

  /// Gives the current file of a day a number; it is written to no more.
  mutating func complete(day: String) throws(SystemError) {
    guard let index = files.lastIndex(where: { $0.day == day && $0.number == nil }) else { return }
    var file = files[index]
    file.number = (files.compactMap { $0.day == day ? $0.number : nil }.max() ?? 0) + 1
    guard rename("\(folder)/\(files[index].path)", "\(folder)/\(file.path)") == 0 else {
      throw .last("rename \(files[index].path)")
    }
    files[index] = file
    files.sort(by: <)
  }

  /// Removes the oldest files: those of days before one, and as many as are needed to keep within a number of bytes. The newest stays.
  mutating func retain(from day: String?, bytes limit: Int?) {
    var total = files.reduce(0) { $0 + $1.bytes }
    while files.count > 1, day.map({ files[0].day < $0 }) == true || limit.map({ total > $0 }) == true {
      let oldest = files[0]
      // What cannot be removed is tried again the next time.
      guard unlink("\(folder)/\(oldest.path)") == 0 || errno == ENOENT else { return }
      files.removeFirst()
      total -= oldest.bytes
      // The folders of the day, its month and its year, as far as they are empty now.
      var path = oldest.day
      while !path.isEmpty, rmdir("\(folder)/\(path)") == 0 {
        path = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
      }
    }
  }

  /// `nil` in the inner place for the file that is written to, `nil` for what is none of ours.
  private static func number(_ name: String) -> Int?? {
    if name == current { return .some(nil) }
    guard name.hasPrefix("hub-"), name.hasSuffix(".log"), let number = Int(name.dropFirst(4).dropLast(4)), number > 0
    else { return nil }
    return .some(number)
  }

  private static func days(_ folder: String) -> [String] {
    var paths = [""]
    for length in [4, 2, 2] {
      paths = paths.flatMap { path in
        entries("\(folder)/\(path)")
          .filter { $0.utf8.count == length && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
          .map { path.isEmpty ? $0 : "\(path)/\($0)" }
      }
    }
    return paths
  }

  private static func entries(_ path: String) -> [String] { (try? LogFile.entries(path)) ?? [] }
}
