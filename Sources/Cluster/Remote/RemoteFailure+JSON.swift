import Formats

/// How a failure goes over a link: `{"code","message","status","server_path":[…]}`.
extension RemoteFailure {
  /// A message is a sentence for people; a page of them is too much.
  static let maximumMessage = 4096
  static let maximumCode = 64
  static let maximumServerName = 256
  static let maximumBytes = 64 << 10
  /// Details beyond this are left out: they only add to the sentence.
  static let maximumDetails = 32 << 10

  package func encoded() -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.key("code")
    json.string(code)
    json.key("message")
    json.string(RemoteFailure.cut(message, to: RemoteFailure.maximumMessage))
    json.key("status")
    json.integer(status)
    json.key("server_path")
    json.beginArray()
    for name in path.prefix(LinkHead.maximumHops) {
      json.string(RemoteFailure.cut(name, to: RemoteFailure.maximumServerName))
    }
    json.endArray()
    if let bytes = details?.bytes, bytes.count <= RemoteFailure.maximumDetails {
      json.key("details")
      json.raw(bytes)
    }
    json.endObject()
    return json.finish()
  }

  /// Reads what another server says; `nil` for what is no failure, or beyond the bounds.
  package init?(parsing bytes: [UInt8]) {
    guard bytes.count <= RemoteFailure.maximumBytes,
      let fields = try? LinkHeadFields(bytes[...], "the failure"),
      let code = try? fields.text("code", atMost: RemoteFailure.maximumCode), RemoteFailure.isCode(code),
      let message = try? fields.text("message", atMost: RemoteFailure.maximumMessage),
      let status = try? fields.integer("status"), (400...599).contains(status),
      let path = try? fields.texts(
        "server_path", count: LinkHead.maximumHops, atMost: RemoteFailure.maximumServerName)
    else { return nil }
    self.init(code: code, message: message, status: status, path: path, details: fields.json("details"))
  }

  /// The way to a server was lost, or it said what nobody understands.
  package static func unavailable(_ message: String, server: String) -> RemoteFailure {
    RemoteFailure(code: "server_unavailable", message: message, status: 503, path: [server])
  }

  private static func isCode(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
  }

  private static func cut(_ text: String, to limit: Int) -> String {
    if text.utf8.count <= limit { return text }
    var cut = text.unicodeScalars.prefix(limit)
    while cut.reduce(0, { $0 + UTF8.width($1) }) > limit { cut = cut.dropLast(max(1, cut.count / 8)) }
    return String(String.UnicodeScalarView(cut))
  }
}
