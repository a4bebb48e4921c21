import Glibc
import Store
import Sys

/// Hands commands to shells by a file in a folder of the user's own: no byte of them goes through a line editor, a terminal in line mode, or
/// a history's expansion.
struct RunFile {
  /// What the line editor of a shell with our scripts is sent; no keyboard has this key.
  static let take = Array("\u{1B}[777;1~".utf8)
  /// Has fish give up a search or a menu.
  static let cancel = Array("\u{1B}[777;7~".utf8)
  /// Has the line editor run what it has taken.
  static let go = Array("\u{1B}[777;8~".utf8)
  /// Asks for what had been half typed.
  static let putBack = Array("\u{1B}[777;4~".utf8)

  /// Asks how the last command ended, where the shell has lost the hooks that tell it.
  static let report = Array("\u{1B}[777;5~".utf8)

  /// A longer one is not kept for the next run.
  private static let keptBytes = 4096

  let path: String
  var innerPath: String { path + "c" }
  var closedPath: String { path + "d" }

  static func path(in folder: String, session id: String) -> String { "\(folder)/run-\(id.prefix(13))" }

  /// For a shell with our scripts: the number, a line's end, the command, and a NUL behind it. The file is written in place: a new one for
  /// each run would cost as much as all the rest of its way to the shell.
  func write(_ command: String, run: UInt64) -> Bool {
    let bytes = Array("\(run)\n\(command)\0".utf8)
    guard let (file, _) = openOwn() else { return Self.write(bytes, to: path) }
    defer { close(file) }
    return pwrite(file, bytes, bytes.count, 0) == bytes.count
  }

  /// The line editor has read it: nobody else is to.
  func clear() {
    guard let (file, size) = openOwn() else { return remove() }
    defer { close(file) }
    guard size <= RunFile.keptBytes else { return remove() }
    let blank = [UInt8](repeating: 0, count: size)
    if pwrite(file, blank, blank.count, 0) != blank.count { remove() }
  }

  /// What an earlier run has left, if it is a file as we make them, and its size in bytes.
  private func openOwn() -> (file: CInt, size: Int)? {
    let file = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { return nil }
    var status = stat()
    if fstat(file, &status) == 0, status.st_mode == S_IFREG | 0o600, status.st_uid == geteuid(), status.st_nlink == 1 {
      return (file, Int(status.st_size))
    }
    close(file)
    return nil
  }

  /// For a plain shell.
  func write(plain command: String, run: UInt64, program: String, isWary: Bool) -> Bool {
    let files = CommandMarker.files(
      for: command, run: run, program: program, inner: innerPath, closed: closedPath, isWary: isWary)
    if let closed = files.closed, !Self.write(Array(closed.utf8), to: closedPath) { return false }
    return Self.write(Array(files.inner.utf8), to: innerPath) && Self.write(Array(files.outer.utf8), to: path)
  }

  /// The scripts, for a shell that has begun without them.
  func write(integration shell: ShellIntegration.Shell, nonce: String) -> Bool {
    let text = ShellIntegration.assignments(shell, nonce: nonce, runFile: path) + ShellIntegration.script(of: shell)
    return Self.write(Array(text.utf8), to: path)
  }

  /// For a shell that is to find out whether it reads our files.
  func write(word: String) -> Bool { Self.write(Array("\(word)\n".utf8), to: path) }

  /// The shell has read it, or there is none any more.
  func remove() {
    unlink(path)
    unlink(innerPath)
    unlink(closedPath)
  }

  /// Nobody else may read it, and it is not somebody else's.
  private static func write(_ bytes: [UInt8], to path: String) -> Bool {
    unlink(path)
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    var file = open(path, flags, 0o600)
    if file < 0, let slash = path.lastIndex(of: "/") {
      // Nobody has needed the folder yet, or it was swept away.
      try? preparePrivateFolder(String(path[..<slash]))
      file = open(path, flags, 0o600)
    }
    guard file >= 0 else { return false }
    defer { close(file) }
    return (try? writeAll(file, bytes)) != nil
  }

  /// Whether a process sees our files as we do, and may read them.
  static func isReadable(by process: ProcessID) -> Bool {
    var status = stat()
    guard stat("/proc/\(process)", &status) == 0, status.st_uid == getuid() || status.st_uid == 0 else { return false }
    var (own, other) = (stat(), stat())
    guard stat("/", &own) == 0, stat("/proc/\(process)/root/", &other) == 0 else { return false }
    return own.st_dev == other.st_dev && own.st_ino == other.st_ino
  }
}
