/// The script of `roost completions fish`.
struct FishCompletions {
  let commands: [CompletedCommand]
  let root: CommandDefinition
  let globals: [OptionDefinition]

  func script() -> String {
    let connecting = globals.filter { !$0.isSwitch }.flatMap(spellings).map(quoted).joined(separator: " ")
    let all = (commands.flatMap(\.command.options) + root.options).filter { !$0.isSwitch }.flatMap(spellings)
    let valued = Set(all).union(globals.filter { !$0.isSwitch }.flatMap(spellings)).sorted()
    let groups = commands.filter(\.isGroup).map(\.name)
    var lines = [
      """
      # fish completion for roost. Load it with: roost completions fish | source

      # The command on the line so far: 'send', 'token create', or nothing.
      function __roost_command
          set -l words (commandline -opc)
          set -l found
          set -l skip 0
          for word in $words[2..-1]
              if test $skip = 1
                  set skip 0
                  continue
              end
              switch $word
                  case \(valued.map(quoted).joined(separator: " "))
                      set skip 1
                  case '-*'
                  case '*'
                      set -a found $word
                      contains -- "$found" \(groups.map(quoted).joined(separator: " ")); or break
              end
          end
          echo "$found"
      end

      function __roost_using
          test (__roost_command) = "$argv"
      end

      # The options on the line that say which server.
      function __roost_server
          set -l words (commandline -opc)
          for i in (seq 2 (count $words))
              if contains -- $words[$i] \(connecting); and test $i -lt (count $words)
                  echo $words[$i]
                  echo $words[(math $i + 1)]
              end
          end
      end

      function __roost_sessions
          roost (__roost_server) ls --names 2>/dev/null
      end

      function __roost_operations
          roost (__roost_server) call --names 2>/dev/null
      end

      function __roost_servers
          roost (__roost_server) servers ls --names 2>/dev/null
      end

      complete -c roost -f
      """
    ]
    lines += globals.map { line(nil, $0) }
    lines.append(line(nil, OptionDefinition("--help", short: "h", help: "say how a command is used")))
    lines += root.options.map { line("", $0) }
    lines += root.visibleSubcommands.map { named("", $0) }
    for command in commands {
      lines += command.command.visibleSubcommands.map { named(command.name, $0) }
      lines += command.command.options.map { line(command.name, $0) }
      var kinds: [ValueKind] = []
      for argument in command.command.arguments where !kinds.contains(argument.kind) {
        kinds.append(argument.kind)
        guard let values = values(argument.kind) else { continue }
        lines.append("complete -c roost -n \(quoted("__roost_using \(command.name)")) \(values)")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func named(_ group: String, _ command: CommandDefinition) -> String {
    "complete -c roost -n \(quoted("__roost_using \(group)")) -a \(command.name) -d \(quoted(command.summary))"
  }

  private func line(_ command: String?, _ option: OptionDefinition) -> String {
    var words = ["complete", "-c", "roost"]
    if let command { words += ["-n", quoted("__roost_using \(command)")] }
    words += ["-l", String(option.name.dropFirst(2))]
    if let short = option.short { words += ["-s", String(short)] }
    if !option.isSwitch { words += ["-r", values(option.kind) ?? ""] }
    words += ["-d", quoted(option.help)]
    return words.filter { !$0.isEmpty }.joined(separator: " ")
  }

  private func values(_ kind: ValueKind) -> String? {
    if let words = completionWords(kind) { return "-a \(quoted(words.map(escapedWord).joined(separator: " ")))" }
    return switch kind {
    case .session: "-a '(__roost_sessions)'"
    case .backend: "-a '(__roost_servers)'"
    case .operation: "-a '(__roost_operations)'"
    case .file: "-F"
    case .directory: "-a '(__fish_complete_directories)'"
    default: nil
    }
  }

  private func escapedWord(_ word: String) -> String {
    word.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
  }

  /// In fish's single quotes only the quote and the backslash are special.
  private func quoted(_ text: String) -> String {
    var result = "'"
    for character in text {
      if character == "'" || character == "\\" { result.append("\\") }
      result.append(character)
    }
    return result + "'"
  }
}
