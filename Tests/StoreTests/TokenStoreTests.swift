import Glibc
import Sys
import Testing

@testable import Store

@Suite("Tokens")
struct TokenStoreTests {
  private let folder: TestFolder
  private let path: String

  init() throws {
    folder = try TestFolder()
    path = folder.path + "/state/tokens.sqlite"
  }

  private func code<Value>(_ body: () throws(StoreError) -> Value) -> StoreError.Code? {
    do throws(StoreError) {
      _ = try body()
      return nil
    } catch {
      return error.code
    }
  }

  @Test("a secret is good for what its token says, in this process and the next")
  func verify() throws {
    let store = TokenStore(path: path)
    let (secret, token) = try store.create(
      name: "agent", scopes: [.sessionsRead, .sessionsInput], sessions: ["a", "b"], tags: ["ci"])
    #expect(secret.hasPrefix("roost_"))
    #expect(secret.utf8.count == 38)
    #expect(try store.verify(secret) == token)
    #expect(try TokenStore(path: path).verify(secret) == token)
    #expect(token.scopes == [.sessionsRead, .sessionsInput])
    #expect(token.sessions == ["a", "b"])
    #expect(token.tags == ["ci"])
  }

  @Test("nothing on the disk holds the secret, and only the user can read it")
  func secrecy() throws {
    let store = TokenStore(path: path)
    let (secret, _) = try store.create(name: "agent", scopes: [.admin])
    for name in TestFolder.entries(of: folder.path + "/state") {
      let file = "\(folder.path)/state/\(name)"
      #expect(mode(of: file) == 0o600)
      let text = try String(decoding: readFile(file, limit: 1 << 24), as: UTF8.self)
      #expect(!text.contains(secret.dropFirst(6)))
    }
    #expect(mode(of: folder.path + "/state") == 0o700)
  }

  @Test(
    "no other secret is taken, however near",
    arguments: ["", "roost_", "x", "roost_" + String(repeating: "0", count: 32)])
  func wrong(secret: String) throws {
    let store = TokenStore(path: path)
    let (real, _) = try store.create(name: "agent", scopes: [.admin])
    #expect(try store.verify(secret) == nil)
    #expect(try store.verify(String(real.dropLast())) == nil)
    #expect(try store.verify(real + "0") == nil)
    #expect(try store.verify(String(real.dropLast()) + (real.last == "0" ? "1" : "0")) == nil)
    #expect(try store.verify(real.uppercased()) == nil)
  }

  @Test("an expired token is listed but lets nobody in")
  func expiry() throws {
    let store = TokenStore(path: path)
    let now = Int64(Clock.realtime / 1_000_000)
    let past = try store.create(name: "past", scopes: [.admin], expiresAt: now - 1)
    let future = try store.create(name: "future", scopes: [.admin], expiresAt: now + 3_600_000)
    #expect(try store.verify(past.secret) == nil)
    #expect(try store.verify(future.secret) == future.token)
    #expect(Set(try store.list().map(\.name)) == ["past", "future"])
  }

  @Test("a revoked token is gone at once, for another process too")
  func revoke() throws {
    let store = TokenStore(path: path)
    let other = TokenStore(path: path)
    let (secret, token) = try store.create(name: "agent", scopes: [.admin])
    #expect(try other.verify(secret) != nil)
    try store.revoke(id: token.id)
    #expect(try other.verify(secret) == nil)
    #expect(code { () throws(StoreError) in try store.revoke(id: token.id) } == .notFound)
    #expect(try store.list().isEmpty)
  }

  @Test("names and lists that could not be stored truly are refused")
  func refusals() throws {
    let store = TokenStore(path: path)
    #expect(code { () throws(StoreError) in try store.create(name: "", scopes: [.admin]) } == .invalidName)
    #expect(code { () throws(StoreError) in try store.create(name: "a\nb", scopes: [.admin]) } == .invalidName)
    #expect(code { () throws(StoreError) in try store.create(name: "a", scopes: []) } == .invalidName)
    #expect(
      code { () throws(StoreError) in try store.create(name: "a", scopes: [.admin], tags: ["x\ny"]) } == .invalidName)
    // Refused before the file is made.
    #expect(access(path, F_OK) != 0)
  }

  @Test("a file that is no database is refused, not replaced")
  func corrupt() throws {
    try preparePrivateFolder(folder.path + "/state")
    let rubbish = [UInt8](repeating: 0x41, count: 5000)
    try AtomicFile.write(rubbish, to: path)
    #expect(code { () throws(StoreError) in try TokenStore(path: path).list() } == .corrupt)
    #expect(try readFile(path) == rubbish)
  }

  @Test("a database of a later version is refused")
  func later() throws {
    try preparePrivateFolder(folder.path + "/state")
    let database = try Database(path: path, migrations: ["CREATE TABLE a (b)", "CREATE TABLE c (d)"])
    withExtendedLifetime(database) {}
    #expect(code { () throws(StoreError) in try TokenStore(path: path).list() } == .corrupt)
  }

  @Test("many threads may ask at once")
  func threads() async throws {
    let store = TokenStore(path: path)
    let (secret, token) = try store.create(name: "agent", scopes: [.admin])
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<50 { group.addTask { (try? store.verify(secret)) == token } }
      for await good in group { #expect(good) }
    }
  }
}
