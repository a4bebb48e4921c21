import Cluster
import Formats
import Net

extension CommandTable {
  static let servers = CommandDefinition(
    name: "servers", summary: "the servers behind this one: enrol, look at, promote and remove them",
    discussion: """
      A server that is enrolled without a role is listed and asked who it is, and nothing else. Promote it to let work \
      reach it: observer (may be looked at), member (everything), drain (no new sessions), hub (somebody else's hub).

      NAME is a server's host name, its id or the beginning of that, or its address.
      """,
    section: .server,
    subcommands: [
      serversAdd, serversList, serversInfo, serversPromote, serversDemote, serversConfirm, serversUpdate, serversRemove,
      serversReload, serversDiscovered,
    ], action: .group)

  private static let serversAdd = CommandDefinition(
    name: "add", summary: "enrol a server, and wait until it can be used",
    discussion: """
      ADDRESS is http://HOST[:PORT] or https://HOST[:PORT], with a path where the server has a --base-prefix. The token \
      that the server gave (there: 'roost token create') is read from --token-file, from ROOST_BACKEND_TOKEN, or asked \
      for on the terminal; it is never taken from the command line, where every user of this machine could see it. Over \
      http it can be read on the way, and goes to whoever answers: between machines use https.
      """,
    arguments: [Arguments.backendAddress],
    options: [
      Options.backendTokenFile, Options.backendRole, Options.backendTag, Options.transitive, Options.identityRule,
      Options.pinnedCertificate, Options.noWait, Options.healthTimeout,
    ],
    examples: [
      CommandExample(
        "roost servers add https://web1:7070 --role member --fingerprint SHA256:…",
        "asks for the token, then may work there"),
      CommandExample("roost servers add https://db1:7070 --token-file db1.token", "listed only, until it is promoted"),
      CommandExample(
        "ssh web1 roost token create hub --scope admin | roost servers add https://web1:7070 --token-file -",
        "in one go"
      ),
    ],
    action: .client(addServer))

  private static let serversList = CommandDefinition(
    name: "ls", aliases: ["list"], summary: "list this server and those behind it",
    options: [Options.serverNames],
    examples: [
      CommandExample("roost servers ls", "who is there, and how they are"),
      CommandExample(
        "roost servers ls --json | jq -r '.[] | select(.health != \"healthy\").address'", "who is not well"),
    ],
    action: .client { context async throws(CommandFailure) in
      let servers = try await context.client.call("GET", "/servers")
      if context.invocation.has(Options.serverNames) {
        context.output.write((servers.array ?? []).map { printable(serverName($0)) + "\n" }.joined())
      } else {
        context.show(servers) { serverTable(servers.array ?? [], context.output) }
      }
      return .ok
    })

  private static let serversInfo = CommandDefinition(
    name: "info", aliases: ["show"], summary: "tell everything about one server", arguments: [Arguments.backend],
    examples: [CommandExample("roost servers info web1", "its role, its health and why, where it comes from")],
    action: .client { context async throws(CommandFailure) in
      let server = try await context.client.call(
        "GET", serverPath(try context.invocation.required(Arguments.backend)))
      context.show(server) { serverText(server, context.output.style) }
      return .ok
    })

  private static let serversPromote = CommandDefinition(
    name: "promote", summary: "let a server be used", arguments: [Arguments.backend], options: [Options.promotedRole],
    examples: [
      CommandExample("roost servers promote web1", "full member: may be given work"),
      CommandExample("roost servers promote web1 --role observer", "may be looked at only"),
    ],
    action: .client { context async throws(CommandFailure) in
      try await change(context, ["role": .string(context.invocation.text(Options.promotedRole) ?? "member")])
    })

  private static let serversDemote = CommandDefinition(
    name: "demote", summary: "let a server be used for less, or for nothing", arguments: [Arguments.backend],
    options: [Options.demotedRole],
    examples: [
      CommandExample("roost servers demote web1", "stays on the list and is not used"),
      CommandExample("roost servers demote web1 --role drain", "keeps its sessions and gets no new ones"),
    ],
    action: .client { context async throws(CommandFailure) in
      try await change(context, ["role": .string(context.invocation.text(Options.demotedRole) ?? "none")])
    })

  private static let serversConfirm = CommandDefinition(
    name: "confirm", summary: "confirm that another server answers at an address now",
    discussion: """
      A server that was installed anew has another id, and so has an impostor. Until the change is confirmed, nothing \
      but its id is asked of it.
      """,
    arguments: [Arguments.backend],
    examples: [CommandExample("roost servers confirm web1", "the new server takes the place of the old one")],
    action: .client { context async throws(CommandFailure) in try await change(context, ["confirm": true]) })

  private static let serversUpdate = CommandDefinition(
    name: "update", summary: "give a server other tags, another token or fingerprint", arguments: [Arguments.backend],
    options: [
      Options.backendRole, Options.backendTag, Options.transitiveValue, Options.identityRule, Options.pinnedCertificate,
      Options.backendTokenFile,
      Options.newToken,
    ],
    examples: [
      CommandExample("roost servers update web1 --tag gpu --tag eu", "these tags and no others"),
      CommandExample("roost servers update web1 --new-token", "asks for its new token"),
    ],
    action: .client(updateServer))

  private static let serversRemove = CommandDefinition(
    name: "remove", aliases: ["rm"], summary: "take servers off the list, and forget their tokens",
    arguments: [Arguments.backends],
    examples: [
      CommandExample("roost servers remove web1", "its sessions go on there"),
      CommandExample("roost servers remove http://10.0.0.7:7070", "one whose name was never learned"),
    ],
    action: .client { context async throws(CommandFailure) in
      await context.forEach(context.invocation.arguments(Arguments.backends)) { name async throws(CommandFailure) in
        _ = try await context.client.call("DELETE", serverPath(name))
        return .string(name)
      }
    })

  private static let serversReload = CommandDefinition(
    name: "reload", summary: "read the configuration file and the certificate again, and say what changed",
    discussion: """
      The file is ~/.config/roost/config.toml, or the one that 'roost serve --config' named. What was added with \
      'roost servers add' stays. The certificate and key are those that 'roost serve' was given; connections that are \
      open keep the old one. A file that is wrong changes nothing. SIGHUP makes the server do the same.
      """,
    examples: [CommandExample("roost servers reload", "makes the difference, and nothing else")],
    action: .client { context async throws(CommandFailure) in
      let report = try await context.client.call("POST", "/servers/reload")
      context.show(report) { reloadText(report) }
      return .ok
    })

  private static let serversDiscovered = CommandDefinition(
    name: "discovered", summary: "list the servers that were heard of and are not enrolled",
    examples: [CommandExample("roost servers discovered", "'roost servers promote' enrols one of them")],
    action: .client { context async throws(CommandFailure) in
      let servers = try await context.client.call("GET", "/servers/discovered")
      context.show(servers) { serverTable(servers.array ?? [], context.output) }
      return .ok
    })

  private static func change(_ context: ClientContext, _ body: JSON) async throws(CommandFailure) -> ExitCode {
    let server = try await context.client.call(
      "PATCH", serverPath(try context.invocation.required(Arguments.backend)), body: body)
    context.show(server) { "\(printable(serverName(server))): \(server["role"].plainText)\n" }
    return .ok
  }
}

/// `/servers/NAME`
func serverPath(_ name: String) -> String { "/servers/" + PercentEncoding.encode(name) }
