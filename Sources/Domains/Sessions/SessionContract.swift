import Cluster
package import Operations
import Sessions
import Store

/// The `session` domain, as the world knows it.
package enum SessionContract: Contract {
  private static let runBound = Wait("timeout_ms", standard: SessionOperations.defaultRun)
  /// Here `timeout_ms` is how long the silence has to be.
  private static let idleBound = Wait(
    "max_wait_ms", standard: SessionOperations.defaultWait, longest: Milliseconds.longestIdle)
  private static let waitBound = Wait("timeout_ms", standard: SessionOperations.defaultWait)
  static let list = TypedOperation(
    "session.list", "List the sessions of all servers, ended ones too; with server, those of one server", .sessionsRead,
    .get("/sessions"), .reads, takes: Schema.of(ListInput.self), gives: SessionListing.listSchema)
  static let create = TypedOperation(
    "session.create", "Start a session: a shell, a command line, or a program with arguments", .sessionsManage,
    .post("/sessions"), .changes, status: 201, takes: CreateInput.self, gives: SessionRecord.self
  )
  .working(as: .places)
  .labelling(name: "name", tags: "tags")
  static let get = TypedOperation(
    "session.get", "Tell what is known of a session", .sessionsRead,
    .get("/sessions/{session}"), .reads, takes: SessionInput.self, gives: SessionRecord.self)
  static let update = TypedOperation(
    "session.update", "Rename a session, add and remove tags, say who decides its size: all of it or nothing",
    .sessionsManage,
    .patch("/sessions/{session}"), .changes, takes: UpdateInput.self, gives: SessionRecord.self
  )
  .labelling(name: "name", tags: "add_tags")
  static let remove = TypedOperation(
    "session.remove", "End a session at once and take it off the list", .sessionsManage,
    .delete("/sessions/{session}"), .changes, takes: SessionInput.self)
  static let kill = TypedOperation(
    "session.kill", "End everything that a session started: a signal first, SIGKILL after the grace; it stays listed",
    .sessionsManage,
    .post("/sessions/{session}/kill"), .changes, takes: KillInput.self, gives: SessionRecord.self)
  static let signal = TypedOperation(
    "session.signal", "Send a signal to the program in the foreground", .sessionsInput,
    .post("/sessions/{session}/signal"), .changes, takes: SignalInput.self)
  static let resize = TypedOperation(
    "session.resize", "Give a session another size", .sessionsInput,
    .post("/sessions/{session}/resize"), .changesOften, takes: ResizeInput.self, gives: SessionRecord.self
  )
  .ordered()
  static let detach = TypedOperation(
    "session.detach", "Send all attached clients away", .sessionsManage,
    .post("/sessions/{session}/detach"), .changes, takes: SessionInput.self)
  static let clients = TypedOperation(
    "session.clients", "List the clients that stream a session", .sessionsRead,
    .get("/sessions/{session}/clients"), .reads, takes: SessionInput.self, gives: [ClientOutput].self)
  static let input = TypedOperation(
    "session.input", "Type bytes into a session", .sessionsInput,
    .post("/sessions/{session}/input"), .changesOften, rawField: "data", takes: TypeInput.self,
    gives: GenerationOutput.self
  )
  .pausing()
  .ordered()
  static let keys = TypedOperation(
    "session.keys", "Press keys by name, such as enter, ctrl+c, f5 or up, or type texts", .sessionsInput,
    .post("/sessions/{session}/keys"), .changesOften, takes: KeysInput.self, gives: GenerationOutput.self
  )
  .ordered()
  static let screen = TypedOperation(
    "session.screen", "Read the screen; with since, only the rows that changed after that generation", .sessionsRead,
    .get("/sessions/{session}/screen"), .reads, takes: ScreenInput.self, gives: ScreenOutput.self
  )
  .answeringAtLength()
  static let scrollback = TypedOperation(
    "session.scrollback", "Read lines of the history and the screen; offset 0 is the oldest kept line", .sessionsRead,
    .get("/sessions/{session}/scrollback"), .reads, takes: ScrollbackInput.self, gives: ScrollbackOutput.self
  )
  .answeringAtLength()
  static let commands = TypedOperation(
    "session.commands", "List the commands that the shell ran, with their exit statuses; the latest last",
    .sessionsRead,
    .get("/sessions/{session}/commands"), .reads, takes: CommandsInput.self, gives: [CommandOutput].self)
  static let commandOutput = TypedOperation(
    "session.command_output",
    "Read what a command printed, by its id or latest, a page at a time; a negative offset counts from the end",
    .sessionsRead,
    .get("/sessions/{session}/commands/{id}/output"), .reads, takes: CommandOutputInput.self,
    gives: CommandOutputAnswer.self)
  static let idle = TypedOperation(
    "session.idle", "Wait until a session has been silent; silence is weak evidence, so see also session.wait",
    .sessionsRead,
    .get("/sessions/{session}/idle"), .reads, takes: IdleInput.self, gives: IdleOutput.self
  )
  .waiting(idleBound)
  static let idleAny = TypedOperation(
    "session.idle_any", "Wait until any of the sessions has been silent", .sessionsRead,
    .get("/idle"), .reads, takes: IdleAnyInput.self, gives: IdleOutput.self
  )
  .waiting(idleBound)
  static let wait = TypedOperation(
    "session.wait", "Wait for silence, a prompt, input being read, a text, a change or the end: whichever comes first",
    .sessionsRead,
    .post("/sessions/{session}/wait"), .reads, takes: WaitInput.self, gives: WaitOutput.self
  )
  .waiting(waitBound)
  static let interact = TypedOperation(
    "session.interact", "Type text or keys and wait for what they bring about, in one call and without a race",
    .sessionsInput,
    .post("/sessions/{session}/interact"), .changes, takes: InteractInput.self, gives: WaitOutput.self
  )
  .waiting(waitBound)
  static let run = TypedOperation(
    "session.run",
    "Run a command in a session's shell, and answer its exit status and output, or that it asks for something",
    .sessionsInput,
    .post("/sessions/{session}/run"), .changes, takes: RunInput.self, gives: RunOutput.self
  )
  .waiting(runBound)
  static let runWait = TypedOperation(
    "session.run.wait", "Go on waiting for a command, by its number", .sessionsRead,
    .post("/sessions/{session}/commands/{id}/wait"), .reads, takes: RunWaitInput.self, gives: RunOutput.self
  )
  .waiting(runBound)
  static let integrate = TypedOperation(
    "session.integrate",
    "Type the shell integration into the shell that reads the terminal: one in a shell, or elsewhere", .sessionsInput,
    .post("/sessions/{session}/integrate"), .changes, takes: IntegrateInput.self, gives: GenerationOutput.self
  )
  .waiting(Wait("timeout_ms", standard: SessionLimits.integrationTime))
  static let runs = TypedOperation(
    "session.runs", "List the run in progress and those that wait for their turn", .sessionsRead,
    .get("/sessions/{session}/runs"), .reads, takes: SessionInput.self, gives: [QueuedRunOutput].self)
  static let runCancel = TypedOperation(
    "session.run.cancel",
    "Take a run out of the queue, or interrupt the one in progress ('active'), and give it up if it does not end",
    .sessionsInput,
    .delete("/sessions/{session}/runs/{run}"), .changes, takes: RunCancelInput.self)
  static let fleetSessions = TypedOperation(
    "fleet.sessions", "List the sessions of all servers, and tell of each server how fresh that is", .sessionsRead,
    .get("/fleet/sessions"), .reads, takes: Schema.of(FleetSessionsInput.self), gives: SessionListing.fleetSchema)

  package static let operations: [Operation] = [
    list.operation,
    create.operation,
    get.operation,
    update.operation,
    remove.operation,
    kill.operation,
    signal.operation,
    resize.operation,
    detach.operation,
    clients.operation,
    input.operation,
    keys.operation,
    screen.operation,
    scrollback.operation,
    commands.operation,
    commandOutput.operation,
    idle.operation,
    idleAny.operation,
    wait.operation,
    interact.operation,
    run.operation,
    runWait.operation,
    integrate.operation,
    runs.operation,
    runCancel.operation,
    fleetSessions.operation,
  ]
  package static let events = SessionEvents.all
  package static let streams = [liveSessions.stream, liveScreen.stream, terminal.stream]
}
