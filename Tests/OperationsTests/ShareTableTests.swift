import Glibc
import TestKit
import Testing

@testable import Operations

@Suite("The table of shares")
struct ShareTableTests {
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
    #expect(try DocumentedPart("docs/security.md", "shares", madeBy: "ShareTableTests").says(ShareTableTests.table))
  }

  @Test("every suite that docs/security.md names is there") func suites() throws {
    let root = DocumentedPart.root(of: #filePath)
    let named = try DocumentedPart.read(root + "docs/security.md").split(separator: "`").filter {
      $0.hasSuffix("Tests") && !$0.contains(" ")
    }
    #expect(named.count > 10)
    let targets = [
      "RoostTests", "NetTests", "OperationsTests", "DomainsTests", "SurfacesTests", "ClusterTests", "CommandsTests",
      "TerminalEngineTests",
    ]
    for suite in Set(named) {
      #expect(targets.contains { access("\(root)Tests/\($0)/\(suite).swift", R_OK) == 0 }, "\(suite)")
    }
  }
}
