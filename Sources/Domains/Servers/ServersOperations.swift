package import Cluster
package import Operations
import Store

/// The operations on the registry: the servers behind this one.
package struct ServersOperations: Sendable {
  private let registry: Registry
  private let control: any ServerControl

  package init(registry: Registry, control: any ServerControl) {
    self.registry = registry
    self.control = control
  }

  package var all: [OperationBinding] {
    [
      ServersContract.list.on { call, _ in
        [BackendOutput(await control.info(for: call))] + (await registry.list()).map { BackendOutput($0, for: call) }
      },
      ServersContract.discovered.on { call, _ in
        (await registry.list(.discovered)).map { BackendOutput($0, for: call) }
      },
      ServersContract.add.on { call, input in
        // Whoever may enrol servers may not for that read files of this machine.
        if input.tokenFile != nil, !call.isLocalUser {
          throw OperationError(
            .insufficientScope, "A token file is read for users of this machine only; send the token itself.")
        }
        let entry = try await registry.add(input.new, by: call.principal.description)
        call.note?.target = entry.record.address.text
        return BackendOutput(entry)
      },
      ServersContract.get.on { call, input in
        if isThisServer(input.backend) { return BackendOutput(await control.info(for: call)) }
        return BackendOutput(try await registry.get(input.backend), for: call)
      },
      ServersContract.update.on { _, input in
        try refuseItself(input.backend)
        return BackendOutput(try await registry.update(input.backend, input.patch))
      },
      ServersContract.remove.on { _, input in
        try refuseItself(input.backend)
        try await registry.remove(input.backend)
      },
      ServersContract.reload.on { _, _ in
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
