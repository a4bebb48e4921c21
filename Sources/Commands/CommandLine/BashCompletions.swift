/// The script of `roost completions bash`. It needs bash 3.2 and no bash-completion package.
struct BashCompletions {
  let commands: [CompletedCommand]
  let root: CommandDefinition
  let globals: [OptionDefinition]

  func script() -> String {
    let groups = commands.filter(\.isGroup).map(\.name)
    let connecting = globals.filter { !$0.isSwitch }.flatMap(spellings).joined(separator: "|")
    let valued = (commands.flatMap(\.command.options) + root.options).filter { !$0.isSwitch }.flatMap(spellings)
    let otherValued = Set(valued).subtracting(globals.flatMap(spellings)).sorted().joined(separator: "|")
    return """
      # bash completion for roost. Load it with: source <(roost completions bash)

      _roost_words() {
        local IFS=$'\\n'
        COMPREPLY+=($(compgen -W "$1" -- "$2"))
      }

      _roost_sessions() {
        local IFS=$'\\n'
        COMPREPLY+=($(compgen -W "$(roost "${_roost_server[@]}" ls --names 2>/dev/null)" -- "$1"))
      }

      _roost_operations() {
        local IFS=$'\\n'
        COMPREPLY+=($(compgen -W "$(roost "${_roost_server[@]}" call --names 2>/dev/null)" -- "$1"))
      }

      _roost_servers() {
        local IFS=$'\\n'
        COMPREPLY+=($(compgen -W "$(roost "${_roost_server[@]}" servers ls --names 2>/dev/null)" -- "$1"))
      }

      _roost() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
        local command="" word i position=0
        local -a _roost_server=()
        COMPREPLY=()
        for ((i = 1; i < COMP_CWORD; i++)); do
          word=${COMP_WORDS[i]}
          case $word in
            --)
              COMPREPLY=($(compgen -c -- "$cur"))
              return
              ;;
            \(connecting))
              _roost_server+=("$word" "${COMP_WORDS[i + 1]}")
              ((i++))
              ;;
            \(otherValued)) ((i++)) ;;
            -*) ;;
            *)
              case $command in
                "") command=$word ;;
                \(groups.map(shellQuoted).joined(separator: "|"))) command="$command $word" ;;
                *) ((position++)) ;;
              esac
              ;;
          esac
        done

        case "$command $prev" in
      \(optionValueCases())
        esac

        if [[ $cur == -* ]]; then
          case $command in
      \(optionNameCases())
          esac
          return
        fi

        case "$command $position" in
      \(argumentCases())
        esac
      }

      complete -F _roost roost

      """
  }

  private func optionValueCases() -> String {
    var lines: [String] = []
    for command in [CompletedCommand(words: [], command: root)] + commands {
      for option in command.command.options where !option.isSwitch {
        let patterns = spellings(option).map { shellQuoted("\(command.name) \($0)") }.joined(separator: "|")
        lines.append("    \(patterns)) \(action(option.kind)); return ;;")
      }
    }
    for option in globals where !option.isSwitch {
      let patterns = spellings(option).map { "*" + shellQuoted(" \($0)") }.joined(separator: "|")
      lines.append("    \(patterns)) \(action(option.kind)); return ;;")
    }
    return lines.joined(separator: "\n")
  }

  private func optionNameCases() -> String {
    ([CompletedCommand(words: [], command: root)] + commands).map { command in
      let names = (command.command.options + globals).flatMap(spellings) + ["--help"]
      return
        "      \(shellQuoted(command.name))) _roost_words \(shellQuoted(names.joined(separator: "\n"))) \"$cur\" ;;"
    }.joined(separator: "\n")
  }

  private func argumentCases() -> String {
    var lines = ["    ' 0') _roost_words \(shellQuoted(names(root))) \"$cur\" ;;"]
    for command in commands {
      if command.isGroup {
        lines.append(
          "    \(shellQuoted(command.name + " 0"))) _roost_words \(shellQuoted(names(command.command))) \"$cur\" ;;")
      }
      for (position, argument) in command.command.arguments.enumerated() {
        // The last argument goes on for as long as it repeats.
        let pattern = argument.count.isOpenEnded ? "*" : "\(position)"
        let todo = action(argument.kind)
        guard todo != ":" else { continue }
        lines.append("    \(shellQuoted(command.name + " "))\(pattern)) \(todo) ;;")
      }
    }
    return lines.joined(separator: "\n")
  }

  private func names(_ command: CommandDefinition) -> String {
    command.visibleSubcommands.map(\.name).joined(separator: "\n")
  }

  private func action(_ kind: ValueKind) -> String {
    if let words = completionWords(kind) {
      return "_roost_words \(shellQuoted(words.joined(separator: "\n"))) \"$cur\""
    }
    return switch kind {
    case .session: "_roost_sessions \"$cur\""
    case .backend: "_roost_servers \"$cur\""
    case .operation: "_roost_operations \"$cur\""
    case .file: "COMPREPLY=($(compgen -f -- \"$cur\"))"
    case .directory: "COMPREPLY=($(compgen -d -- \"$cur\"))"
    default: ":"
    }
  }
}
