import Glibc
import Sys
import Testing

@testable import Store

@Suite("Where a server keeps its things")
struct PathsTests {
  @Test("the XDG variables say where, and the home otherwise")
  func places() throws {
    let bare = try Paths(environment: { ["HOME": "/home/u"][$0] }, survey: .trusting)
    #expect(bare.configuration == "/home/u/.config/roost")
    #expect(bare.state == "/home/u/.local/state/roost/default")
    #expect(bare.runtime == "/tmp/roost-\(Host.userID)")
    let variables = [
      "HOME": "/home/u", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/run/user/5",
    ]
    let full = try Paths(serverName: "work", environment: { variables[$0] }, survey: .trusting)
    #expect(full.replacements.isEmpty)
    #expect(full.configuration == "/c/roost")
    #expect(full.state == "/s/roost/work")
    #expect(full.socket == "/run/user/5/roost/work.sock")
    #expect(full.keeperSocket == "/run/user/5/roost/work.keeper.sock")
    #expect(full.lock == "/run/user/5/roost/work.lock")
    // The specification: relative paths are invalid and ignored.
    let relative = try Paths(environment: { ["HOME": "/h", "XDG_CONFIG_HOME": "c"][$0] }, survey: .trusting)
    #expect(relative.configuration == "/h/.config/roost")
  }

  @Test(
    "a server's name is a plain word",
    arguments: ["", ".", "..", ".hidden", "a/b", "a b", "ä", "a\n", String(repeating: "x", count: 33)])
  func badNames(name: String) {
    #expect(throws: StoreError.self) { try Paths(serverName: name, environment: { _ in nil }) }
  }

  @Test("folders are made private, with those above them")
  func makes() throws {
    let folder = try TestFolder()
    let path = folder.path + "/a/b/c"
    try preparePrivateFolder(path)
    try preparePrivateFolder(path)
    #expect(mode(of: path) == 0o700)
  }

  @Test("a folder that others can enter, a link and a file are refused")
  func refuses() throws {
    let folder = try TestFolder()
    func code(_ path: String) -> StoreError.Code? {
      do throws(StoreError) {
        try preparePrivateFolder(path)
        return nil
      } catch {
        return error.code
      }
    }
    let open = folder.path + "/open"
    mkdir(open, 0o700)
    chmod(open, 0o750)
    #expect(code(open) == .unsafeFolder)
    chmod(open, 0o700)
    #expect(code(open) == nil)
    let link = folder.path + "/link"
    symlink(open, link)
    #expect(code(link) == .unsafeFolder)
    let file = folder.path + "/file"
    close(Glibc.open(file, O_CREAT | O_WRONLY, 0o600))
    #expect(code(file) == .unsafeFolder)
    #expect(code(file + "/below") == .systemFailure)
    if Host.userID == 0 {
      let others = folder.path + "/others"
      mkdir(others, 0o700)
      chown(others, 12345, 12345)
      #expect(code(others) == .unsafeFolder)
    }
  }

  @Test("one server of a name: the second is told who runs, and may start when the first is gone")
  func lock() throws {
    let folder = try TestFolder()
    let paths = try Paths(environment: { ["HOME": folder.path, "XDG_RUNTIME_DIR": folder.path][$0] })
    let other = try Paths(
      serverName: "other", environment: { ["HOME": folder.path, "XDG_RUNTIME_DIR": folder.path][$0] })
    try paths.prepareRuntime()
    try paths.prepareState()
    try other.prepareState()
    var first: ServerLock? = try ServerLock.take(paths)
    do {
      _ = try ServerLock.take(paths)
      Issue.record("two servers of a name")
    } catch {
      #expect(error.code == .alreadyRunning)
      #expect(error.message.contains("(pid \(getpid())) at \(paths.socket)"))
    }
    _ = try ServerLock.take(other)
    withExtendedLifetime(first) {}
    first = nil
    _ = try ServerLock.take(paths)
  }

  @Test("folders that cannot be used are replaced, each with one sentence")
  func replaced() throws {
    func paths(_ variables: [String: String], _ faults: [String: String]) throws -> Paths {
      let fault: @Sendable (String) -> String? = { path in
        faults.first { path == $0.key || path.hasPrefix($0.key + "/") }?.value
      }
      return try Paths(
        environment: { variables[$0] }, survey: FolderSurvey(fault: fault, faultInMaking: fault))
    }
    let own = "/tmp/roost-\(Host.userID)"
    let foreign = try paths(
      ["HOME": "/home/u", "XDG_RUNTIME_DIR": "/run/user/5"], ["/run/user/5": "is not yours"])
    #expect(foreign.runtime == own)
    #expect(foreign.state == "/home/u/.local/state/roost/default")
    #expect(foreign.replacements == ["/run/user/5 is not yours; using \(own)"])
    let occupied = try paths(["HOME": "/home/u"], [own: "is not a folder"])
    #expect(occupied.runtime == "/home/u/.local/state/roost/run")
    #expect(occupied.replacements == ["\(own) is not a folder; using /home/u/.local/state/roost/run"])
    let databaseHome = Host.databaseHome ?? "/none"
    let homeless = try paths(
      ["HOME": "/h", "XDG_RUNTIME_DIR": "/r"], ["/h": "cannot be made", databaseHome: "cannot be made"])
    #expect(homeless.state == "/r/roost/state/default")
    #expect(homeless.replacements == ["/h/.local/state cannot be made; using /r/roost/state"])
    let long = "/" + String(repeating: "x", count: 90)
    #expect(try paths(["HOME": "/h", "XDG_RUNTIME_DIR": long], [:]).runtime == own)
  }

