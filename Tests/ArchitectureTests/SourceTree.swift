import Glibc

/// The package's own text: its manifest and its sources, found from where this file was compiled.
enum SourceTree {
  static let root: String = {
    let here = String(describing: #filePath)
    return here.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
  }()

  static func text(_ path: String) -> String {
    guard let file = fopen("\(root)/\(path)", "r") else { return "" }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The names in a folder, or nothing when it is none.
  static func entries(_ path: String) -> [String] {
    guard let folder = opendir("\(root)/\(path)") else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  /// All Swift files below a folder.
  static func swiftFiles(_ path: String) -> [String] {
    entries(path).flatMap { name in
      name.hasSuffix(".swift") ? ["\(path)/\(name)"] : swiftFiles("\(path)/\(name)")
    }
  }

  /// The modules that a file imports: for `import enum Sys.ExitStatus` it is `Sys`.
  static func imports(_ path: String) -> [String] {
    lines(path).compactMap { line in
      var words = line.split(separator: " ")
      while let first = words.first, first.hasPrefix("@") || accessLevels.contains(String(first)) {
        words.removeFirst()
      }
      guard words.first == "import" else { return nil }
      words.removeFirst()
      if let first = words.first, kinds.contains(String(first)) { words.removeFirst() }
      return words.first.map { String($0.prefix { $0 != "." && $0 != ";" }) }
    }
  }

  /// The types that a file declares at any depth: enough to find one that has a module's name.
  static func declaredTypes(_ path: String) -> Set<String> {
    var types: Set<String> = []
    for line in lines(path) {
      let words = line.split(whereSeparator: {
        $0 == " " || $0 == ":" || $0 == "<" || $0 == "{" || $0 == "(" || $0 == "="
      })
      for (keyword, name) in zip(words, words.dropFirst())
      where ["struct", "class", "enum", "actor", "protocol", "typealias"].contains(keyword)
        && name.first?.isUppercase == true
      {
        types.insert(String(name))
      }
    }
    return types
  }

  private static let accessLevels = ["package", "public", "internal", "fileprivate", "private"]
  private static let kinds = ["enum", "struct", "class", "func", "protocol", "typealias", "let", "var"]

  /// Without comments that take a line, and without what stands in strings over several lines.
  private static func lines(_ path: String) -> [Substring] {
    var isInString = false
    return text(path).split(separator: "\n").compactMap { line in
      let trimmed = line.drop { $0 == " " }
      let quotes = trimmed.split(separator: "\"\"\"", omittingEmptySubsequences: false).count - 1
      defer { if quotes % 2 == 1 { isInString.toggle() } }
      return isInString || trimmed.hasPrefix("//") ? nil : trimmed
    }
  }
}

/// The targets of the manifest, with what each says it depends on.
struct Manifest {
  struct Target {
    var name: String
    var dependencies: [String]
  }

  let targets: [Target]

  private static func quoted(_ line: Substring) -> [String] {
    line.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
      .filter { $0.offset % 2 == 1 }.map { String($0.element) }
  }

  /// Reads the calls that make targets: `library("Net", ["CUV", …])`, `.target(name: "CSys")`, `.executableTarget(…)`.
  init(_ text: String) {
    var targets: [Target] = []
    var base: [String] = []
    for part in text.split(separator: "\n") {
      let line = part.drop { $0 == " " }
      if line.hasPrefix("let base:") { base = Manifest.quoted(line) }
      guard
        ["library(\"", ".target(name: \"", ".systemLibrary(name: \"", ".executableTarget(name: \""].contains(
          where: line.hasPrefix)
      else { continue }
      // What is in quotes: first the name, then the dependencies.
      let quoted = Manifest.quoted(line)
      guard let name = quoted.first else { continue }
      let usesBase = line.hasSuffix("base),")
      targets.append(Target(name: name, dependencies: quoted.dropFirst() + (usesBase ? base : [])))
    }
    self.targets = targets
  }
}
