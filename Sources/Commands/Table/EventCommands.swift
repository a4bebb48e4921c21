extension CommandTable {
  static let events: CommandDefinition = CommandDefinition(
    name: "events", summary: "show what has happened; follow, replay, trace and publish events",
    discussion: """
      Everything that happens on a server is an event in its log: sessions, commands, tokens, every call that changed \
      something or was refused, and what programs publish. Without a subcommand the newest events that match are \
      printed, the oldest of them first: when, what kind, about what, who asked for it, and the most telling of its data. \
      A terminal of 140 columns and more, or a pipe, gets all of it in a line: also the number, the origin and the whole \
      data. A subject of the server's own is shown without 'hub.<server id>.', and there as '-' where it is the type.

      Times are RFC 3339, how long ago (15m, 2h, 3d, 1h30m), or words: now, today, yesterday 14:00, monday 8:00, 9:30. \
      Without an offset they are in your time zone. In patterns '*' is one token, and '>' at the end one or more.
      """,
    section: .events,
    options: eventFilters + [
      Options.eventUntil, Options.eventLimit, Options.allEvents, Options.order, Options.reverse, Options.eventAfter,
      Options.eventBefore, Options.eventFormat,
    ],
    examples: [
      CommandExample("roost events", "the newest hundred"),
      CommandExample("roost events --since 15m --type 'audit.refused'", "who was refused something lately"),
      CommandExample("roost events --since 'yesterday 14:00' --until 'yesterday 15:00' --all", "an hour of yesterday"),
      CommandExample("roost events --json --all | jq .type", "all of them, one JSON document a line"),
      CommandExample("roost events -n 20 --format cloudevents", "as CloudEvents 1.0"),
    ],
    subcommands: [eventFollow, eventReplay, eventTrace, eventPublish, eventVerify],
    action: .client(queryEvents))

  /// Options that say which events are meant.
  private static let eventFilters = [
    Options.eventSince, Options.subject, Options.eventType, Options.origin, Options.correlation,
  ]

  private static let eventFollow = CommandDefinition(
    name: "follow", aliases: ["tail", "subscribe"], summary: "print events as they happen",
    discussion: """
      Begins with what happens from now on, or with --since, --after or --cursor earlier, and goes over to the present \
      without a gap. A connection that is lost is made again, and nothing is missed or printed twice. Events that had \
      to be left out, because nobody read what was printed, are told of on standard error.
      """,
    options: eventFilters + [Options.eventAfter, Options.cursor, Options.followLimit],
    examples: [
      CommandExample("roost events follow", "everything, until ctrl+c"),
      CommandExample("roost events follow --type 'session.command_finished' --json", "for a program"),
      CommandExample("roost events follow -n 1 --type session.ended", "wait for the next session to end"),
      CommandExample("roost events follow --cursor mailer --json | ./mailer", "go on each time where it stopped"),
    ],
    action: .client { context async throws(CommandFailure) in try await EventFollower(context).run() })

  private static let eventReplay = CommandDefinition(
    name: "replay", summary: "play the events of a time again, at their pace",
    discussion: """
      The time between two events is kept, divided by --speed. On a terminal space pauses and goes on, and q ends. After \
      a pause, or when nobody reads, it goes on at its pace and does not catch up. When it is ended early it says how to \
      go on; with --resume the server keeps the position, and the same command line goes on by itself.

      With '--to bus' each event is published again under 'replay.' and its subject, with the original as its cause.
      """,
    options: eventFilters + [
      Options.eventUntil, Options.speed, Options.replayTo, Options.resume, Options.eventAfter,
    ],
    examples: [
      CommandExample(
        "roost events replay --since 'today 9:00' --until 'today 10:00' --speed 10", "an hour in six minutes"),
      CommandExample("roost events replay --since 1h --speed max --json > hour.jsonl", "without waiting"),
      CommandExample(
        "roost events replay --since 1h --subject 'build.>' --to bus --resume drill",
        "for whoever follows 'replay.build.>'"
      ),
    ],
    action: .client { context async throws(CommandFailure) in try await EventReplay(context).run() })

  private static let eventTrace = CommandDefinition(
    name: "trace", summary: "print the tree of what one call caused",
    discussion: """
      Each event stands below the one that caused it, with the time since the first, and how long it took where that is \
      known. What names no cause, or one that is not in the log any more, stands on the left.
      """,
    arguments: [Arguments.traced],
    examples: [
      CommandExample("roost events trace 5f0c5a52-9b07-4c32-8f0d-6a9a2b6f6c11", "by correlation id"),
      CommandExample("roost events trace 1042 --json", "the tree that event 1042 belongs to, for a program"),
    ],
    action: .client(traceEvents))

  private static let eventPublish = CommandDefinition(
    name: "publish", aliases: ["emit"], summary: "put an event of your own into the log, for everybody who follows",
    discussion: """
      Returns once the event is on disk, and prints its number and id. Subjects below 'hub.' and 'replay.' are the \
      server's own. An event takes at most 64 KiB.
      """,
    arguments: [Arguments.eventSubject, Arguments.eventData],
    options: [
      Options.member, Options.lines, Options.publishType, Options.publishOrigin, Options.publishCorrelation,
      Options.causation,
    ],
    examples: [
      CommandExample("roost events publish build.finished '{\"status\":0}'", "data as JSON"),
      CommandExample("roost events publish build.finished --data status=0 --data branch=main", "the same by hand"),
      CommandExample("./measure | roost events publish lab.measured - --lines", "an event for each line of JSON"),
    ],
    action: .client(publishEvents))

  private static let eventVerify = CommandDefinition(
    name: "verify", aliases: ["fsck"], summary: "check the files of the log",
    discussion: """
      Reads every file, also while no server runs: each line must be whole and its checksum right, and the numbers must \
      have no gap from file to file. Exits with 0 when all is well, and with 1 when something is wrong. Nothing is changed.
      """,
    options: [Options.folder],
    examples: [
      CommandExample("roost events verify", "the log of your default server"),
      CommandExample("roost events verify --folder /backup/events --json", "a copy, for a program"),
    ],
    action: .immediate(verifyEvents))
}
