import Formats

// Servers as people read them.

/// How a server is called: by its host name, and before that is known by its address.
func serverName(_ server: JSON) -> String { server["hostname"].string ?? server["address"].plainText }

func serverTable(_ servers: [JSON], _ output: Output) -> String {
  var table = Table(
    ["NAME", "ID", "ROLE", "HEALTH", "LATENCY", "SESSIONS", "TAGS", "ADDRESS", "REASON"], style: output.style)
  for server in servers {
    let health = server["health"].plainText
    let style = output.style
    table.add([
      Table.Cell(serverName(server)), Table.Cell(String((server["server_id"].string ?? "").prefix(8))),
      Table.Cell(server["role"].plainText),
      Table.Cell(health) { text in health == "healthy" || health.isEmpty ? text : style.red(text) },
      Table.Cell(latencyText(server)), Table.Cell(server["sessions"].plainText),
      Table.Cell(server["tags"].strings.joined(separator: ",")), Table.Cell(server["address"].plainText),
      Table.Cell(server["reason"].plainText),
    ])
  }
  return table.text(width: output.width)
}

/// Whole milliseconds are what the server tells; none of them is not no time.
private func latencyText(_ server: JSON) -> String {
  server["latency_ms"].integer.map { $0 == 0 ? "<1ms" : "\($0)ms" } ?? ""
}

func serverText(_ server: JSON, _ style: TextStyle) -> String {
  var lines: [(String, String)] = [
    ("name", server["hostname"].plainText),
    ("id", server["server_id"].plainText),
    ("address", server["address"].plainText),
    ("version", server["version"].plainText),
    ("role", server["role"].plainText),
    ("health", server["health"].plainText),
    ("reason", server["reason"].plainText),
    ("since", age(server["since"])),
    ("latency", latencyText(server)),
    ("sessions", server["sessions"].plainText),
    ("tags", server["tags"].strings.joined(separator: ", ")),
    ("transitive", server["transitive"].bool == true ? "yes" : ""),
    ("known by", server["identity"].string == "address" ? "its address and host name" : ""),
    ("fingerprint", server["fingerprint"].plainText),
    ("from", server["source"].string == "config" ? "the configuration file" : server["source"].plainText),
    ("added", server["added_by"].string.map { "\(age(server["added_at"])) by \($0)" } ?? ""),
  ]
  if !server["declared"].isNull {
    let declared = server["declared"]
    let tags = declared["tags"].strings.joined(separator: ",")
    lines.append(
      (
        "overrides",
        "the file says role \(declared["role"].plainText)\(tags.isEmpty ? "" : ", tags \(tags)")\(declared["transitive"].bool == true ? ", transitive" : "")\(declared["identity"].string.map { ", identity \($0)" } ?? "")"
      ))
  }
  if let id = server["stranger"]["server_id"].string {
    lines.append(
      ("answers now", "\(id) (\(server["stranger"]["hostname"].plainText)); 'roost servers confirm' accepts it"))
  }
  for behind in server["servers"].array ?? [] {
    lines.append(
      (
        "behind it",
        "\(behind["hostname"].plainText) (\(behind["server_id"].plainText.prefix(8))): \(behind["health"].plainText), role \(behind["role"].plainText) there"
      ))
  }
  let shown = lines.filter { !$0.1.isEmpty }
  let width = (shown.map { $0.0.count }.max() ?? 0) + 2
  return shown.map { style.bold(padded($0.0, to: width)) + printable($0.1) + "\n" }.joined()
}

func reloadText(_ report: JSON) -> String {
  var lines: [String] = []
  for address in report["added"].strings { lines.append("added    \(address)") }
  for address in report["removed"].strings { lines.append("removed  \(address)") }
  for change in report["changed"].array ?? [] {
    lines.append("changed  \(serverName(change)): \(change["fields"].strings.joined(separator: ", "))")
  }
  for setting in report["settings"].strings { lines.append("changed  [\(setting)]") }
  if let fingerprint = report["certificate"]["fingerprint"].string {
    lines.append("changed  certificate: fingerprint \(fingerprint)")
  }
  if let warning = report["certificate"]["warning"].string { lines.append(warning) }
  for setting in report["needs_restart"].strings {
    lines.append("\(setting) takes effect when the server is started again")
  }
  let unchanged = report["unchanged"].integer ?? 0
  lines.append("\(unchanged) \(unchanged == 1 ? "server" : "servers") of the file unchanged")
  return lines.map { printable($0) + "\n" }.joined()
}
