/// The words that commands take, each said once.
enum Arguments {
  static let session = ArgumentDefinition(
    "SESSION", kind: .session, help: "name or id of the session; SERVER:SESSION for one of another server")
  static let sessions = ArgumentDefinition(
    "SESSION", kind: .session, count: .oneOrMore, help: "names or ids of the sessions")
  static let attachedSession = ArgumentDefinition(
    "SESSION", kind: .session, count: .optional,
    help: "name or id of the session; without it the one that was active last")
  static let newName = ArgumentDefinition("NAME", count: .optional, help: "name of the session (otherwise a number)")
  static let rename = ArgumentDefinition("NAME", help: "its new name")
  static let program = ArgumentDefinition(
    "PROGRAM", count: .many, help: "a program and its arguments to run instead of a shell")
  static let text = ArgumentDefinition(
    "TEXT", count: .many, help: "what to type; several words are joined by spaces; '-' is standard input")
  static let keys = ArgumentDefinition(
    "KEY", kind: .key, count: .many, help: "names of keys: enter, tab, up, f5, ctrl+c, alt+x; other words are typed")
  static let commandLine = ArgumentDefinition(
    "COMMAND", count: .oneOrMore, help: "a command line as one word, or a command and its arguments")
  static let signalName = ArgumentDefinition("SIGNAL", kind: .signal, help: "INT, TERM, USR1 or another, or its number")
  static let tokenName = ArgumentDefinition("NAME", count: .optional, help: "what the token is for")
  static let tokenIDs = ArgumentDefinition("ID", count: .oneOrMore, help: "ids of tokens, as 'roost token ls' has them")
  static let eventSubject = ArgumentDefinition(
    "SUBJECT", help: "what it is about: tokens with dots, such as build.finished")
  static let eventData = ArgumentDefinition(
    "DATA", count: .optional, help: "its data as JSON; '-' reads them from standard input")
  static let traced = ArgumentDefinition(
    "ID", help: "a correlation id, or the id or number of any event that belongs to it")
  static let backendAddress = ArgumentDefinition("ADDRESS", help: "where it is reached: http://HOST:PORT")
  static let backend = ArgumentDefinition(
    "NAME", kind: .backend, help: "host name, id or address of the server, as 'roost servers ls' has them")
  static let backends = ArgumentDefinition(
    "NAME", kind: .backend, count: .oneOrMore, help: "host names, ids or addresses of the servers")
  static let operation = ArgumentDefinition(
    "OPERATION", kind: .operation, count: .optional, help: "its name, such as session.list; without it all are listed")
  static let parameters = ArgumentDefinition(
    "PARAMETER", count: .many, help: "KEY=VALUE, KEY:=JSON, one JSON object, or '-' to read one from standard input")
  static let shellName = ArgumentDefinition(
    "SHELL", kind: .choice(CompletionShell.allCases.map(\.rawValue)), help: "bash, zsh or fish")
  static let helpTopic = ArgumentDefinition("COMMAND", count: .many, help: "the command to explain")
}
