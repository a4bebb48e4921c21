package import Formats
import Glibc
import Net

/// A reader of server-sent events (HTML §9.2.6) over HTTP/1.1, as strict as a browser is lenient.
package final class EventSource: Sendable {
  package struct Message: Sendable {
    package var id = ""
    package var event = ""
    package var data = JSON.null
  }

  private let connection: RawConnection

  /// Returns once the server has begun to answer with a stream.
  package init(_ client: TestClient, _ target: String, headers: [String] = []) async throws {
    connection = try RawConnection(client.endpoint)
    var headers = headers + ["Accept: text/event-stream"]
    if let token = client.token { headers.append("Authorization: Bearer \(token)") }
    try await connection.send(RawConnection.request("GET", target, headers: headers))
    let head = try await connection.receive(through: "\r\n\r\n")
    guard head.hasPrefix("HTTP/1.1 200 "), head.contains("text/event-stream"),
      head.lowercased().contains("transfer-encoding: chunked")
    else { throw TestFailure("no stream: \(head)") }
  }

  /// What has been read of the body and is no whole message yet; one reader at a time.
  private let rest = LockedText()

  /// The next message; comments are passed over.
  package func next(within duration: Duration = Deadline.standard) async throws -> Message {
    while true {
      if let block = rest.take(through: "\n\n") {
        if let message = try parse(block) { return message }
        continue
      }
      // The line's end is one character.
      let size = try await connection.receive(through: "\r\n", within: duration)
      guard let count = Int(size.dropLast(), radix: 16) else { throw TestFailure("no chunk: \(size)") }
      guard count > 0 else { throw TestFailure("the stream has ended") }
      rest.add(try await connection.receive(count: count + 2, within: duration).dropLast(2))
    }
  }

  private func parse(_ block: String) throws -> Message? {
    var message = Message()
    var isMessage = false
    for line in block.split(separator: "\n") {
      if line.hasPrefix(":") { continue }
      guard let colon = line.firstRange(of: ": ") else { throw TestFailure("not a field: \(line)") }
      let value = String(line[colon.upperBound...])
      isMessage = true
      switch line[..<colon.lowerBound] {
      case "id": message.id = value
      case "event": message.event = value
      case "data": message.data = try JSON(parsing: value)
      default: throw TestFailure("not a field: \(line)")
      }
    }
    return isMessage ? message : nil
  }
}
