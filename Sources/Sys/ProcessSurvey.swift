/// The processes of the machine at one moment, read once for all who look for some of them. What each carries in its environment is read when
/// somebody asks for it first.
package final class ProcessSurvey {
  package let processes: [ProcessStatus]
  private let variable: String
  private var marked: [String: [ProcessStatus]]?

  /// - Parameter variable: of the environment, by whose value processes belong together.
  package init(variable: String, processes: [ProcessStatus] = ProcessStatus.all()) {
    self.variable = variable
    self.processes = processes
  }

  /// The processes of which the variable has this value. A program can take it out of its environment, or write over that; a child has it all
  /// the same whose parent had not.
  package func marked(_ value: String) -> [ProcessStatus] {
    if let marked { return marked[value] ?? [] }
    var found: [String: [ProcessStatus]] = [:]
    for process in processes where !process.isZombie {
      guard let value = ProcessStatus.environment(variable, of: process.pid) else { continue }
      found[value, default: []].append(process)
    }
    marked = found
    return found[value] ?? []
  }
}

extension ProcessStatus {
  /// The longest environment that is looked through, in bytes: more than the kernel takes of one by default (a quarter of 8 MiB) is rare.
  private static let longestEnvironment = 2 << 20

  /// A variable of a process's environment as it was when its program began (proc(5), `environ`); nil where it has none, or is not ours to read.
  package static func environment(_ name: String, of pid: ProcessID) -> String? {
    guard let bytes = try? readFile("/proc/\(pid)/environ", limit: longestEnvironment) else { return nil }
    let start = Array("\(name)=".utf8)
    return bytes.split(separator: 0).first { $0.starts(with: start) }
      .map { String(decoding: $0.dropFirst(start.count), as: UTF8.self) }
  }
}
