package import Formats

extension OperationError {
  /// `{"error":{"code","message"}}`, and the way that the call took where it went to another server.
  package var document: [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.key("error")
    write(to: &json)
    json.endObject()
    return json.finish()
  }

  package func write(to json: inout JSONWriter) {
    json.beginObject()
    json.key("code")
    json.string(codeText)
    json.key("message")
    json.string(message)
    writePath(to: &json)
    json.endObject()
  }

  /// `details`, and `server_path` and `failed_hop` for a call that has left this server.
  package func writePath(to json: inout JSONWriter) {
    if !serverPath.isEmpty {
      json.key("server_path")
      json.beginArray()
      for name in serverPath { json.string(name) }
      json.endArray()
    }
    if let hop = failedHop {
      json.key("failed_hop")
      json.string(hop)
    }
    if let details {
      json.key("details")
      json.raw(details.bytes)
    }
  }
}
