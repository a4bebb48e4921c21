import Glibc

/// A folder of the cgroup v2 hierarchy (cgroups(7)): it holds everything that its first process ever starts, whatever
/// sessions or parents those make for themselves.
package struct ControlGroup: Sendable, Hashable {
  package let path: String

  /// The group we run in, when it may have children of ours: nil where cgroup v2 is missing or not delegated to us.
  package static func own() -> ControlGroup? { of("self") }

  /// The same of another process of ours, by its number.
  package static func of(_ process: String) -> ControlGroup? {
    guard let text = try? readFile("/proc/\(process)/cgroup", limit: 16 << 10) else { return nil }
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix("0::/") }) else { return nil }
    // The whole hierarchy is v2, or v2 is mounted beside v1 (systemd's hybrid layout).
    for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] where access("\(root)/cgroup.controllers", F_OK) == 0 {
      let own = line.dropFirst(3)
      let path = own == "/" ? root : root + own
      guard access(path, W_OK) == 0, access("\(path)/cgroup.procs", W_OK) == 0 else { return nil }
      return ControlGroup(path: path)
    }
    return nil
  }

  /// The last part of its path.
  package var name: String { path.split(separator: "/").last.map(String.init) ?? "" }

  package func makeChild(named name: String) throws(SystemError) -> ControlGroup {
    let child = "\(path)/\(name)"
    guard mkdir(child, 0o755) == 0 else { throw .last("mkdir \(child)") }
    return ControlGroup(path: child)
  }

  /// The names of the child groups.
  package func children() -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      guard entry.pointee.d_type == UInt8(DT_DIR) else { continue }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  package func child(named name: String) -> ControlGroup { ControlGroup(path: "\(path)/\(name)") }

  /// A descriptor of the folder, for `spawn`.
  package func openFolder() throws(SystemError) -> Descriptor {
    let opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard opened >= 0 else { throw .last("open \(path)") }
    return Descriptor(owning: opened)
  }

  /// `cgroup.events`: polling it for `POLLPRI` tells when `isPopulated` has changed, once it has been read.
  package func openEvents() throws(SystemError) -> Descriptor {
    let opened = open("\(path)/cgroup.events", O_RDONLY | O_CLOEXEC)
    guard opened >= 0 else { throw .last("open \(path)/cgroup.events") }
    return Descriptor(owning: opened)
  }

  /// Whether any process lives in it or below it.
  package var isPopulated: Bool {
    do {
      return Self.saysPopulated(try readFile("\(path)/cgroup.events", limit: 4096))
    } catch {
      // What could not be looked at (no descriptor is left, say) may well be there.
      return error.code != ENOENT && error.code != ENODEV
    }
  }

  /// The same, read from a descriptor of `openEvents`, which makes it ready for the next change.
  package static func isPopulated(events: CInt) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 512)
    let count = pread(events, &buffer, buffer.count, 0)
    return count > 0 && saysPopulated([UInt8](buffer[..<count]))
  }

  private static func saysPopulated(_ text: [UInt8]) -> Bool {
    String(decoding: text, as: UTF8.self).split(separator: "\n").contains("populated 1")
  }

  package func processes() -> [ProcessID] {
    guard let text = try? readFile("\(path)/cgroup.procs") else { return [] }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { ProcessID($0) }
  }

  package func send(_ signal: Signal) {
    for pid in processes() where pid > 0 { _ = try? sendSignal(signal, to: .process(pid)) }
  }

  /// SIGKILL for everything in it at one stroke, new forks included. Before Linux 5.14, which lacks `cgroup.kill`, each
  /// process by itself.
  package func kill() {
    let opened = open("\(path)/cgroup.kill", O_WRONLY | O_CLOEXEC)
    guard opened >= 0 else { return send(.kill) }
    let file = Descriptor(owning: opened)
    do { try writeAll(file.raw, [UInt8(ascii: "1")]) } catch { send(.kill) }
  }

  /// Removes it; false while a process lives in it.
  @discardableResult
  package func remove() -> Bool {
    // A program may have made groups below its own: they go first, the innermost before the others.
    if rmdir(path) == 0 || errno == ENOENT { return true }
    guard errno == EBUSY || errno == ENOTEMPTY, !isPopulated else { return false }
    removeChildren(depth: 0)
    return rmdir(path) == 0
  }

  /// The deepest nesting that is cleaned up; the kernel bounds it as well (cgroup.max.depth).
  private static let deepest = 32

  private func removeChildren(depth: Int) {
    guard depth < Self.deepest else { return }
    for name in children() {
      let child = child(named: name)
      child.removeChildren(depth: depth + 1)
      rmdir(child.path)
    }
  }
}
