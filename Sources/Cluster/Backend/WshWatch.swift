import Formats
import Net

/// Watches a server that has no link: asks for its sessions again and again, which tells whether it lives too.
struct WshWatch {
  let server: WshServer
  let directory: DirectoryCopy

  /// Asks once. Throws what is wrong, in a sentence.
  func look(_ identity: BackendIdentity) async throws(RemoteFailure) {
    let sessions = try await server.sessions()
    var messages: [[UInt8]] = [
      JSON.object([
        .init("reset", ["server_id": .string(identity.serverID), "count": .integer(sessions.count)])
      ]).bytes
    ]
    // Piece by piece: a message has a bound.
    var start = 0
    while start < sessions.count {
      let end = min(sessions.count, start + 64)
      messages.append(JSON.object([.init("sessions", .array(Array(sessions[start..<end])))]).bytes)
      start = end
    }
    messages.append(JSON.object([.init("ready", .bool(true))]).bytes)
    do throws(DirectoryFault) {
      for message in messages { try directory.receive(message) }
    } catch {
      throw RemoteFailure(
        code: "server_unavailable", message: "its list of sessions is malformed: \(error.reason)", status: 503, path: []
      )
    }
  }
}
