import Glibc
import Operations
import Testing

@Suite("The table of errors")
struct ErrorTableTests {
  /// The page as it should be; with `ROOST_WRITE_DOCS` in the environment it is written.
  private var page: String {
    var lines = [
      "# Errors", "",
      "Every error is `{\"error\":{\"code\",\"message\"}}` over HTTP and WebSocket, and `error.data.code` in JSON-RPC. Codes are stable; messages are for people.",
      "The command line exits with 2 for 400, 5 for 401 and 403, 3 for 404, 6 for 408, 4 for 409, 7 when no server answers, else 1. This page is made from the table in the code.",
      "",
      "| code | HTTP | JSON-RPC |", "|---|---|---|",
    ]
    for code in ErrorCode.allCases.sorted(by: { ($0.httpStatus, $0.rawValue) < ($1.httpStatus, $1.rawValue) }) {
      lines.append("| `\(code.rawValue)` | \(code.httpStatus) | \(code.rpcCode) |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  @Test("docs/errors.md is the table in the code (ROOST_WRITE_DOCS=1 writes it)")
  func documented() throws {
    let path = "\(#filePath)".replacingSuffix("Tests/OperationsTests/ErrorTableTests.swift", with: "docs/errors.md")
    if getenv("ROOST_WRITE_DOCS") != nil {
      let file = try #require(fopen(path, "w"))
      fputs(page, file)
      fclose(file)
    }
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = fread(&bytes, 1, bytes.count, file)
    #expect(String(decoding: bytes[0..<count], as: UTF8.self) == page)
  }
}

extension String {
  fileprivate func replacingSuffix(_ suffix: String, with other: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) + other : self
  }
}
