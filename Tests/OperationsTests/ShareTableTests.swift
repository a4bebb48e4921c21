import Glibc
import Testing

@testable import Operations

@Suite("The table of shares")
struct ShareTableTests {
  private static let begin =
    "<!-- shares: begin (made from the code by ROOST_WRITE_DOCS=1 swift test --filter ShareTableTests) -->"
  private static let end = "<!-- shares: end -->"

  private static let table: String = {
    func number(_ value: Int) -> String {
      if value >= 1 << 20, value % (1 << 20) == 0 { return "\(value >> 20) MiB" }
      return value >= 1000 ? "\(value / 1000),\(String("\(1000 + value % 1000)".dropFirst()))" : "\(value)"
    }
    var lines = ["| share | what | for all | kept for the local user | one token |", "|---|---|---|---|---|"]
    for share in Share.allCases {
      let limits = share.limits
      let reserve = limits.reserve == 0 ? "–" : number(limits.reserve)
      lines.append(
        "| `\(share.rawValue)` | \(share.text) | \(number(limits.total)) | \(reserve) | \(number(limits.each)) |")
    }
    return lines.joined(separator: "\n") + "\n"
  }()

  @Test("docs/security.md has the shares of the code (ROOST_WRITE_DOCS=1 writes them)")
  func document() throws {
    let path = String("\(#filePath)".dropLast("Tests/OperationsTests/ShareTableTests.swift".count)) + "docs/security.md"
    var page = try read(path)
    let start = try #require(page.firstRange(of: ShareTableTests.begin)?.upperBound)
    let stop = try #require(page.firstRange(of: ShareTableTests.end)?.lowerBound)
    if getenv("ROOST_WRITE_DOCS") != nil {
      page.replaceSubrange(start..<stop, with: "\n" + ShareTableTests.table)
      let file = try #require(fopen(path, "w"))
      fputs(page, file)
      fclose(file)
      return
    }
    #expect(page[start..<stop] == "\n" + ShareTableTests.table)
  }

  @Test("every suite that docs/security.md names is there") func suites() throws {
    let root = String("\(#filePath)".dropLast("Tests/OperationsTests/ShareTableTests.swift".count))
    let named = try read(root + "docs/security.md").split(separator: "`").filter {
      $0.hasSuffix("Tests") && !$0.contains(" ")
    }
    #expect(named.count > 10)
    let targets = ["RoostTests", "NetTests", "OperationsTests", "SurfacesTests"]
    for suite in Set(named) {
      #expect(targets.contains { access("\(root)Tests/\($0)/\(suite).swift", R_OK) == 0 }, "\(suite)")
    }
  }

  private func read(_ path: String) throws -> String {
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[0..<count], as: UTF8.self)
  }
}
