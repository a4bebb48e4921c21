import Glibc
import Sys
import TestKit
import Testing

@testable import Commands

@Suite("Completions and the manual page")
struct CompletionsTests {
  private let completions = Completions(root: CommandTable.root, globals: CommandTable.globals)
  private let environment = ["PATH": Host.environment("PATH") ?? "/usr/bin:/bin", "HOME": "/nonexistent"]

  @Test("the script is one that its shell can parse", arguments: CompletionShell.allCases)
  func parses(shell: CompletionShell) async throws {
    let arguments = shell == .fish ? ["--no-config", "--no-execute"] : ["-n"]
    let script = completions.script(for: shell)
    let home = try ScratchHome()
    try home.write(script, to: "script")
    let result = try await runProcess(shell.rawValue, arguments + ["\(home.path)/script"], environment: environment)
    #expect(result.exitCode == 0, "\(result)")
    #expect(result.errorText.isEmpty, "\(result)")
  }

  /// What bash offers at the end of the line.
  private func bashOffers(_ line: [String]) async throws -> [String] {
    let home = try ScratchHome()
    try home.write(completions.script(for: .bash), to: "script")
    let words = line.map { shellQuoted($0) }.joined(separator: " ")
    let script = """
      roost() { printf 'build\\nweb\\n'; }
      . "\(home.path)/script"
      COMP_WORDS=(\(words))
      COMP_CWORD=\(line.count - 1)
      _roost
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    let result = try await runProcess("bash", ["--norc", "-c", script], environment: environment)
    #expect(result.exitCode == 0 && result.errorText.isEmpty, "\(result)")
    return result.text.split(separator: "\n").map(String.init)
  }

  @Test("bash completes commands, options, values and the names of sessions")
  func bash() async throws {
    #expect(try await bashOffers(["roost", "sc"]) == ["screen", "scrollback"])
    #expect(try await bashOffers(["roost", "token", ""]) == ["create", "ls", "revoke"])
    #expect(
      try await bashOffers(["roost", "events", ""]) == ["follow", "replay", "trace", "publish", "verify"])
    #expect(try await bashOffers(["roost", "events", "--since", "1h", "--rev"]) == ["--reverse"])
    #expect(try await bashOffers(["roost", "events", "--order", ""]) == ["asc", "desc"])
    #expect(try await bashOffers(["roost", "events", "follow", "--cur"]) == ["--cursor"])
    #expect(try await bashOffers(["roost", "attach", ""]) == ["build", "web"])
    #expect(try await bashOffers(["roost", "-L", "x", "kill", "build", "w"]) == ["web"])
    #expect(try await bashOffers(["roost", "wait", "build", "--pr"]) == ["--prompt"])
    #expect(try await bashOffers(["roost", "screen", "build", "--format", ""]) == ["plain", "styled", "ansi"])
    #expect(try await bashOffers(["roost", "completions", ""]) == ["bash", "zsh", "fish"])
    #expect(try await bashOffers(["roost", "kill", "--signal", "US"]) == ["USR1", "USR2"])
    #expect(try await bashOffers(["roost", "rename", "b"]) == ["build"])
    #expect(try await bashOffers(["roost", "keys", "build", "pageu"]) == ["pageup"])
  }

  @Test("fish completes commands, options and the names of sessions")
  func fish() async throws {
    let home = try ScratchHome()
    try home.write(completions.script(for: .fish), to: "script")
    func offers(_ line: String) async throws -> [String] {
      let script = """
        function roost; printf 'build\\nweb\\n'; end
        source \(home.path)/script
        complete -C \(shellQuoted(line))
        """
      let result = try await runProcess(
        "fish", ["--no-config", "-c", script], environment: home.environment)
      #expect(result.exitCode == 0 && result.errorText.isEmpty, "\(result)")
      return result.text.split(separator: "\n").map { String($0.prefix { $0 != "\t" }) }
    }
    #expect(try await offers("roost sc").sorted() == ["screen", "scrollback"])
    #expect(try await offers("roost events ").sorted() == ["follow", "publish", "replay", "trace", "verify"])
    #expect(try await offers("roost events --rev") == ["--reverse"])
    #expect(try await offers("roost events replay --sp") == ["--speed"])
    #expect(try await offers("roost attach ") == ["build", "web"])
    #expect(try await offers("roost wait build --pr") == ["--prompt"])
    #expect(try await offers("roost token ").sorted() == ["create", "ls", "revoke"])
    #expect(try await offers("roost token create --sc") == ["--scope"])
  }

  @Test("zsh loads the script and knows the functions in it")
  func zsh() async throws {
    let home = try ScratchHome()
    try home.write(completions.script(for: .zsh), to: "script")
    let script = """
      autoload -Uz compinit && compinit -u -D
      source \(home.path)/script
      print -r -- $_comps[roost]
      (( $+functions[_roost_command_send] )) && print sends
      """
    let result = try await runProcess("zsh", ["-f", "-c", script], environment: home.environment)
    #expect(result.text == "_roost\nsends\n", "\(result)")
  }

  @Test("the manual page names every command and every option")
  func manualPage() async throws {
    let page = ManPage(root: CommandTable.root, globals: CommandTable.globals, version: "1.2.3").text()
    #expect(page.hasPrefix(".TH ROOST 1"))
    for path in allCommandPaths where !path.contains(where: \.isHidden) {
      for option in path.last?.options ?? [] {
        #expect(page.contains(option.name.replacingDashes), "\(option.name)")
      }
    }
    let home = try ScratchHome()
    try home.write(page, to: "roost.1")
    if access("/usr/bin/groff", X_OK) == 0 {
      let formatted = try await runProcess(
        "groff", ["-man", "-Tutf8", "-ww", "-K", "utf8", "\(home.path)/roost.1"], environment: environment)
      #expect(formatted.exitCode == 0 && formatted.errors.isEmpty, "\(formatted.errorText)")
    }
    for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
      #expect(!line.hasPrefix("'"), "roff would read this as a request: \(line)")
    }
  }
}

extension String {
  fileprivate var replacingDashes: String {
    split(separator: "-", omittingEmptySubsequences: false).joined(separator: "\\-")
  }
}
