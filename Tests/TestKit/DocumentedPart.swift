import Glibc

/// A part of a page in `docs/` that is made from the code.
///
/// It stands between two comments; with `ROOST_WRITE_DOCS` in the environment it is written where it is not what the code says.
package struct DocumentedPart {
  private let path: String
  private let begin: String
  private let end: String

  /// - Parameters:
  ///   - page: from the root of the repository, such as `docs/events.md`.
  ///   - name: of the part, in its comments.
  ///   - suite: what makes it.
  ///   - file: the test's own, in a folder of `Tests/`.
  package init(_ page: String, _ name: String, madeBy suite: String, from file: String = #filePath) {
    path = DocumentedPart.root(of: file) + page
    begin = "<!-- \(name): begin (made from the code by ROOST_WRITE_DOCS=1 swift test --filter \(suite)) -->\n"
    end = "<!-- \(name): end -->"
  }

  /// The root of the repository, with a slash behind it.
  package static func root(of file: String) -> String {
    var root = file
    while !root.hasSuffix("/Tests/"), root.count > 1 { root.removeLast() }
    return String(root.dropLast("Tests/".count))
  }

  /// Whether the page has this part; with `ROOST_WRITE_DOCS` it has it after the call.
  package func says(_ text: String) throws -> Bool {
    var page = try DocumentedPart.read(path)
    guard let start = page.firstRange(of: begin)?.upperBound, let stop = page.firstRange(of: end)?.lowerBound else {
      throw TestFailure("\(path) lacks \(begin)…\(end)")
    }
    if page[start..<stop] == text { return true }
    guard getenv("ROOST_WRITE_DOCS") != nil else { return false }
    page.replaceSubrange(start..<stop, with: text)
    guard let file = fopen(path, "w") else { throw TestFailure("\(path) cannot be written") }
    defer { fclose(file) }
    fputs(page, file)
    return true
  }

  package static func read(_ path: String) throws -> String {
    guard let file = fopen(path, "r") else { throw TestFailure("\(path) cannot be read") }
    defer { fclose(file) }
    var text: [UInt8] = []
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&bytes, 1, bytes.count, file), count > 0 { text += bytes[..<count] }
    return String(decoding: text, as: UTF8.self)
  }
}
