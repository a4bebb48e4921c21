import Cluster
package import Operations
import Store

/// The `server` domain, as the world knows it.
package enum ServerContract: Contract {
  static let health = TypedOperation(
    "server.health", "Say that the server is up", nil,
    .get("/health"), .reads, takes: NoInput.self, gives: ServerHealth.self
  )
  .working(as: .identity)
  static let info = TypedOperation(
    "server.info", "Tell what this server is", .sessionsRead,
    .get("/server/info"), .reads, takes: NoInput.self, gives: ServerInfo.self
  )
  .working(as: .identity)
  static let persistence = TypedOperation(
    "server.persistence", "Tell whether the server goes on without sessions", .sessionsRead,
    .get("/server/persist"), .reads, takes: NoInput.self, gives: Persistence.self)
  static let persist = TypedOperation(
    "server.persist", "Let the server go on without sessions, or end with the last one", .admin,
    .put("/server/persist"), .changes, takes: Persistence.self, gives: Persistence.self)
  static let shutdown = TypedOperation(
    "server.shutdown", "Stop the server; with kill_sessions, end its sessions too", .admin,
    .post("/server/shutdown"), .changes, status: 202, takes: ShutdownInput.self)

  package static let operations: [Operation] = [
    health.operation,
    info.operation,
    persistence.operation,
    persist.operation,
    shutdown.operation,
  ]
  package static let events = ServerEvents.all
}
