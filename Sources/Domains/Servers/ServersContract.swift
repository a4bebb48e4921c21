package import Operations
import Store

/// The `servers` domain, as the world knows it.
package enum ServersContract: Contract {
  static let list = TypedOperation(
    "servers.list", "List this server and those behind it, with their health", .sessionsRead,
    .get("/servers"), .reads, takes: NoInput.self, gives: [BackendOutput].self)
  static let discovered = TypedOperation(
    "servers.discovered", "List the servers that were heard of and are not enrolled", .sessionsRead,
    .get("/servers/discovered"), .reads, takes: NoInput.self, gives: [BackendOutput].self)
  static let add = TypedOperation(
    "servers.add", "Enrol a server behind this one; without a role it is only listed", .cluster,
    .post("/servers"), .changes, status: 201, takes: AddBackendInput.self, gives: BackendOutput.self)
  static let get = TypedOperation(
    "servers.get", "Tell everything about one server", .sessionsRead,
    .get("/servers/{backend}"), .reads, takes: BackendInput.self, gives: BackendOutput.self)
  static let update = TypedOperation(
    "servers.update", "Change a server's role, tags, token and so on, or confirm that it is another one now", .cluster,
    .patch("/servers/{backend}"), .changes, takes: UpdateBackendInput.self, gives: BackendOutput.self)
  static let remove = TypedOperation(
    "servers.remove", "Take a server off the list and forget its token", .cluster,
    .delete("/servers/{backend}"), .changes, takes: BackendInput.self)
  static let reload = TypedOperation(
    "servers.reload", "Read the configuration file and the certificate again, and make the difference", .cluster,
    .post("/servers/reload"), .changes, takes: NoInput.self, gives: ReloadOutput.self)

  package static let operations: [Operation] = [
    list.operation,
    discovered.operation,
    add.operation,
    get.operation,
    update.operation,
    remove.operation,
    reload.operation,
  ]
  package static let events = RegistryEvents.all
}
