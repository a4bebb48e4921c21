import Formats
import Operations

/// Finds what a request is for: method and path against templates such as `/sessions/{session}/screen`.
///
/// Templates lie in buckets by their number of segments, literal segments before parameters, so a look-up compares a handful of
/// short strings. A path is split first and decoded segment by segment afterwards, so `%2F` is a character of a name and never a
/// separator. A trailing slash is a segment of its own, empty, and matches nothing.
struct Router<Target: Sendable>: Sendable {
  /// What a look-up comes to.
  enum Match {
    case found(Target, path: [(name: String, value: String)])
    case notFound
    /// The path is known, the method is not; `allow` is the value of the header of that name.
    case methodNotAllowed(allow: String)
    /// A segment is not well-formed percent-encoded UTF-8.
    case malformed
  }

  private enum Segment: Sendable, Equatable {
    case literal(String)
    case parameter(String)

    init(_ text: Substring) {
      self =
        text.first == "{" && text.last == "}" ? .parameter(String(text.dropFirst().dropLast())) : .literal(String(text))
    }

    var isLiteral: Bool { if case .literal = self { true } else { false } }
  }

  private struct Entry: Sendable {
    let segments: [Segment]
    var targets: [(method: String, target: Target)]

    /// Literals come first, leftmost difference deciding, so that a fixed path wins over a parameter in its place.
    func precedes(_ other: Entry) -> Bool {
      for (mine, theirs) in zip(segments, other.segments) where mine.isLiteral != theirs.isLiteral {
        return mine.isLiteral
      }
      return false
    }
  }

  /// By number of segments.
  private var buckets: [[Entry]] = []

  init(_ routes: [(Route, Target)]) {
    for (route, target) in routes { add(route, target) }
    for index in buckets.indices { buckets[index].sort { $0.precedes($1) } }
  }

  private mutating func add(_ route: Route, _ target: Target) {
    let segments = Router.split(Substring(route.path)).map { Segment($0) }
    while buckets.count <= segments.count { buckets.append([]) }
    let bucket = segments.count
    if let index = buckets[bucket].firstIndex(where: { $0.segments == segments }) {
      buckets[bucket][index].targets.append((route.method, target))
    } else {
      buckets[bucket].append(Entry(segments: segments, targets: [(route.method, target)]))
    }
  }

  /// `HEAD` finds what `GET` finds (RFC 9110 §9.3.2).
  func match(method: String, path: Substring) -> Match {
    guard path.utf8.first == 0x2F else { return .notFound }
    var segments: [String] = []
    for raw in Router.split(path) {
      if !raw.utf8.contains(0x25) {
        segments.append(String(raw))
      } else if let decoded = PercentEncoding.decode(raw) {
        segments.append(decoded)
      } else {
        return .malformed
      }
      // No template is that long; a path of thousands of slashes is not worth splitting to its end.
      if segments.count >= buckets.count { return .notFound }
    }
    let wanted = method == "HEAD" ? "GET" : method
    var allowed: [String] = []
    for entry in buckets[segments.count] {
      guard let parameters = Router.parameters(of: entry, in: segments) else { continue }
      if let (_, target) = entry.targets.first(where: { $0.method == wanted }) {
        return .found(target, path: parameters)
      }
      allowed += entry.targets.map(\.method)
    }
    if allowed.isEmpty { return .notFound }
    if allowed.contains("GET") { allowed.append("HEAD") }
    return .methodNotAllowed(allow: Set(allowed).sorted().joined(separator: ", "))
  }

  private static func parameters(of entry: Entry, in segments: [String]) -> [(name: String, value: String)]? {
    var parameters: [(name: String, value: String)] = []
    for (expected, actual) in zip(entry.segments, segments) {
      switch expected {
      case .literal(let text): if text != actual { return nil }
      case .parameter(let name):
        if actual.isEmpty { return nil }
        parameters.append((name, actual))
      }
    }
    return parameters
  }

  /// `/` has no segments, `/a` one, `/a/` two of which the second is empty.
  private static func split(_ path: Substring) -> [Substring] {
    path == "/" ? [] : path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
  }
}
