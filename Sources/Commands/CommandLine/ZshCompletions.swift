/// The script of `roost completions zsh`, for a file `_roost` in `$fpath` or to be sourced after `compinit`.
struct ZshCompletions {
  let commands: [CompletedCommand]
  let root: CommandDefinition
  let globals: [OptionDefinition]

  func script() -> String {
    """
    #compdef roost
    # zsh completion for roost. Load it with: source <(roost completions zsh)

    _roost_server() {
      reply=()
      local i
      for ((i = 2; i < CURRENT; i++)); do
        case $_roost_line[i] in
          \(globals.filter { !$0.isSwitch }.flatMap(spellings).joined(separator: "|")))
            reply+=("$_roost_line[i]" "$_roost_line[i + 1]") ;;
        esac
      done
    }

    _roost_sessions() {
      local -a reply names
      _roost_server
      names=(${(f)"$(_call_program sessions roost ${(q)reply} ls --names 2>/dev/null)"})
      compadd "$@" -a names
    }

    _roost_operations() {
      local -a reply names
      _roost_server
      names=(${(f)"$(_call_program operations roost ${(q)reply} call --names 2>/dev/null)"})
      compadd "$@" -a names
    }

    _roost_servers() {
      local -a reply names
      _roost_server
      names=(${(f)"$(_call_program servers roost ${(q)reply} servers ls --names 2>/dev/null)"})
      compadd "$@" -a names
    }

    \(commands.map(commandFunction).joined(separator: "\n\n"))

    _roost() {
      local curcontext=$curcontext state line
      local -a _roost_line=("${words[@]}")
      typeset -A opt_args
      _arguments -C -s \\
    \(specifications(root.options + globals, indent: "    "))
        '1: :->command' \\
        '*:: :->arguments' && return
      case $state in
        command)
          local -a commands=(
    \(described(root, indent: "        "))
          )
          _describe -t commands 'roost command' commands
          ;;
        arguments)
          case $line[1] in
    \(dispatch(commands.filter { $0.words.count == 1 }, indent: "        "))
          esac
          ;;
      esac
    }

    if [[ $funcstack[1] == _roost ]]; then
      _roost "$@"
    elif (( $+functions[compdef] )); then
      compdef _roost roost
    fi

    """
  }

  private func functionName(_ command: CompletedCommand) -> String {
    "_roost_command_" + command.words.joined(separator: "_")
  }

  private func commandFunction(_ command: CompletedCommand) -> String {
    if command.isGroup {
      let inner = commands.filter { $0.words.count == 2 && $0.words[0] == command.words[0] }
      return """
        \(functionName(command))() {
          local curcontext=$curcontext state line
          _arguments -C -s \\
        \(specifications(command.command.options + globals, indent: "    "))
            '1: :->command' \\
            '*:: :->arguments' && return
          case $state in
            command)
              local -a commands=(
        \(described(command.command, indent: "        "))
              )
              _describe -t commands '\(command.name) command' commands
              ;;
            arguments)
              case $line[1] in
        \(dispatch(inner, indent: "        "))
              esac
              ;;
          esac
        }
        """
    }
    var lines = [specifications(command.command.options + globals, indent: "    ")]
    for (position, argument) in command.command.arguments.enumerated() {
      let place = argument.count.isOpenEnded ? "*" : "\(position + 1)"
      let optional = argument.count == .optional ? ":" : ""
      let name = escaped(argument.name.lowercased())
      lines.append("    " + shellQuoted("\(place):\(optional)\(name):\(action(argument.kind))") + " \\")
    }
    if command.command.trailing != nil {
      lines.append("    '*:command: _command_names -e' \\")
    }
    lines.append("    && return")
    return "\(functionName(command))() {\n  _arguments -s \\\n" + lines.joined(separator: "\n") + "\n}"
  }

  private func dispatch(_ commands: [CompletedCommand], indent: String) -> String {
    commands.map { command in
      let patterns = (command.words.suffix(1) + command.command.aliases).joined(separator: "|")
      return "\(indent)(\(patterns)) \(functionName(command)) ;;"
    }.joined(separator: "\n")
  }

  private func described(_ command: CommandDefinition, indent: String) -> String {
    command.visibleSubcommands.map {
      indent + shellQuoted("\($0.name):\(escaped($0.summary))")
    }.joined(separator: "\n")
  }

  private func specifications(_ options: [OptionDefinition], indent: String) -> String {
    options.map { option in
      let names = spellings(option)
      let exclusion = option.repeats ? "*" : "(\(names.joined(separator: " ")))"
      let value = option.placeholder.map { ":\(escaped($0)):\(action(option.kind))" } ?? ""
      let rest = shellQuoted("[\(escaped(option.help))]\(value)")
      // Brace expansion gives one specification for each spelling.
      let spelled = names.count == 1 ? names[0] : "{\(names.joined(separator: ","))}"
      return "\(indent)\(shellQuoted(exclusion))\(spelled)\(rest) \\"
    }.joined(separator: "\n")
  }

  private func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      if ":[]\\".contains(character) { result.append("\\") }
      result.append(character)
    }
    return result
  }

  private func action(_ kind: ValueKind) -> String {
    if let words = completionWords(kind) {
      return "(" + words.map { $0.contains("\\") ? $0.replacingBackslashes : $0 }.joined(separator: " ") + ")"
    }
    return switch kind {
    case .session: "_roost_sessions"
    case .backend: "_roost_servers"
    case .operation: "_roost_operations"
    case .file: "_files"
    case .directory: "_files -/"
    default: " "
    }
  }
}

extension String {
  /// Each backslash twice, where one quotes.
  fileprivate var replacingBackslashes: String {
    split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
  }
}
