import Domains
import Formats
import Operations
import ReferencePages
import Surfaces
import TestKit
import Testing

@Suite("The pages that tell of all operations and metrics", .bounded)
struct ReferencePageTests {
  private let page = ReferencePage(Contracts.all + [AuthContract.self])

  @Test("docs/api.md has the operations of the code (ROOST_WRITE_DOCS=1 writes them)")
  func table() throws {
    let part = DocumentedPart("docs/api.md", "operations", madeBy: "ReferencePageTests")
    #expect(try part.says(page.callTable))
  }

  @Test("docs/api.md has the streams of the code (ROOST_WRITE_DOCS=1 writes them)")
  func streams() throws {
    let part = DocumentedPart("docs/api.md", "streams", madeBy: "ReferencePageTests")
    #expect(try part.says(page.streamTable))
  }

  @Test("docs/operations.md has what each takes, and what stands for what is left out (ROOST_WRITE_DOCS=1 writes it)")
  func calls() throws {
    let part = DocumentedPart("docs/operations.md", "operations", madeBy: "ReferencePageTests")
    #expect(try part.says(page.calls))
  }

  @Test("a server answers what the contracts state") func served() async throws {
    let stated = (Contracts.all + [AuthContract.self]).flatMap { $0.operations.map(\.name) }
    let served = try await SharedServer.roost.http.another().get("/operations").array?.compactMap { $0["name"].string }
    #expect(served?.sorted() == stated.sorted())
  }

  @Test("every metric that the server tells is in docs/metrics.md or docs/events.md")
  func metrics() async throws {
    let root = DocumentedPart.root(of: #filePath)
    let pages = try DocumentedPart.read(root + "docs/metrics.md") + DocumentedPart.read(root + "docs/events.md")
    let told = try await SharedServer.roost.http.another().request("GET", "/metrics").text
    let families = told.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map {
      String($0.split(separator: " ")[2])
    }
    #expect(families.count > 20)
    for family in families { #expect(pages.contains("`\(family)`"), "\(family)") }
  }
}
