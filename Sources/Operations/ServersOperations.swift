package import Cluster
import Store

/// The operations on the registry: the servers behind this one.
package struct ServersOperations: Sendable {
  private let registry: Registry
  private let control: any ServerControl

  package init(registry: Registry, control: any ServerControl) {
    self.registry = registry
    self.control = control
  }

  package var all: [Operation] {
    [
      Operation(
        "servers.list", "List this server and those behind it, with their health", .sessionsRead, "GET", "/servers",
        .reads
      ) { (call: Call, _: NoInput) -> [BackendOutput] in
        [BackendOutput(await control.info(for: call))] + (await registry.list()).map { BackendOutput($0, for: call) }
      },
      Operation(
        "servers.discovered", "List the servers that were heard of and are not enrolled", .sessionsRead, "GET",
        "/servers/discovered", .reads
      ) { (call: Call, _: NoInput) -> [BackendOutput] in
        (await registry.list(.discovered)).map { BackendOutput($0, for: call) }
      },
      Operation(
        "servers.add", "Enrol a server behind this one; without a role it is only listed", .cluster, "POST", "/servers",
        .changes, status: 201
      ) { (call: Call, input: AddBackendInput) -> BackendOutput in
        // Whoever may enrol servers may not for that read files of this machine.
        if input.tokenFile != nil, !call.isLocalUser {
          throw OperationError(
            .insufficientScope, "A token file is read for users of this machine only; send the token itself.")
        }
        let entry = try await registry.add(input.new, by: call.principal.description)
        call.note?.target = entry.record.address.text
        return BackendOutput(entry)
      },
      Operation(
        "servers.get", "Tell everything about one server", .sessionsRead, "GET", "/servers/{backend}", .reads
      ) { (call: Call, input: BackendInput) -> BackendOutput in
        if isThisServer(input.backend) { return BackendOutput(await control.info(for: call)) }
        return BackendOutput(try await registry.get(input.backend), for: call)
      },
      Operation(
        "servers.update", "Change a server's role, tags, token and so on, or confirm that it is another one now",
        .cluster, "PATCH", "/servers/{backend}", .changes
      ) { (_: Call, input: UpdateBackendInput) -> BackendOutput in
        try refuseItself(input.backend)
        return BackendOutput(try await registry.update(input.backend, input.patch))
      },
      Operation(
        silent: "servers.remove", "Take a server off the list and forget its token", .cluster, "DELETE",
        "/servers/{backend}", .changes
      ) { (_: Call, input: BackendInput) in
        try refuseItself(input.backend)
        try await registry.remove(input.backend)
      },
      Operation(
        "servers.reload", "Read the configuration file and the certificate again, and make the difference", .cluster,
        "POST",
        "/servers/reload", .changes
      ) { (_: Call, _: NoInput) -> ReloadOutput in
        ReloadOutput(try await control.reload())
      },
    ]
  }

  private func isThisServer(_ name: String) -> Bool {
    if case .here = registry.map.resolve(name) { return true }
    return name == "local"
  }

  private func refuseItself(_ name: String) throws(OperationError) {
    guard isThisServer(name) else { return }
    throw OperationError(
      .invalidRequest,
      "That is this server itself, which is no entry of its registry; a backend of that name goes by its id.")
  }
}

extension Call {
  /// Whether a user of this machine asks by itself, not through a hub.
  fileprivate var isLocalUser: Bool { if case .localUser = principal { true } else { false } }
}
