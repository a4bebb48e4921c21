import Net

/// The way to a backend over its link.
struct LinkServer: RemoteServer {
  let link: Link
  let name: String
  /// See ``LinkTimings/answer``.
  let patience: Duration

  var loop: EventLoop { link.loop }

  func perform(_ request: RemoteRequest) async throws(RemoteFailure) -> RemoteAnswer {
    let head = LinkHead.call(request).encoded()
    try check(head)
    return try await link.perform(request, head, LinkCalls(server: name, patience: patience))
  }

  func open(_ request: RemoteSocketRequest) async throws(RemoteFailure) -> any MessageSocket {
    let head = LinkHead.socket(request).encoded()
    try check(head)
    return try await link.openSocket(request, head, LinkCalls(server: name, patience: patience))
  }

  /// What opens a stream goes in one frame.
  private func check(_ head: [UInt8]) throws(RemoteFailure) {
    guard head.count <= LinkFrame.maximumPayload else {
      throw RemoteFailure(
        code: "payload_too_large",
        message: "The parameters are larger than a call to \(name) may have; put them in the body.",
        status: 413, path: [])
    }
  }
}

extension Link {
  fileprivate func perform(_ request: RemoteRequest, _ head: [UInt8], _ calls: LinkCalls) async throws(RemoteFailure)
    -> RemoteAnswer
  {
    try checkConnected(calls.server)
    return try await calls.perform(request, on: open(head, isCall: true))
  }

  fileprivate func openSocket(_ request: RemoteSocketRequest, _ head: [UInt8], _ calls: LinkCalls)
    async throws(RemoteFailure)
    -> any MessageSocket
  {
    try checkConnected(calls.server)
    return try await calls.open(request, on: open(head, isCall: false))
  }

  /// A call that waits for a connection may wait for long: whoever asks while there is none is told so at once.
  private func checkConnected(_ name: String) throws(RemoteFailure) {
    guard !isConnected else { return }
    throw RemoteFailure(
      code: "server_unavailable", message: "There is no connection to \(name) at the moment.", status: 503, path: [name]
    )
  }
}
