import FoundationEssentials
import Operations
import Testing

@testable import Surfaces

@Suite("OpenAPI")
struct OpenAPITests {
  private struct Document: Decodable {
    struct Parameter: Decodable {
      var name: String?
      var `in`: String?
      var required: Bool?
      var explode: Bool?
      var ref: String?
      enum CodingKeys: String, CodingKey {
        case name, `in`, required, explode
        case ref = "$ref"
      }
    }
    struct Body: Decodable {
      var required: Bool
      var content: [String: Content]
    }
    struct Content: Decodable { var schema: Schema }
    struct Schema: Decodable {
      var type: String?
      var required: [String]?
    }
    struct Response: Decodable { var content: [String: Content]? }
    struct Item: Decodable {
      var operationId: String
      var description: String?
      var parameters: [Parameter]
      var requestBody: Body?
      var responses: [String: Response]
      var security: [[String: [String]]]?
    }
    struct Server: Decodable { var url: String }
    var openapi: String
    var servers: [Server]
    var security: [[String: [String]]]
    var paths: [String: [String: Item]]
  }

  private func document(prefix: BasePrefix = .none) throws -> Document {
    let streams = Sample.streams + [StreamBinding.rpc(JSONRPC(catalogue: Sample.catalogue), OpenSockets())]
    let destinations = Destination.all(Sample.operations, streams)
    return try JSONDecoder().decode(
      Document.self, from: Data(OpenAPI.document(of: destinations, prefix: prefix, version: "1.2.3")))
  }

  @Test("every operation has its place") func places() throws {
    let document = try document(prefix: try #require(BasePrefix("/p")))
    #expect(document.openapi == "3.1.0")
    #expect(document.servers.map(\.url) == ["/p"])
    #expect(document.security == [["bearer": []]])
    for operation in Sample.operations {
      #expect(document.paths[operation.route.path]?[operation.route.method.lowercased()]?.operationId == operation.name)
    }
    #expect(document.paths["/rpc"]?.keys.sorted() == ["get", "post"])
    #expect(document.paths["/sessions/{session}/ws/raw"]?["get"]?.responses["101"] != nil)
  }

  @Test("what goes into path, query and body is told apart") func parameters() throws {
    let paths = try document().paths
    let list = try #require(paths["/sessions"]?["get"])
    let tag = try #require(list.parameters.first { $0.name == "tag" })
    #expect(tag.in == "query")
    #expect(tag.required == false)
    #expect(tag.explode == false)
    #expect(list.parameters.contains { $0.ref == "#/components/parameters/server" })
    #expect(list.requestBody == nil)
    let get = try #require(paths["/sessions/{session}"]?["get"])
    #expect(get.parameters.first?.name == "session")
    #expect(get.parameters.first?.in == "path")
    #expect(get.parameters.first?.required == true)
    let create = try #require(paths["/sessions"]?["post"])
    #expect(create.requestBody?.required == false)
    #expect(create.requestBody?.content["application/json"]?.schema.type == "object")
    #expect(create.responses["201"]?.content?["application/json"] != nil)
    let input = try #require(paths["/sessions/{session}/input"]?["post"])
    #expect(input.requestBody?.content.keys.sorted() == ["application/octet-stream"])
    #expect(input.parameters.compactMap(\.name) == ["session"])
    let remove = try #require(paths["/sessions/{session}"]?["delete"])
    #expect(remove.responses["204"]?.content == nil)
    #expect(remove.responses.keys.contains("default"))
  }

  @Test("health is open, the others say their scope") func scopes() throws {
    let paths = try document().paths
    #expect(paths["/health"]?["get"]?.security == [])
    #expect(paths["/sessions"]?["get"]?.security == nil)
    #expect(paths["/sessions"]?["get"]?.description == "Needs the scope `sessions:read`.")
  }

  @Test("the list of operations carries their schemas") func list() throws {
    struct Entry: Decodable {
      struct Input: Decodable { var type: String }
      var name: String
      var scope: String?
      var method: String
      var path: String
      var rawField: String?
      var input: Input
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let entries = try decoder.decode([Entry].self, from: Data(OpenAPI.catalogue(of: Sample.operations)))
    #expect(entries.map(\.name) == Sample.operations.map(\.name))
    #expect(entries.first { $0.name == "session.input" }?.rawField == "data")
    #expect(entries.first { $0.name == "server.health" }?.scope == nil)
  }
}
