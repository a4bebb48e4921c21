import CSys
import Glibc

/// Facts about the machine and the user we run as.
package enum Host {
  package static var hostname: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(cBuffer: buffer)
  }

  package static var userID: UInt32 { geteuid() }
  package static var processID: ProcessID { getpid() }

  /// `HOME`, or else what the user database says, or "/".
  package static var userHome: String {
    if let home = environment("HOME"), home.hasPrefix("/") { return home }
    guard let entry = getpwuid(geteuid()), let home = entry.pointee.pw_dir else { return "/" }
    return String(cString: home)
  }

  /// The login shell of the user database, or "/bin/sh"; `SHELL` is the caller's to consider.
  package static var userShell: String {
    guard let entry = getpwuid(geteuid()), let shell = entry.pointee.pw_shell, shell.pointee != 0 else {
      return "/bin/sh"
    }
    return String(cString: shell)
  }

  /// The home folder of the user database; nil for a user that is not in it.
  package static var databaseHome: String? {
    guard let entry = getpwuid(geteuid()), let home = entry.pointee.pw_dir, home.pointee != 0 else { return nil }
    return String(cString: home)
  }

  /// The name of a user; nil for one that the user database does not know.
  package static func userName(_ id: UInt32) -> String? {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 16 << 10)
    guard getpwuid_r(id, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name else {
      return nil
    }
    return String(cString: name)
  }

  /// A variable of our own environment; nil when unset or empty.
  package static func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }

  /// Our whole environment, "NAME=value" each.
  package static var environment: [String] {
    var entries: [String] = []
    var next = environ
    while let entry = next.pointee {
      entries.append(String(cString: entry))
      next += 1
    }
    return entries
  }

  /// The same by name; of a name that is there twice the first counts, as for getenv.
  package static var environmentByName: [String: String] {
    var variables: [String: String] = [:]
    for entry in environment {
      guard let equals = entry.firstIndex(of: "=") else { continue }
      let name = String(entry[..<equals])
      if variables[name] == nil { variables[name] = String(entry[entry.index(after: equals)...]) }
    }
    return variables
  }

  /// The command line, the program's name first. Swift's own `CommandLine` reads it from a file, which a preloaded library that stands between
  /// the program and the C library (libfaketime) can keep from it.
  package static var arguments: [String] {
    (0..<csys_argument_count()).compactMap { csys_argument($0).map { String(cString: $0) } }
  }

  /// The path of the running program; valid after an upgrade replaced the file too ("/proc/self/exe" still opens it).
  package static var executablePath: String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    guard count > 0 else { return "/proc/self/exe" }
    let path = String(cBuffer: buffer)
    return access(path, X_OK) == 0 ? path : "/proc/self/exe"
  }

  /// The soft limit of open files as it was when we started, which is what programs of the user should get: those that
  /// use select, or close every possible descriptor, do badly with a high one.
  package static let inheritedOpenFileLimit: UInt64 = {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    return UInt64(limit.rlim_cur)
  }()

  /// The soft limit of open files now.
  package static var openFileLimit: UInt64 {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    return UInt64(limit.rlim_cur)
  }

  /// What the soft limit can be raised to.
  package static var hardOpenFileLimit: UInt64 {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    return UInt64(limit.rlim_max)
  }

  /// How many descriptors this process has open.
  package static var openDescriptors: Int {
    // Reading the folder opens one.
    max(0, numericEntries(of: "/proc/self/fd").count - 1)
  }

  /// Raises our soft limit of open files to the hard one.
  package static func raiseOpenFileLimit() {
    _ = inheritedOpenFileLimit
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}

/// Gives the system the pages that the C library keeps of freed memory, wherever they lie. Walks the heap, and other threads that allocate
/// wait for it: about a microsecond for each page given back.
package func giveBackFreedMemory() { csys_give_back_freed_memory() }

/// Points in time, in nanoseconds.
package enum Clock {
  /// Never jumps; counts from some moment before now, the same for every process of this machine's boot.
  package static var monotonic: UInt64 { now(CLOCK_MONOTONIC) }
  /// Since 1970 UTC; jumps when the clock is set.
  package static var realtime: UInt64 { now(CLOCK_REALTIME) }

  private static func now(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// Bytes from the kernel's generator, fit for secrets.
package func randomBytes(_ count: Int) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
    while filled < count {
      // getentropy gives at most 256 bytes a call and, once the machine has booted, cannot fail.
      let wanted = min(256, count - filled)
      let result = getentropy(buffer.baseAddress.unsafelyUnwrapped + filled, wanted)
      precondition(result == 0, "the kernel gives no random bytes")
      filled += wanted
    }
  }
}
