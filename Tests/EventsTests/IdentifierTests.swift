import Causality
import Testing

@Suite("Ids that callers send along")
struct IdentifierTests {
  @Test(
    "a UUID is kept, in lower case",
    arguments: [
      ("3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c6d", "3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c6d"),
      ("3F1B6C2E-8A4D-4F6B-9C1D-0E2F3A4B5C6D", "3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c6d"),
      ("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"),
    ])
  func uuids(text: String, kept: String) { #expect(Cause.correlationID(text) == kept) }

  @Test(
    "anything else is no correlation id",
    arguments: [
      "", "x", "3f1b6c2e8a4d4f6b9c1d0e2f3a4b5c6d", "{3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c6d}",
      "3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c6", "3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c6d0",
      "3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c6g",
      "3f1b6c2e_8a4d-4f6b-9c1d-0e2f3a4b5c6d", " 3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c6d",
      "3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c\r\n",
      "3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5cäd", "----------------------------------0000",
    ])
  func others(text: String) { #expect(Cause.correlationID(text) == nil) }

  private static let whole = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  @Test(
    "a well-formed traceparent is carried as it is; of a later version the fields of this one (W3C Trace Context §3.2)")
  func traces() {
    #expect(Cause.traceParent(IdentifierTests.whole) == IdentifierTests.whole)
    #expect(Cause.traceParent("cc" + IdentifierTests.whole.dropFirst(2)) == IdentifierTests.whole)
    #expect(
      Cause.traceParent("cc" + IdentifierTests.whole.dropFirst(2) + "-what-the-future-will-be-like")
        == IdentifierTests.whole)
  }

  @Test(
    "a malformed one is no traceparent",
    arguments: [
      "", "00", IdentifierTests.whole + "-00", IdentifierTests.whole + "0", "ff" + IdentifierTests.whole.dropFirst(2),
      String(IdentifierTests.whole.dropLast()), IdentifierTests.whole.uppercased(),
      "cc" + IdentifierTests.whole.dropFirst(2) + ".x",
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
      "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
    ])
  func malformed(text: String) { #expect(Cause.traceParent(text) == nil) }
}
