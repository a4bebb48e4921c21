package import Glibc
import Synchronization
import Sys

/// A home folder of its own for a server and its clients, with nothing of the user's in it. Removed at the end, with
/// every process that was started in it: server, keeper, sessions, and whatever they started.
package final class ScratchHome: Sendable {
  /// Marks the processes that belong here, by their environment: children inherit it, whatever else they do.
  private static let markerVariable = "ROOST_TEST_HOME"

  /// Short: a Unix socket's path has room for 107 bytes.
  package let path: String
  /// The environment for everything that runs here.
  package let environment: [String: String]

  package init(environment additions: [String: String] = [:]) throws {
    let run = try TestRun.shared.get()
    let path = try run.newHome()
    self.path = path
    // fish that finds completions made does not make them, which would be a second program at its terminal for half a minute.
    for folder in ["home", "run", "state", "config", "data", "data/fish", "data/fish/generated_completions", "cache"] {
      guard mkdir("\(path)/\(folder)", 0o700) == 0 else { throw TestFailure("no folder \(path)/\(folder)") }
    }
    var environment = [
      "HOME": "\(path)/home", "XDG_RUNTIME_DIR": "\(path)/run", "XDG_STATE_HOME": "\(path)/state",
      "XDG_CONFIG_HOME": "\(path)/config", "XDG_DATA_HOME": "\(path)/data", "XDG_CACHE_HOME": "\(path)/cache",
      "PATH": Host.environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin", "TERM": "xterm-256color", "LANG": "C.UTF-8",
      "SHELL": "/bin/bash", "USER": "tester", "LOGNAME": "tester", ScratchHome.markerVariable: path,
      TestRun.markerVariable: run.folder,
      // A crash is a failure here too; a backtrace would only take a minute to make.
      "SWIFT_BACKTRACE": "enable=no",
    ]
    // A shell without the machine's own start-up files has a prompt that is always the same.
    try ScratchHome.write("PS1='$ '\n", to: "\(path)/home/.bashrc")
    environment.merge(additions) { _, new in new }
    self.environment = environment
  }

  deinit {
    removeAll()
  }

  /// Kills what runs here and removes the folder. Done by itself at the end.
  package func removeAll() {
    killProcesses()
    ScratchHome.remove(path)
  }

  /// Kills every process that was started here and waits for the end of each.
  package func killProcesses() {
    // Twice: one may have started another while we looked.
    for _ in 0..<10 {
      let processes = self.processes
      if processes.isEmpty { return }
      for process in processes {
        guard let pidfd = try? openPidfd(process) else { continue }
        // It is still the process we saw: its number cannot have been given away while we hold the pidfd and its
        // environment still has the mark.
        guard isOurs(process) else { continue }
        kill(process, SIGKILL)
        _ = (try? reap(pidfd: pidfd.raw)) ?? nil
        var entry = pollfd(fd: pidfd.raw, events: Int16(POLLIN), revents: 0)
        poll(&entry, 1, 5000)
        _ = (try? reap(pidfd: pidfd.raw)) ?? nil
      }
    }
  }

  /// Every living process that was started here.
  package var processes: [pid_t] {
    guard let folder = opendir("/proc") else { return [] }
    defer { closedir(folder) }
    var found: [pid_t] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if let pid = pid_t(name), pid != getpid(), isOurs(pid) { found.append(pid) }
    }
    return found
  }

  /// By its environment; or, as the keeper has none, by a path of ours among its arguments.
  private func isOurs(_ pid: pid_t) -> Bool {
    let mark = Array("\(ScratchHome.markerVariable)=\(path)".utf8)
    let environment = (try? readFile("/proc/\(pid)/environ")) ?? []
    if environment.split(separator: 0).contains(where: { $0.elementsEqual(mark) }) { return true }
    let arguments = (try? readFile("/proc/\(pid)/cmdline")) ?? []
    return arguments.firstRange(of: Array("\(path)/".utf8)) != nil
  }

  /// Writes a file below the folder, or anywhere when the path is absolute.
  package func write(_ text: String, to file: String) throws {
    try ScratchHome.write(text, to: file.hasPrefix("/") ? file : "\(path)/\(file)")
  }

  private static func write(_ text: String, to path: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw TestFailure("\(path): \(SystemError.last("open"))") }
    defer { close(file) }
    try writeAll(file, Array(text.utf8))
  }

  private static func remove(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    if status.st_mode & S_IFMT == S_IFDIR, let folder = opendir(path) {
      while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { remove("\(path)/\(name)") }
      }
      closedir(folder)
      rmdir(path)
    } else {
      unlink(path)
    }
  }
}

/// All scratch homes of this test process are in one folder. When the process is killed nobody runs a `deinit`: a shell
/// that waits for the end of a pipe from us then kills what was started and removes the folder.
private final class TestRun: Sendable {
  static let shared = Result { try TestRun() }
  static let markerVariable = "ROOST_TEST_RUN"

  let folder: String
  private let homes = Mutex(0)

  private init() throws {
    var template = Array("/tmp/roost-kit-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TestFailure("no scratch folder: \(SystemError.last("mkdtemp"))") }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    try startWatcher()
  }

  func newHome() throws -> String {
    let number = homes.withLock { number in
      number += 1
      return number
    }
    let path = "\(folder)/\(number)"
    guard mkdir(path, 0o700) == 0 else { throw TestFailure("no folder \(path): \(SystemError.last("mkdir"))") }
    return path
  }

  private func startWatcher() throws {
    let pipe = try makePipe()
    let script = """
      cat >/dev/null
      # Until a pass finds nothing: what is killed may just have started something.
      # The brackets keep the search from finding itself.
      passes=0
      while [ $passes -lt 20 ]; do
        passes=$((passes + 1))
        found=$(grep -lsa -e "$2" /proc/[0-9]*/environ; grep -lsa -e "$1[/]" /proc/[0-9]*/cmdline)
        [ -n "$found" ] || break
        for file in $found; do
          process=${file#/proc/}
          kill -KILL "${process%%/*}"
        done
      done
      rm -rf "$1"
      """
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, pipe.read, STDIN_FILENO)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A group of its own: whoever kills our whole group must not kill it.
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    var pid = pid_t()
    let mark = "\(TestRun.markerVariable)=\(folder)"
    let failure = withStrings(["/bin/sh", "-c", script, "sh", folder, mark]) { arguments in
      withStrings(["PATH=/usr/bin:/bin"]) { environment in
        posix_spawn(&pid, "/bin/sh", &actions, &attributes, arguments, environment)
      }
    }
    close(pipe.read)
    guard failure == 0 else { throw TestFailure("/bin/sh did not start") }
    // The other end stays open for as long as we live: its closing is the signal.
  }
}
