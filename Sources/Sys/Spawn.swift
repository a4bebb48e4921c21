import CSys
import Glibc

/// A program to start on a terminal of its own.
package struct ChildSpec: Sendable, Equatable {
  /// argv; `arguments[0]` is what the program sees as its name ("-bash" for a login shell).
  package var arguments: [String]
  /// Absolute, relative to `directory`, or a bare name looked up in the PATH of `environment`. nil: `arguments[0]`.
  package var executable: String?
  /// The whole environment, "NAME=value" each; nothing is inherited.
  package var environment: [String]
  /// Working directory; nil keeps the caller's.
  package var directory: String?
  package var size: WindowSize
  /// The child's soft limit of open files; nil inherits. While a child without a cgroup is being started the caller's
  /// own limit is lowered to it, so only a single-threaded caller should ask for it.
  package var openFileLimit: UInt64?

  package init(
    arguments: [String], executable: String? = nil, environment: [String], directory: String? = nil,
    size: WindowSize, openFileLimit: UInt64? = nil
  ) {
    self.arguments = arguments
    self.executable = executable
    self.environment = environment
    self.directory = directory
    self.size = size
    self.openFileLimit = openFileLimit
  }
}

/// Why a program could not be started; `message` is a sentence for a person.
package struct SpawnError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Code: String, Sendable, CaseIterable {
    case noSuchProgram = "no_such_program"
    case notExecutable = "not_executable"
    case noSuchDirectory = "no_such_directory"
    case argumentListTooLong = "argument_list_too_long"
    case invalidArgument = "invalid_argument"
    /// The system refused: too many processes, no terminals left, no memory.
    case resourceExhausted = "resource_exhausted"
    /// The kernel makes no child inside the cgroup that was given; without one it may well work.
    case controlGroupRefused = "control_group_refused"
    case systemFailure = "system_failure"
  }
  package var code: Code
  package var message: String

  package init(code: Code, message: String) {
    self.code = code
    self.message = message
  }
  package var description: String { message }
}

/// A started program. Its owner reads the master, and reaps through the pidfd.
package struct SpawnedChild: ~Copyable, Sendable {
  package var master: Descriptor
  /// Also the id of its session and of its first process group.
  package var pid: ProcessID
  package var pidfd: Descriptor

  /// Takes it apart; the caller closes both descriptors.
  package consuming func release() -> (master: CInt, pid: ProcessID, pidfd: CInt) {
    let pid = self.pid
    return (master.release(), pid, pidfd.release())
  }
}

/// Starts a program as leader of its own session on a new PTY, with default signal dispositions, an empty signal mask
/// and no descriptor but 0, 1 and 2. `cgroup` is the descriptor of a cgroup v2 folder that it is born into.
///
/// Without a cgroup this takes 0.1 ms whatever the caller's heap (posix_spawn); with one the caller's page tables are
/// copied, so it belongs into a small process.
package func spawn(_ spec: ChildSpec, cgroup: CInt? = nil) throws(SpawnError) -> SpawnedChild {
  try checkStrings(of: spec)
  let executable = try locateExecutable(of: spec)
  let opened: OpenedTerminal
  do {
    opened = try PseudoTerminal.open(size: spec.size)
  } catch {
    throw SpawnError(code: .resourceExhausted, message: "no terminal could be made: \(error)")
  }
  let terminal = opened.path

  var pid: ProcessID = 0
  var pidfd: CInt = -1
  let failure = withCStrings(spec.arguments) { arguments in
    withCStrings(spec.environment) { environment in
      executable.withCString { path in
        terminal.withCString { terminal in
          withOptionalCString(spec.directory) { directory in
            var request = csys_spawn_request(
              executable: path, arguments: arguments, environment: environment, directory: directory,
              terminal: terminal, cgroup: cgroup ?? -1,
              open_file_limit: spec.openFileLimit.map { Int64(clamping: $0) } ?? -1)
            return csys_spawn(&request, &pid, &pidfd)
          }
        }
      }
    }
  }
  guard failure == 0 else { throw explain(failure, executable: executable, spec: spec) }
  return SpawnedChild(master: opened.master, pid: pid, pidfd: Descriptor(owning: pidfd))
}

private func withOptionalCString<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
  guard let text else { return body(nil) }
  return text.withCString(body)
}

