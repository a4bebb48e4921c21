package import Net
import Operations

extension HTTPSurface {
  /// Whether the body of a request is worth waiting for: its head decides where it goes, whether it may come from there, and who sends it. So nothing
  /// is kept for those who would be refused anyway, and those who are let in have a bounded share (``Share/bodyBytes``).
  package func admit(_ request: HTTPRequest, on loop: EventLoop) async -> HTTPAdmission {
    let trace = RequestTrace(request.headers)
    do throws(OperationError) {
      guard let destination = takesBody(request) else { return .refused(await answer(to: request, on: loop)) }
      let call = try await authenticate(request, for: destination, [], trace)
      if case .operation(let operation) = destination { try catalogue.requireScope(of: operation, for: call) }
      return .admitted(
        keeping: try catalogue.accounts.take(.bodyBytes, declaredBytes(of: request), for: call.principal))
    } catch {
      guard error.code == .resourceLimitReached else { return .refused(await answer(to: request, on: loop)) }
      var response = Responses.error(error)
      trace.mark(&response.headers)
      return .refused(response)
    }
  }

  /// What a request with a body is for; `nil` where its head is all that its answer needs.
  private func takesBody(_ request: HTTPRequest) -> Destination? {
    guard request.method != "GET", request.method != "HEAD", request.method != "OPTIONS",
      (try? origins.check(request)) != nil, case .found(let routed, _) = find(request)
    else { return nil }
    switch routed.destination {
    case .fixed(.rpc), .operation: return routed.destination
    case .fixed: return nil
    }
  }

  /// The answer to a request whose body is not looked at.
  private func answer(to request: HTTPRequest, on loop: EventLoop) async -> HTTPResponse {
    guard case .response(let response) = await respond(to: request, on: loop) else {
      return Responses.error(OperationError(.invalidRequest, "Invalid request: no body goes with this request."))
    }
    return response
  }

  /// What the body may come to.
  private func declaredBytes(of request: HTTPRequest) -> Int {
    let most = HTTPLimits().maxBodyBytes
    return request.headers[first: "content-length"].flatMap { Int($0) }.map { min(max($0, 0), most) } ?? most
  }
}
