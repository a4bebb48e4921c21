import Cluster
import Domains
import Events
import Operations
import Sessions

/// The options, each said once; a command lists those it takes.
package enum Options {
  // MARK: Every command

  package static let serverName = OptionDefinition(
    "--server-name", short: "L", placeholder: "NAME", environment: "ROOST_SERVER_NAME", defaultText: "default",
    help: "which server of yours: each name is a server of its own")
  package static let socket = OptionDefinition(
    "--socket", placeholder: "PATH", kind: .file, environment: "ROOST_SOCKET",
    help: "path of the server's Unix socket, instead of the one its name gives")
  package static let connect = OptionDefinition(
    "--connect", placeholder: "ADDRESS", environment: "ROOST_CONNECT",
    help: "reach the server over TCP, at https://HOST:PORT or, unencrypted, HOST:PORT; with the token in ROOST_TOKEN")
  package static let authorities = OptionDefinition(
    "--tls-ca", placeholder: "FILE", kind: .file, environment: "ROOST_TLS_CA", defaultText: "what this machine trusts",
    help: "certificates (PEM) to trust with an https address")
  package static let fingerprint = OptionDefinition(
    "--tls-fingerprint", placeholder: "SHA256:…", environment: "ROOST_TLS_FINGERPRINT",
    help: "with an https address, trust the one certificate that has this fingerprint")
  package static let json = OptionDefinition("--json", help: "print JSON, as the API gives it")

  package static let correlationID = OptionDefinition(
    "--correlation-id", placeholder: "UUID", environment: "ROOST_CORRELATION_ID", defaultText: "a new one",
    help: "the id under which everything that the command causes is logged")

  // Not ROOST_SERVER: that reads like the name of the server that is asked, which ROOST_SERVER_NAME gives.
  package static let server = OptionDefinition(
    "--server", short: "s", placeholder: "NAME", environment: "ROOST_ON", defaultText: "the one that is asked",
    help: "do it on this server, through the one that is asked: its name, id or address; 'NAME:SESSION' says it too")

  package static let globals = [
    server, serverName, socket, connect, authorities, fingerprint, json, correlationID,
  ]

  // MARK: Sessions

  package static let name = OptionDefinition(
    "--name", short: "n", placeholder: "NAME", help: "name of the new session (otherwise a number)")
  package static let command = OptionDefinition(
    "--command", short: "c", placeholder: "COMMAND", help: "run this command line in a shell, instead of a login shell")
  package static let shell = OptionDefinition(
    "--shell", placeholder: "PATH", kind: .file, environment: "ROOST_SHELL", defaultText: "$SHELL of the server",
    help: "shell of the session")
  package static let workingDirectory = OptionDefinition(
    "--cwd", placeholder: "DIR", kind: .directory, defaultText: "the current one", help: "folder it starts in")
  package static let variable = OptionDefinition(
    "--env", short: "e", placeholder: "KEY=VALUE", kind: .assignment, repeats: true,
    help: "set a variable for the session")
  package static let tag = OptionDefinition(
    "--tag", short: "t", placeholder: "TAG", repeats: true, help: "put a tag on the session")
  package static let rows = OptionDefinition(
    "--rows", placeholder: "N", kind: .integer(1...1000), help: "height of the screen")
  package static let columns = OptionDefinition(
    "--cols", placeholder: "N", kind: .integer(1...1000), help: "width of the screen")
  package static let size = OptionDefinition(
    "--size", placeholder: "SIZE",
    help:
      "who decides the size: 'latest' (who typed last; the default), 'smallest', 'largest', 'fixed' (nobody), or a fixed size such as 80x24"
  )
  package static let noIntegration = OptionDefinition(
    "--no-integration", help: "start the shell without Roost's integration (no command records, weaker waits)")
  package static let allowTitleReport = OptionDefinition(
    "--allow-title-report", help: "let programs read the title (then what a file prints may be typed at the prompt)")
  package static let detached = OptionDefinition("--detached", short: "d", help: "do not attach; print the name")
  package static let detachKey = OptionDefinition(
    "--detach-key", placeholder: "KEYS", environment: "ROOST_DETACH_KEY", defaultText: "'ctrl+\\ ctrl+\\'",
    help: "keys that detach: 'f12', 'ctrl+b d' (a prefix and a key), or 'none'")
  package static let prefix = OptionDefinition(
    "--prefix", placeholder: "KEY", environment: "ROOST_PREFIX", defaultText: "the first of the detach keys",
    help: "key before those that switch sessions, search and so on, or 'none'")
  package static let status = OptionDefinition(
    "--status", help: "show a status line in a terminal of fewer than 16 rows, too")
  package static let noStatus = OptionDefinition(
    "--no-status", help: "show no status line: every row is the session's")
  package static let attachScrollback = OptionDefinition(
    "--scrollback", placeholder: "N", environment: "ROOST_SCROLLBACK", defaultText: "a screenful",
    help:
      "lines of history that go into this terminal's own scrollback before the session is shown: a number, 'all' or 'none'"
  )
  package static let history = OptionDefinition(
    "--history", placeholder: "SIZE", defaultText: "10000 lines, and no more than 8M",
    help: "how much history it keeps: a number of lines, or of bytes with K, M or G")
  package static let readOnly = OptionDefinition("--readonly", short: "r", help: "watch only: nothing typed is sent")
  package static let force = OptionDefinition("--force", help: "attach even from inside the session itself")
  package static let detachOthers = OptionDefinition(
    "--detach-others", short: "d", help: "detach everybody else who is attached")

  package static let tagFilter = OptionDefinition(
    "--tag", short: "t", placeholder: "TAG", repeats: true, help: "only sessions with one of these tags")
  package static let names = OptionDefinition("--names", help: "only the names, one a line")

  // MARK: Looking

  package static let screenFormat = OptionDefinition(
    "--format", short: "f", placeholder: "FORMAT", kind: .choice(["plain", "styled", "ansi"]),
    defaultText: "ansi on a terminal, otherwise plain", help: "text, styled runs as JSON, or text with colours")
  package static let since = OptionDefinition(
    "--since", placeholder: "GENERATION", kind: .integer(0...Int.max),
    help: "only what changed after this generation")
  package static let offset = OptionDefinition(
    "--offset", placeholder: "LINE", kind: .integer(0...Int.max), defaultText: "0, the oldest kept",
    help: "line to begin with")
  package static let limit = OptionDefinition(
    "--limit", placeholder: "N", kind: .integer(1...Int.max), help: "how many at most")
  package static let last = OptionDefinition(
    "--last", placeholder: "N", kind: .integer(1...Int.max), help: "only the newest N lines")

  // MARK: Typing and waiting

  package static let enter = OptionDefinition("--enter", help: "press Enter afterwards")
  package static let key = OptionDefinition(
    "--key", short: "k", placeholder: "KEY", kind: .key, repeats: true,
    help: "press a key after the text: enter, f5, ctrl+c")
  package static let paste = OptionDefinition(
    "--paste", help: "as a paste: the program is told that it is one, and nothing in it acts by itself")
  package static let raw = OptionDefinition("--raw", help: "with --paste: leave control characters in it")
  package static let listKeys = OptionDefinition("--list", help: "print the names of the keys")
  package static let idle = OptionDefinition(
    "--idle", placeholder: "DURATION", kind: .duration, help: "until the screen has not changed for this long")
  package static let prompt = OptionDefinition("--prompt", help: "until the shell shows its prompt")
  package static let match = OptionDefinition(
    "--match", short: "m", placeholder: "REGEX", help: "until a line of the screen matches")
  package static let exit = OptionDefinition("--exit", help: "until the session's program has ended")
  package static let change = OptionDefinition("--change", help: "until anything on the screen changes")
  package static let bell = OptionDefinition("--bell", help: "until its program rings the bell")
  package static let notification = OptionDefinition(
    "--notification", help: "until its program asks for attention")
  package static let reading = OptionDefinition("--reading", help: "until a program waits for input")
  package static let looksLikePrompt = OptionDefinition(
    "--looks-like-prompt", help: "until the cursor stands behind what looks like a prompt, and nothing moves")
  package static let timeout = OptionDefinition(
    "--timeout", placeholder: "DURATION", kind: .duration, defaultText: "30s", help: "give up after this long")
  package static let showScreen = OptionDefinition("--screen", help: "print the screen when it is so")

  package static let new = OptionDefinition(
    "--new", help: "make the session first when there is none of that name")
  package static let runTimeout = OptionDefinition(
    "--timeout", placeholder: "DURATION", kind: .duration, defaultText: "none",
    help: "stop waiting after this long; the command goes on")
  package static let cancelRun = OptionDefinition(
    "--cancel", placeholder: "RUN", kind: .text, help: "take this run out of the queue, or interrupt the 'active' one")
  package static let remoteShell = OptionDefinition(
    "--shell", placeholder: "SHELL", kind: .choice(ShellIntegration.Shell.allCases.map(\.rawValue)),
    help: "what reads the terminal somewhere else")
  package static let integrateTimeout = OptionDefinition(
    "--timeout", placeholder: "DURATION", kind: .duration, defaultText: "10s",
    help: "how long the first prompt may take that shows the integration")
  package static let noQueue = OptionDefinition(
    "--no-queue", help: "refuse at once where the shell is busy, instead of waiting for a turn")
  package static let inShell = OptionDefinition(
    "--in-shell", help: "a POSIX shell or fish reads the terminal, out of sight (ssh, a container)")
  package static let maxOutput = OptionDefinition(
    "--max-output", placeholder: "BYTES", kind: .integer(1...Int.max), help: "keep at most this much of the output")

  // MARK: Ending

  package static let signal = OptionDefinition(
    "--signal", short: "S", placeholder: "NAME", kind: .signal, defaultText: "HUP", help: "signal to send")
  package static let grace = OptionDefinition(
    "--grace", placeholder: "DURATION", kind: .duration, defaultText: "5s",
    help: "how long the programs have to end before they are killed")
  package static let addTag = OptionDefinition(
    "--add", short: "a", placeholder: "TAG", repeats: true, help: "put a tag on it")
  package static let removeTag = OptionDefinition(
    "--remove", short: "r", placeholder: "TAG", repeats: true, help: "take a tag off it")
  package static let killSessions = OptionDefinition(
    "--kill-sessions", help: "end the sessions that still run; without it a server that has some refuses to stop")
  package static let stopTimeout = OptionDefinition(
    "--timeout", placeholder: "DURATION", kind: .duration, defaultText: "15s", help: "how long to wait for its end")

  // MARK: Tokens

  package static let scope = OptionDefinition(
    "--scope", short: "S", placeholder: "SCOPE", kind: .scope, defaultText: "sessions:read", repeats: true,
    help: "what the token may do: \(tokenScopes.joined(separator: ", "))")
  package static let tokenSession = OptionDefinition(
    "--session", placeholder: "NAME", kind: .session, repeats: true, help: "only for this session")
  package static let tokenTag = OptionDefinition(
    "--tag", short: "t", placeholder: "TAG", repeats: true, help: "only for sessions with this tag")
  package static let expires = OptionDefinition(
    "--expires", placeholder: "DURATION", kind: .duration, defaultText: "never", help: "valid for this long")

  // MARK: Events

  package static let eventSince = OptionDefinition(
    "--since", placeholder: "TIME",
    help: "from this time on: RFC 3339, 15m, 2h, 'yesterday 14:00', 'monday 8:00', 9:30")
  package static let eventUntil = OptionDefinition(
    "--until", placeholder: "TIME", help: "until before this time, written like --since")
  package static let subject = OptionDefinition(
    "--subject", short: "S", placeholder: "PATTERN", repeats: true,
    help: "only subjects that match: '*' is one token, '>' at the end one or more")
  package static let eventType = OptionDefinition(
    "--type", short: "t", placeholder: "PATTERN", repeats: true,
    help: "only types that match: session.created, 'session.*', 'audit.>'")
  package static let origin = OptionDefinition(
    "--origin", placeholder: "KIND[:ID]", help: "only from this kind of thing, or from this one")
  package static let correlation = OptionDefinition(
    "--correlation", short: "c", placeholder: "ID", help: "only what one call caused: its correlation id")
  package static let eventAfter = OptionDefinition(
    "--after", placeholder: "SEQ", kind: .integer(0...Int.max), help: "from the event behind this number on")
  package static let eventBefore = OptionDefinition(
    "--before", placeholder: "SEQ", kind: .integer(0...Int.max), help: "only events before this number")
  package static let eventLimit = OptionDefinition(
    "--limit", short: "n", placeholder: "N", kind: .integer(1...Int.max), defaultText: "100", help: "how many at most")
  package static let allEvents = OptionDefinition("--all", help: "all that match, however many")
  package static let reverse = OptionDefinition("--reverse", short: "r", help: "newest first, as --order desc")
  package static let order = OptionDefinition(
    "--order", placeholder: "ORDER", kind: .choice(EventOrder.allCases.map(\.rawValue)),
    defaultText: "the newest, oldest of them first",
    help: "begin with the oldest, or with the newest")
  package static let eventFormat = OptionDefinition(
    "--format", short: "f", placeholder: "FORMAT", kind: .choice(EventForm.allCases.map(\.rawValue)),
    help: "print events as JSON of this form, one a line")
  package static let followLimit = OptionDefinition(
    "--limit", short: "n", placeholder: "N", kind: .integer(1...Int.max), defaultText: "no end",
    help: "end after so many events")
  package static let cursor = OptionDefinition(
    "--cursor", placeholder: "NAME",
    help: "go on where this cursor of the server's stands, and move it along with what is printed")
  package static let speed = OptionDefinition(
    "--speed", placeholder: "FACTOR", defaultText: "1", help: "so many times as fast as it was; 'max' does not wait")
  package static let replayTo = OptionDefinition(
    "--to", placeholder: "DESTINATION", kind: .choice(["-", "bus"]), defaultText: "-, standard output",
    help: "print the events, or publish them again under 'replay.' and their subject")
  package static let resume = OptionDefinition(
    "--resume", placeholder: "NAME", help: "keep the position under this name, and go on from it")
  package static let publishType = OptionDefinition(
    "--type", short: "t", placeholder: "TYPE", help: "what happened (otherwise the server takes it from the subject)")
  package static let publishOrigin = OptionDefinition(
    "--origin", placeholder: "KIND:ID", help: "what it comes from, such as tool:linter")
  package static let publishCorrelation = OptionDefinition(
    "--correlation", short: "c", placeholder: "ID", help: "the correlation id that it belongs to")
  package static let causation = OptionDefinition(
    "--causation", placeholder: "ID", help: "the id of the event that caused it")
  package static let member = OptionDefinition(
    "--data", placeholder: "KEY=VALUE", kind: .assignment, repeats: true,
    help: "a member of the data; what is a number, true, false or null in JSON stays one")
  package static let lines = OptionDefinition("--lines", help: "each line of standard input is the data of one event")
  package static let folder = OptionDefinition(
    "--folder", placeholder: "DIR", kind: .directory, defaultText: "of the server that --server-name names",
    help: "the folder 'events' with the files")

  // MARK: The servers behind one

  private static let roles = Role.allCases.map(\.rawValue)
  package static let backendRole = OptionDefinition(
    "--role", placeholder: "ROLE", kind: .choice(roles), defaultText: "none", help: "what it may be used for")
  package static let promotedRole = OptionDefinition(
    "--role", placeholder: "ROLE", kind: .choice(roles), defaultText: "member", help: "what it may be used for")
  package static let demotedRole = OptionDefinition(
    "--role", placeholder: "ROLE", kind: .choice(roles), defaultText: "none", help: "what it may still be used for")
  package static let backendTag = OptionDefinition(
    "--tag", short: "t", placeholder: "TAG", repeats: true, help: "a tag of the server")
  package static let transitive = OptionDefinition(
    "--transitive", help: "let the servers behind it be seen through it")
  package static let transitiveValue = OptionDefinition(
    "--transitive", placeholder: "YES|NO", kind: .choice(["yes", "no"]),
    help: "whether the servers behind it may be seen through it")
  package static let pinnedCertificate = OptionDefinition(
    "--fingerprint", placeholder: "SHA256",
    help: "of the only certificate to accept from it, as its 'roost serve --tls-self-signed' prints it")
  package static let identityRule = OptionDefinition(
    "--identity", placeholder: "RULE", kind: .choice(["server_id", "address"]), defaultText: "server_id",
    help: "by what it is known; 'address' is for wsh servers, whose ids change with every start")
  package static let backendTokenFile = OptionDefinition(
    "--token-file", placeholder: "FILE", kind: .file,
    help: "file that holds its token, readable for you alone; '-' is standard input")
  package static let newToken = OptionDefinition(
    "--new-token", help: "give it another token: from --token-file, ROOST_BACKEND_TOKEN, or typed")
  package static let noWait = OptionDefinition("--no-wait", help: "do not wait until it is connected")
  package static let healthTimeout = OptionDefinition(
    "--timeout", placeholder: "DURATION", kind: .duration, defaultText: "15s", help: "wait no longer than this")
  package static let serverNames = OptionDefinition("--names", help: "only the names, one a line")

  // MARK: Others

  package static let describe = OptionDefinition("--describe", help: "say what the operation takes and gives")
  package static let manual = OptionDefinition("--man", help: "print the manual page, for man -l -")

  // MARK: Serving

  package static let bind = OptionDefinition(
    "--bind", placeholder: "HOST:PORT", environment: "ROOST_BIND", defaultText: "none", repeats: true,
    help: "also listen on TCP")
  package static let certificate = OptionDefinition(
    "--tls-cert", placeholder: "FILE", kind: .file, environment: "ROOST_TLS_CERT",
    help: "speak TLS on TCP with this certificate (PEM), followed by those that lead to its authority")
  package static let certificateKey = OptionDefinition(
    "--tls-key", placeholder: "FILE", kind: .file, environment: "ROOST_TLS_KEY",
    help: "the key (PEM, without a password) of --tls-cert")
  package static let selfSigned = OptionDefinition(
    "--tls-self-signed", environment: "ROOST_TLS_SELF_SIGNED",
    help: "speak TLS on TCP with a certificate of the server's own, made once; clients need the fingerprint it prints")
  package static let token = OptionDefinition(
    "--token", placeholder: "TOKEN", environment: "ROOST_TOKEN",
    help: "a token with every right for TCP clients; better in the variable, where no process list shows it")
  package static let noAuthentication = OptionDefinition(
    "--no-auth", environment: "ROOST_NO_AUTH", help: "ask TCP clients for no token; loopback addresses only")
  package static let ephemeral = OptionDefinition(
    "--ephemeral", help: "end with the last session, or when there is none for 30s")
  package static let maxSessions = OptionDefinition(
    "--max-sessions", placeholder: "N", kind: .integer(1...100_000), environment: "ROOST_MAX_SESSIONS",
    defaultText: "256", help: "most sessions at a time; one token has half of them at most")
  package static let sessionRights = OptionDefinition(
    "--session-rights", placeholder: "WHOSE", kind: .choice(["maker", "owner"]), environment: "ROOST_SESSION_RIGHTS",
    defaultText: "maker",
    help:
      "what programs in a session that a token has made may ask over the socket: what its maker may, or what you may")
  package static let clipboardText = OptionDefinition(
    "--clipboard-text", environment: "ROOST_CLIPBOARD_TEXT",
    help: "events tell what programs give to the clipboard, not only how much: it is often a secret")
  package static let corsOrigin = OptionDefinition(
    "--cors-origin", placeholder: "ORIGIN", repeats: true, help: "let pages of this origin call the API")
  package static let hostname = OptionDefinition(
    "--hostname", placeholder: "NAME", environment: "ROOST_HOSTNAME", defaultText: "the machine's",
    help: "name of this server in what it answers")
  package static let basePrefix = OptionDefinition(
    "--base-prefix", placeholder: "/PATH", environment: "ROOST_BASE_PREFIX",
    help: "serve everything below this path, behind a proxy")
  package static let configuration = OptionDefinition(
    "--config", placeholder: "FILE", kind: .file, environment: "ROOST_CONFIG",
    defaultText: "~/.config/roost/config.toml, if there is one",
    help: "the file that declares the servers behind this one")
  package static let keepEnded = OptionDefinition(
    "--keep-ended", placeholder: "DURATION", kind: .duration, environment: "ROOST_KEEP_ENDED", defaultText: "1h",
    help: "how long an ended session stays, with its screen and exit status")
  package static let eventsMaxAge = OptionDefinition(
    "--events-max-age", placeholder: "DURATION", kind: .duration, environment: "ROOST_EVENTS_MAX_AGE",
    defaultText: "30d", help: "how long events are kept; whole files go, of an hour at most")
  package static let eventsMaxBytes = OptionDefinition(
    "--events-max-bytes", placeholder: "N", kind: .integer(Retention.leastBytes...Int.max),
    environment: "ROOST_EVENTS_MAX_BYTES",
    defaultText: "2147483648", help: "how large the event log may grow before its oldest files go; at least 16 MiB")
  package static let loops = OptionDefinition(
    "--loops", placeholder: "N", kind: .integer(1...64), defaultText: "one for each core, up to 8",
    help: "event loop threads")
  package static let readiness = OptionDefinition(
    "--ready-fd", placeholder: "FD", kind: .integer(0...1023), help: "write one line there when ready")
}

/// What a token may be allowed to do.
package let tokenScopes = [
  "sessions:read", "sessions:input", "sessions:manage", "events:read", "events:publish", "files:read", "files:write",
  "topology", "link", "cluster", "admin",
]

/// The signals worth offering; the server knows all of them.
let commonSignalNames = [
  "HUP", "INT", "QUIT", "KILL", "TERM", "USR1", "USR2", "STOP", "TSTP", "CONT", "WINCH", "ALRM",
]