/// C strings end at the first NUL: one inside would silently cut what was asked for.
private func checkStrings(of spec: ChildSpec) throws(SpawnError) {
  guard !spec.arguments.isEmpty else {
    throw SpawnError(code: .invalidArgument, message: "the argument list is empty: it needs at least a program name")
  }
  for text in spec.arguments + spec.environment + [spec.executable ?? "", spec.directory ?? ""]
  where text.utf8.contains(0) {
    throw SpawnError(code: .invalidArgument, message: "arguments, environment and paths may not contain a NUL byte")
  }
}

/// The program's path, checked, so that the answer to a wrong name is a sentence and not an errno of the child.
private func locateExecutable(of spec: ChildSpec) throws(SpawnError) -> String {
  if let directory = spec.directory {
    var status = stat()
    guard stat(directory, &status) == 0 else {
      throw SpawnError(
        code: .noSuchDirectory, message: "cannot start in \(directory): \(SystemError.last("stat").reason)")
    }
    guard status.st_mode & S_IFMT == S_IFDIR, access(directory, X_OK) == 0 else {
      throw SpawnError(code: .noSuchDirectory, message: "cannot start in \(directory): it is not a folder to enter")
    }
  }
  let name = spec.executable ?? spec.arguments[0]
  guard !name.isEmpty else {
    throw SpawnError(code: .noSuchProgram, message: "the program's name is empty")
  }
  if name.utf8.contains(UInt8(ascii: "/")) {
    // exec happens after chdir in the child.
    let path = name.hasPrefix("/") ? name : spec.directory.map { "\($0)/\(name)" } ?? name
    switch executability(of: path) {
    case .program: return name
    case .missing: throw SpawnError(code: .noSuchProgram, message: "\(name): no such program")
    case .forbidden: throw SpawnError(code: .notExecutable, message: "\(name): not an executable file")
    }
  }
  let searchPath =
    spec.environment.last { $0.hasPrefix("PATH=") }.map { String($0.dropFirst(5)) } ?? "/usr/local/bin:/usr/bin:/bin"
  var forbidden: String?
  for folder in searchPath.split(separator: ":", omittingEmptySubsequences: true) where folder.hasPrefix("/") {
    let candidate = "\(folder)/\(name)"
    switch executability(of: candidate) {
    case .program: return candidate
    case .forbidden: forbidden = forbidden ?? candidate
    case .missing: continue
    }
  }
  if let forbidden {
    throw SpawnError(code: .notExecutable, message: "\(forbidden): not an executable file")
  }
  throw SpawnError(code: .noSuchProgram, message: "\(name): no such program in \(searchPath)")
}

private enum Executability { case program, forbidden, missing }

private func executability(of path: String) -> Executability {
  var status = stat()
  guard stat(path, &status) == 0 else { return errno == EACCES ? .forbidden : .missing }
  guard status.st_mode & S_IFMT == S_IFREG, access(path, X_OK) == 0 else { return .forbidden }
  return .program
}

private func explain(_ code: CInt, executable: String, spec: ChildSpec) -> SpawnError {
  if code < 0, ![-EAGAIN, -ENOMEM, -EMFILE, -ENFILE].contains(code) {
    let reason = SystemError(code: -code, call: "clone3").reason
    return SpawnError(code: .controlGroupRefused, message: "no child can be made in the control group: \(reason)")
  }
  let code = abs(code)
  let reason = SystemError(code: code, call: "exec").reason
  switch code {
  case ENOENT:
    // The file was there a moment ago: what is missing is the interpreter that its first line or its ELF header names.
    return SpawnError(code: .noSuchProgram, message: "\(executable): it, or the interpreter it names, does not exist")
  case ENOEXEC, EACCES, EISDIR, ELIBBAD, ETXTBSY:
    return SpawnError(code: .notExecutable, message: "\(executable): cannot be executed: \(reason)")
  case E2BIG:
    let size = (spec.arguments + spec.environment).reduce(0) { $0 + $1.utf8.count + 1 }
    return SpawnError(
      code: .argumentListTooLong,
      message: "\(executable): arguments and environment are too long (\(size) bytes): \(reason)")
  case EAGAIN, ENOMEM, EMFILE, ENFILE:
    return SpawnError(code: .resourceExhausted, message: "\(executable): cannot be started now: \(reason)")
  default:
    return SpawnError(code: .systemFailure, message: "\(executable): cannot be started: \(reason)")
  }
}
