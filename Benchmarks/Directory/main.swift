import Cluster
import Formats
import Glibc
import Keeper
import Net
import Operations
import Sessions
import Store
import Sys

// How long lists take: sessions that are all this server's, against as many that backends have told of.
//
//   directory-bench [sessions, 2000] [backends, 20]
//
// The sessions are real, with a keeper; `ROOST` names the binary that becomes it (.build/release/roost). Prints the median of several lists in
// milliseconds, their ratio, and what a round of changes costs the hub.

let sessions = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 2000 : 2000
let backends = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 20 : 20
let rounds = 21

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

func makeFolder() -> String {
  var template = Array("/tmp/roost-bench-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { fatalError("no folder in /tmp") }
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

func median(_ rounds: Int, _ body: () async throws -> Void) async rethrows -> Double {
  var times: [Double] = []
  for _ in 0..<rounds {
    let clock = ContinuousClock()
    let began = clock.now
    try await body()
    let (seconds, attoseconds) = began.duration(to: clock.now).components
    times.append(Double(seconds) * 1000 + Double(attoseconds) / 1e15)
  }
  return times.sorted()[rounds / 2]
}

func list(_ catalogue: Catalogue, _ count: Int) async throws -> [UInt8] {
  let call = Call(principal: .anonymous, access: .everything, peer: "bench")
  guard case .json(let document) = try await catalogue.perform("session.list", Arguments(), for: call) else {
    fatalError("an empty answer")
  }
  guard let found = JSONText.elements(of: document[...])?.count, found == count else {
    fatalError("not all are listed")
  }
  return document
}

let folder = makeFolder()
let socket = folder + "/keeper.sock"
let loops = try LoopGroup(count: max(1, min(8, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))))
let keeper = try await KeeperClient.connect(
  socketPath: socket,
  launch: KeeperLaunch(socketPath: socket, executable: environment("ROOST") ?? ".build/release/roost"),
  loop: loops.loops[0])
Host.raiseOpenFileLimit()
var options = SessionStoreOptions(
  shell: "/bin/sh", integrationFolder: folder, environment: ["PATH": "/usr/bin:/bin"], home: "/", socketPath: "",
  serverName: "bench")
options.maximumSessions = sessions
let store = SessionStore(loops: loops, keeper: keeper, options: options)
let empty = SessionStore(loops: loops, keeper: keeper, options: options)

for number in 0..<sessions {
  _ = try await store.create(
    SessionSpec(
      name: try SessionName("session-\(number)"), program: .argv(["/bin/sleep", "100000"]), tags: [try Tag("bench")]))
}
let own = Catalogue(SessionOperations(store: store, server: "web1", serverID: "own").all, ownNames: ["web1"])
let document = try await list(own, sessions)
let local = try await median(rounds) { _ = try await list(own, sessions) }

// What the backends tell is what the sessions above look like.
let records = JSONText.elements(of: document[...]) ?? []
let map = ClusterMap(serverID: "hub", hostname: "hub")
var members: [Member] = []
var messages: [[UInt8]] = []
for backend in 0..<backends {
  let copy = DirectoryCopy()
  let id = "backend-\(backend)"
  copy.linkIsUp(serverID: id)
  let share = records[(backend * records.count / backends)..<((backend + 1) * records.count / backends)]
  var json = JSONWriter()
  json.beginObject()
  json.key("sessions")
  json.beginArray()
  for record in share { json.raw(record) }
  json.endArray()
  json.endObject()
  try copy.receive(Array(#"{"reset":{"server_id":"\#(id)"}}"#.utf8))
  try copy.receive(json.finish())
  try copy.receive(Array(#"{"ready":true}"#.utf8))
  members.append(
    Member(
      serverID: id, hostname: "web\(backend)", address: "http://web\(backend)", role: .member,
      report: HealthReport(.healthy), directory: copy))
  var change = JSONWriter()
  change.beginObject()
  change.key("changed")
  change.beginArray()
  for record in share.prefix(10) { change.raw(record) }
  change.endArray()
  change.endObject()
  messages.append(change.finish())
}
map.set(members)
let hub = Catalogue(
  SessionOperations(store: empty, server: "hub", serverID: "hub", cluster: map).all, ownNames: ["hub"])
let remote = try await median(rounds) { _ = try await list(hub, sessions) }
let changing = try await median(rounds) {
  for (member, message) in zip(members, messages) { try member.directory?.receive(message) }
}

func text(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
print("list of \(sessions) own sessions            \(text(local)) ms")
print("list of \(sessions) sessions of \(backends) backends  \(text(remote)) ms   \(text(remote / local))×")
print("ten changes from each of \(backends) backends  \(text(changing)) ms")

try? await keeper.quit(grace: .zero)
await keeper.close()
rmdir(folder)
exit(0)
