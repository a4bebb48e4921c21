package import Net
import Operations

extension HTTPSurface {
  /// Whether the body of a request is worth waiting for: its head decides where it goes, whether it may come from there, and who sends it. So nothing
  /// is kept for those who would be refused anyway, and those who are let in have a bounded share (``Share/bodyBytes``).
  package func admit(_ request: HTTPRequest, on loop: EventLoop) async -> HTTPAdmission {
    let trace = RequestTrace(request.headers)
    guard let (routed, path) = takesBody(request) else { return .refused(await answer(to: request, on: loop)) }
    do throws(OperationError) {
      let call = try await authenticate(request, for: routed.destination, path, trace)
      if case .operation(let operation) = routed.destination,
        (try? catalogue.requireScope(of: operation, for: call)) == nil
      {
        // Such a refusal is recorded where every call's is.
        return .refused(await answer(to: request, on: loop))
      }
      return .admitted(
        keeping: try catalogue.accounts.take(.bodyBytes, declaredBytes(of: request), for: call.principal))
    } catch {
      // It is recorded and counted: asked once more, one wrong token would be two.
      return .refused(failure(error, of: request, routed, trace))
    }
  }

  /// What a request with a body is for; `nil` where its head is all that its answer needs.
  private func takesBody(_ request: HTTPRequest) -> (Routed, [(name: String, value: String)])? {
    guard request.method != "GET", request.method != "HEAD", request.method != "OPTIONS",
      (try? origins.check(request)) != nil, case .found(let routed, let path) = find(request)
    else { return nil }
    switch routed.destination {
    case .fixed(.rpc), .operation: return (routed, path)
    case .fixed, .stream: return nil
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
