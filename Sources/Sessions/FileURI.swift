import Formats
import Sys

extension Session {
  /// The path of a `file://host/path` URI, when it names this host. Another host's path would mean nothing here.
  static func path(ofFileURI uri: String) -> String? {
    guard uri.hasPrefix("file://") else { return nil }
    let rest = uri.dropFirst("file://".count)
    guard let slash = rest.firstIndex(of: "/") else { return nil }
    let host = rest[..<slash]
    guard host.isEmpty || host == "localhost" || host == Host.hostname else { return nil }
    return PercentEncoding.decode(rest[slash...])
  }
}