  @Test("what the file system says of folders: missing, another's, a file, closed, or ours")
  func survey() throws {
    let folder = try TestFolder()
    let survey = FolderSurvey.system
    #expect(survey.fault(folder.path) == nil)
    #expect(survey.fault(folder.path + "/none") == "does not exist")
    #expect(survey.faultInMaking(folder.path + "/none/below") == nil)
    close(Glibc.open(folder.path + "/file", O_CREAT | O_WRONLY, 0o600))
    #expect(survey.fault(folder.path + "/file") == "is not a folder")
    symlink(folder.path, folder.path + "/link")
    #expect(survey.fault(folder.path + "/link") == nil)
    #expect(survey.faultInMaking(folder.path + "/link") == "is not a folder")
    if Host.userID == 0 {
      let others = folder.path + "/others"
      mkdir(others, 0o700)
      chown(others, 12345, 12345)
      #expect(survey.fault(others) == "is not yours")
      #expect(survey.faultInMaking(others + "/roost") == "is not yours")
    } else {
      #expect(survey.faultInMaking("/none/roost") == "cannot be made")
    }
  }

  @Test("the lock says where its server is, outlives its folder of sockets, and is not taken by looking")
  func lockTells() throws {
    let folder = try TestFolder()
    let paths = try Paths(environment: { ["HOME": folder.path, "XDG_RUNTIME_DIR": folder.path][$0] })
    try paths.prepareRuntime()
    try paths.prepareState()
    #expect(!ServerLock.isHeld(paths) && ServerLock.holder(paths) == nil)
    var lock: ServerLock? = try ServerLock.take(paths)
    #expect(lock?.previous == nil)
    let holder = ServerLock.Holder(
      pid: getpid(), hostname: Host.hostname, socket: paths.socket, keeperSocket: paths.keeperSocket)
    #expect(ServerLock.holder(paths) == holder)
    #expect(ServerLock.isHolder(getpid(), paths) && !ServerLock.isHolder(1, paths))
    unlink(paths.lock)
    #expect(throws: StoreError.self) { try ServerLock.take(paths) }
    try lock?.renew()
    #expect(access(paths.lock, F_OK) == 0)
    lock = nil
    #expect(!ServerLock.isHeld(paths) && ServerLock.read(paths) == holder)
    #expect(try ServerLock.take(paths).previous == holder)
  }

  @Test("the identity is made once and stays")
  func identity() throws {
    let folder = try TestFolder()
    let paths = try Paths(environment: { ["HOME": folder.path][$0] })
    let first = try ServerIdentity.load(paths)
    #expect(isUUID(first.id))
    #expect(try ServerIdentity.load(paths) == first)
    #expect(first.hostname == Host.hostname)
    #expect(mode(of: paths.identityFile) == 0o600)
    try AtomicFile.write(Array("rubbish".utf8), to: paths.identityFile)
    #expect(throws: StoreError.self) { try ServerIdentity.load(paths) }
  }

  @Test("a file is replaced whole, and nothing is left beside it")
  func atomic() throws {
    let folder = try TestFolder()
    let path = folder.path + "/file"
    try AtomicFile.write([1, 2, 3], to: path)
    try AtomicFile.write([4], to: path, mode: 0o600)
    #expect(try readFile(path) == [4])
    #expect(folder.entries == ["file"])
    #expect(throws: SystemError.self) { try AtomicFile.write([1], to: folder.path + "/none/file") }
    mkdir(folder.path + "/folder", 0o700)
    #expect(throws: SystemError.self) { try AtomicFile.write([1], to: folder.path + "/folder") }
    #expect(folder.entries == ["file", "folder"])
    try AtomicFile.writeIfChanged([4], to: path)
    try AtomicFile.writeIfChanged([5, 6], to: path)
    #expect(try readFile(path) == [5, 6])
    try AtomicFile.writeIfChanged([5], to: path)
    #expect(try readFile(path) == [5])
  }
}
