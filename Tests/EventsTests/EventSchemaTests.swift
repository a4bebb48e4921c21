import Events
import Formats
import Glibc
import Testing

@Suite("JSON Schemas of events")
struct EventSchemaTests {
  private static let root = "\(#filePath)".split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }

  private static func text(_ path: String) throws -> String {
    let file = try #require(fopen("\(root)/\(path)", "r"), "\(path)")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 18)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// The Swift source that holds the files; with `ROOST_WRITE_DOCS` in the environment it is written.
  private static func source() throws -> String {
    var source = """
      // Made from schemas/*.json by EventSchemaTests with ROOST_WRITE_DOCS=1: change those.

      /// The JSON Schemas (draft 2020-12) of the forms of an event, by the names of their files.
      package enum EventSchemas {
        package static let contentType = "application/schema+json"

        package static let names = [\(EventSchemas.names.map { "\"\($0)\"" }.joined(separator: ", "))]

        /// The schema of that name; nil when there is none.
        package static func text(named name: String) -> String? {
          switch name {

      """
    for name in EventSchemas.names {
      source += "    case \"\(name)\":\n      #\"\"\"\n"
      for line in try text("schemas/\(name)").split(separator: "\n") { source += "      \(line)\n" }
      source += "\n      \"\"\"#\n"
    }
    return source + "    default: nil\n    }\n  }\n}\n"
  }

  @Test("what is served is what the files say (ROOST_WRITE_DOCS=1 takes it over)")
  func embedded() throws {
    let path = "Sources/Events/EventSchemas.swift"
    if getenv("ROOST_WRITE_DOCS") != nil {
      let file = try #require(fopen("\(EventSchemaTests.root)/\(path)", "w"))
      fputs(try EventSchemaTests.source(), file)
      fclose(file)
    }
    #expect(try EventSchemaTests.text(path) == (try EventSchemaTests.source()))
  }

  @Test("each is a schema of draft 2020-12 with a name of its own", arguments: EventSchemas.names)
  func wellFormed(name: String) throws {
    let schema = try JSON(parsing: try #require(EventSchemas.text(named: name)))
    #expect(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema")
    #expect(schema["$id"] == .string("urn:roost:schema:" + name.dropLast(".schema.json".count)))
    let properties = Set(schema["properties"].members?.map(\.name) ?? [])
    #expect(properties.isSuperset(of: schema["required"].array?.compactMap(\.string) ?? ["none"]))
    #expect(EventSchemas.text(named: name + "x") == nil)
  }
}
