import Glibc
import TerminalEngine
import Testing

/// The data under Tests/Conformance; its README says where it comes from.
enum ConformanceData {
  static let folder: String = {
    let here = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return here.dropLast(2).joined(separator: "/") + "/Conformance"
  }()

  /// Names of the cases of a suite: its files with the given ending, sorted.
  static func cases(_ suite: String, ending: String) -> [String] {
    guard let directory = opendir("\(folder)/\(suite)") else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(ending) { names.append(String(name.dropLast(ending.count))) }
    }
    return names.sorted()
  }

  static func bytes(_ path: String) throws -> [UInt8] {
    guard let file = fopen("\(folder)/\(path)", "r") else { throw MissingFile(path: path) }
    defer { fclose(file) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      guard count > 0 else { return content }
      content += buffer[..<count]
    }
  }

  static func text(_ path: String) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }

  struct MissingFile: Error { let path: String }
}

extension Terminal {
  mutating func feed(_ bytes: [UInt8]) { bytes.withUnsafeBytes { feed($0) } }
  mutating func feed(_ text: String) { feed([UInt8](text.utf8)) }
}

/// A suite's cases that are known to come out otherwise, and why. A listed case that starts to pass fails its test, so
/// that the list stays true; docs/conformance.md tells the same in more words.
typealias Disagreements = [String: String]

extension String {
  func trimmingTrailingBlanks() -> String {
    var end = endIndex
    while end > startIndex, self[index(before: end)] == " " { end = index(before: end) }
    return String(self[..<end])
  }
}
