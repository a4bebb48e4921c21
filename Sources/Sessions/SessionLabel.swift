import Formats

/// What the keeper keeps with a session so that a later server knows what it was. Written like a query: `name=dev&tags=a,b&…`.
struct SessionLabel: Equatable {
  var name: SessionName
  var tags: Set<Tag>
  var command: String
  var startedAt: Timestamp
  var allowsTitleReports = false
  var nonce: String?
  var sizePolicy: SizePolicy
  var history: HistoryBounds
  /// As ``SessionSpec/maker``.
  var maker: String?
  /// As ``SessionSpec/holders``.
  var holders: [String] = []
  /// As ``SessionNumbers/end``.
  var numbers: Int?

  init(
    name: SessionName, tags: Set<Tag>, command: String, startedAt: Timestamp, nonce: String?,
    sizePolicy: SizePolicy = .latest, history: HistoryBounds = HistoryBounds()
  ) {
    self.name = name
    self.tags = tags
    self.command = command
    self.startedAt = startedAt
    self.nonce = nonce
    self.sizePolicy = sizePolicy
    self.history = history
  }

  var encoded: [UInt8] {
    let fields: [(String, String?)] = [
      ("name", name.text), ("tags", tags.sorted().map(\.text).joined(separator: ",")), ("command", command),
      ("started_at", startedAt.text), ("nonce", nonce), ("title_reports", allowsTitleReports ? "yes" : nil),
      ("size_policy", sizePolicy == .latest ? nil : sizePolicy.rawValue), ("history", history.text), ("maker", maker),
      ("holders", holders.isEmpty ? nil : holders.joined(separator: "\n")), ("numbers", numbers.map(String.init)),
    ]
    let text = fields.compactMap { field, value in value.map { "\(field)=\(PercentEncoding.encode($0))" } }.joined(
      separator: "&")
    return Array(text.utf8)
  }

  /// `nil` when the bytes are not a label; unknown fields are passed over, so that a newer server's labels can be read.
  init?(_ bytes: [UInt8]) {
    var fields: [String: String] = [:]
    for field in String(decoding: bytes, as: UTF8.self).split(separator: "&") {
      let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let value = PercentEncoding.decode(parts[1]) else { return nil }
      fields[String(parts[0])] = value
    }
    guard let name = fields["name"].flatMap({ try? SessionName($0) }), let command = fields["command"],
      let startedAt = fields["started_at"].flatMap(Timestamp.init(text:))
    else { return nil }
    self.init(
      name: name, tags: Set((fields["tags"] ?? "").split(separator: ",").compactMap { try? Tag(String($0)) }),
      command: command,
      startedAt: startedAt, nonce: fields["nonce"],
      sizePolicy: fields["size_policy"].flatMap(SizePolicy.init(rawValue:)) ?? .latest,
      history: HistoryBounds(text: fields["history"]))
    maker = fields["maker"]
    holders = fields["holders"]?.split(separator: "\n").map(String.init) ?? []
    numbers = fields["numbers"].flatMap { Int($0) }
    allowsTitleReports = fields["title_reports"] == "yes"
  }
}
