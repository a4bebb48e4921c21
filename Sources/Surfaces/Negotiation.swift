import Net
import Operations

extension HTTPSurface {
  /// What an `Accept` header asks of an operation whose answer has several forms: parameters that say it are added. The media type of the
  /// answer; `nil` for its own.
  func negotiated(
    _ operation: Operation, _ request: HTTPRequest, _ arguments: inout Arguments
  ) -> String? {
    guard !operation.forms.isEmpty, let accept = request.headers[first: "accept"]?.lowercased(),
      let form = operation.forms.first(where: { accept.contains($0.accepted) }),
      !arguments.query.contains(where: { $0.name == form.parameters.first?.name })
    else { return nil }
    arguments.query += form.parameters
    return form.contentType
  }
}
