import Glibc
import Sys
import TestKit
import Testing

@testable import Sessions

/// A real shell on a terminal, and the marks that it writes.
private final class ShellTalk {
  private let child: (master: CInt, pid: ProcessID, pidfd: CInt)
  let home: ScratchFolder
  let folder: ScratchFolder
  private var bytes: [UInt8] = []
  /// Where in `bytes` the next mark is looked for.
  private var position = 0
  private var isRunning = false

  static let nonce = "n0nce"

  init(
    _ shell: String, dots: [String: String] = [:], login: Bool = false, environment: [String] = [],
    linkingHome: (link: String, to: String)? = nil
  ) throws {
    home = try ScratchFolder()
    folder = try ScratchFolder()
    if let linkingHome { symlink("\(home.path)/\(linkingHome.to)", linkingHome.link) }
    for (name, text) in dots {
      if let slash = name.lastIndex(of: "/") {
        var parent = home.path
        for part in name[..<slash].split(separator: "/") {
          parent += "/\(part)"
          mkdir(parent, 0o700)
        }
      }
      let file = Descriptor(owning: open("\(home.path)/\(name)", O_WRONLY | O_CREAT, 0o600))
      try writeAll(file.raw, Array(text.utf8))
    }
    var environment = environment
    environment += ["PATH=/usr/bin:/bin", "TERM=xterm-256color", "HOME=\(home.path)", "LANG=C.UTF-8"]
    let injection = try #require(
      try ShellIntegration.prepare(
        shell: "/usr/bin/\(shell)", folder: folder.path + "/shell", nonce: Self.nonce, login: login,
        environment: environment))
    environment = environment.filter { entry in !injection.environment.keys.contains { entry.hasPrefix("\($0)=") } }
    environment += injection.environment.map { "\($0)=\($1)" }
    child = try spawn(
      ChildSpec(
        arguments: [shell] + injection.arguments, executable: "/usr/bin/\(shell)", environment: environment,
        directory: home.path, size: WindowSize(rows: 24, columns: 200))
    ).release()
  }

  deinit {
    _ = try? sendSignal(.kill, to: .pidfd(child.pidfd))
    _ = waitReadable(child.pidfd)
    _ = try? reap(pidfd: child.pidfd)
    close(child.master)
    close(child.pidfd)
    for path in [home.path, folder.path] { removeTree(path) }
  }

  func type(_ text: String) throws { try writeAll(child.master, Array(text.utf8)) }

  /// The next OSC 133 or 633 mark after those already taken: "A", "B", "C", "D;0", "E;ls". OSC 7 as "7;path".
  func mark() -> String {
    while true {
      if let found = take() { return found }
      guard readMore() else { return "no mark in: \(String(decoding: bytes[position...], as: UTF8.self))" }
    }
  }

  /// Waits until the shell itself waits for something.
  func waitAsleep() {
    for _ in 0..<Int(patience) where ProcessStatus.read(child.pid)?.state != UInt8(ascii: "S") { poll(nil, 0, 1) }
  }

  /// Waits for more output; false when there will be none.
  func readMore() -> Bool {
    var chunk = [UInt8](repeating: 0, count: 4096)
    guard waitReadable(child.master),
      case .bytes(let count) = chunk.withUnsafeMutableBytes({ readBytes(child.master, into: $0) })
    else { return false }
    bytes.append(contentsOf: chunk[..<count])
    return true
  }

  /// Marks until a prompt has ended, working directories left out.
  func marksToPrompt() -> [String] {
    var marks: [String] = []
    while marks.count < 20 {
      let next = mark()
      if next.hasPrefix("7;") { continue }
      marks.append(next)
      if next == "B" || next.hasPrefix("no mark") { break }
    }
    return marks
  }

  /// Types a line at a prompt and gives the marks from there to the next prompt.
  func run(_ line: String) throws -> [String] {
    try type(line + "\r")
    return marksToPrompt()
  }

  /// What was on the terminal since the last mark but one: for a command, its output and what surrounds it.
  var text: String { String(decoding: bytes, as: UTF8.self) }

  private func take() -> String? {
    var start = position
    while start + 1 < bytes.count {
      guard bytes[start] == 0x1b, bytes[start + 1] == UInt8(ascii: "]") else {
        start += 1
        continue
      }
      guard let end = bytes[start...].firstIndex(of: 7) else {
        return nil
      }
      let body = String(decoding: bytes[(start + 2)..<end], as: UTF8.self)
      position = end + 1
      start = position
      if body.hasPrefix("133;P") { continue }
      if body.hasPrefix("133;") {
        // Every mark is signed, and numbered.
        let fields = body.split(separator: ";", omittingEmptySubsequences: false).dropFirst()
        #expect(fields.contains("aid=\(Self.nonce)") && fields.contains { $0.hasPrefix("n=") }, "\(body)")
        let mark = fields.prefix { !$0.hasPrefix("aid=") }.joined(separator: ";")
        // An end where nothing ran tells nothing: zsh says it before every prompt.
        if mark.hasPrefix("D"), !isRunning { continue }
        isRunning = mark == "C" || isRunning && !mark.hasPrefix("D")
        return mark
      }
      if body.hasPrefix("633;") {
        #expect(body.hasSuffix(";\(Self.nonce)"))
        return String(body.dropFirst(4).dropLast(Self.nonce.utf8.count + 1))
      }
      if body.hasPrefix("7;file://") {
        let path = body.dropFirst(9).drop { $0 != "/" }
        return "7;\(path)"
      }
    }
    return nil
  }
}

/// Removes a folder of a test with everything below it.
private func removeTree(_ path: String, depth: Int = 0) {
  guard depth < 20, let directory = opendir(path) else { return }
  while let entry = readdir(directory) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    if name == "." || name == ".." { continue }
    if unlink("\(path)/\(name)") != 0 { removeTree("\(path)/\(name)", depth: depth + 1) }
  }
  closedir(directory)
  rmdir(path)
}

@Suite("Shell integration")
struct ShellIntegrationTests {
  @Test("a prompt, a command and its status are marked", arguments: ["bash", "zsh", "fish"])
  func marks(shell: String) throws {
    let talk = try ShellTalk(shell)
    #expect(talk.marksToPrompt() == ["A", "B"])
    #expect(try talk.run("true") == ["E;true", "C", "D;0", "A", "B"])
    #expect(try talk.run("false") == ["E;false", "C", "D;1", "A", "B"])
    let seven = shell == "fish" ? "sh -c 'exit 7'" : "(exit 7)"
    #expect(try talk.run(seven) == ["E;\(seven)", "C", "D;7", "A", "B"])
    // An empty line is no command.
    #expect(try talk.run("") == ["A", "B"])
    // The status goes through all that the integration does.
    #expect(try talk.run("sh -c 'exit 9'").contains("D;9"))
    _ = try talk.run(shell == "fish" ? "echo st=$status." : "echo st=$?.")
    #expect(talk.text.contains("st=9."))
  }

  @Test("a command line comes over unchanged, whatever is in it", arguments: ["bash", "zsh", "fish"])
  func commandLine(shell: String) throws {
    let talk = try ShellTalk(shell)
    _ = talk.marksToPrompt()
    #expect(try talk.run(#"echo 'a;b\c' "ä 日本" %s %d"#).first == #"E;echo 'a\x3bb\\c' "ä 日本" %s %d"#)
    // A command of several lines: nothing of the first line runs before the last has come.
    let lines = shell == "fish" ? ["begin", "echo one", "end"] : ["{", "echo one", "}"]
    for line in lines.dropLast() { try talk.type(line + "\r") }
    let marks = try talk.run(lines[2])
    let ends = marks.filter { $0.hasPrefix("D") || $0 == "C" }
    #expect(ends == ["C", "D;0"], "\(marks)")
    let command = try #require(marks.first { $0.hasPrefix("E;") })
    if shell == "bash" {
      // bash keeps it in its history as one line.
      #expect(command == #"E;{ echo one\x3b }"#)
    } else {
      #expect(command.contains(#"\x0a"#))
    }
  }

  @Test("Ctrl-C at the prompt is no command, Ctrl-C in a command ends it with 130", arguments: ["bash", "zsh", "fish"])
  func interrupt(shell: String) throws {
    let talk = try ShellTalk(shell)
    _ = talk.marksToPrompt()
    // fish clears the line and stays at its prompt, so there is nothing to see or to wait for.
    if shell != "fish" {
      try talk.type("half")
      // The shell shows what was typed once it has read it.
      while !talk.text.contains("half"), talk.readMore() {}
      // A signal that comes before bash waits for the next key makes bash, with or without us, lose its prompt.
      talk.waitAsleep()
      try talk.type("\u{3}")
      #expect(talk.marksToPrompt() == ["A", "B"])
    }
    try talk.type("cat\r")
    #expect(talk.mark() == "E;cat")
    #expect(talk.mark() == "C")
    // Shown once by the terminal, once by cat.
    try talk.type("hello\r")
    while talk.text.split(separator: "hello").count < 3, talk.readMore() {}
    try talk.type("\u{3}")
    #expect(talk.marksToPrompt() == ["D;130", "A", "B"])
  }

  @Test("the working directory is told, with every odd byte escaped", arguments: ["bash", "zsh", "fish"])
  func workingDirectory(shell: String) throws {
    let talk = try ShellTalk(shell)
    var first = talk.mark()
    while !first.hasPrefix("7;") { first = talk.mark() }
    #expect(first == "7;\(talk.home.path)")
    _ = talk.marksToPrompt()
    try talk.type("mkdir 'a b%ü' && cd 'a b%ü'\r")
    var next = talk.mark()
    while !next.hasPrefix("7;"), !next.hasPrefix("no mark") { next = talk.mark() }
    #expect(next == "7;\(talk.home.path)/a%20b%25%C3%BC")
  }

  @Test("nothing of it reaches the environment of commands", arguments: ["bash", "zsh", "fish"])
  func leaks(shell: String) throws {
    let talk = try ShellTalk(shell)
    _ = talk.marksToPrompt()
    _ = try talk.run("env | sed 's/^/env:/'")
    let variables = talk.text.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("env:") }
    #expect(variables.contains { $0.hasPrefix("env:HOME=") })
    #expect(!variables.contains { $0.lowercased().contains("roost_") || $0.contains(ShellTalk.nonce) }, "\(variables)")
    #expect(!variables.contains { $0.hasPrefix("env:ZDOTDIR") || $0.hasPrefix("env:ENV=") })
  }

  @Test("bash: the user's prompt commands, PS0, DEBUG trap and prompt go on working")
  func bashOwn() throws {
    let talk = try ShellTalk(
      "bash",
      dots: [
        ".bashrc": """
        PROMPT_COMMAND=('mine=$?; echo first=$mine.' 'PS1="p$mine> "')
        PS0='zero\\n'
        trap 'last=$BASH_COMMAND' DEBUG
        alias again='echo alias works'
        HISTCONTROL=ignoreboth
        """
      ])
    #expect(talk.marksToPrompt() == ["A", "B"])
    #expect(try talk.run("sh -c 'exit 5'") == ["E;sh -c 'exit 5'", "C", "D;5", "A", "B"])
    #expect(talk.text.contains("first=5."))
    #expect(talk.text.contains("p5> "))
    #expect(talk.text.contains("zero"))
    // A line that the history does not take: that it ran is known. Whether it repeats the line before, the screen tells.
    #expect(try talk.run(" true") == ["E;sh -c 'exit 5';again", "C", "D;0", "A", "B"])
    _ = try talk.run("true")
    #expect(try talk.run("true") == ["E;true;again", "C", "D;0", "A", "B"])
    _ = try talk.run("again")
    #expect(talk.text.contains("\nalias works") || talk.text.contains("alias works\r\n"))
    _ = try talk.run("echo ${#PROMPT_COMMAND[@]}=${PROMPT_COMMAND[1]}")
    #expect(talk.text.contains("4=mine=$?"))
    _ = try talk.run("history | tail -1 | sed 's/^ *[0-9]* */hist:/'")
    #expect(talk.text.contains("hist:history | tail -1"))
    _ = try talk.run("false | true | false")
    _ = try talk.run("set -o nounset; set -o errtrace")
    #expect(try talk.run("true") == ["E;true", "C", "D;0", "A", "B"])
  }

  @Test("bash: a prompt command that is a plain string goes on working")
  func bashString() throws {
    let talk = try ShellTalk("bash", dots: [".bashrc": "PROMPT_COMMAND='echo string=$?.;'\n"])
    _ = talk.marksToPrompt()
    #expect(try talk.run("sh -c 'exit 6'").contains("D;6"))
    #expect(talk.text.contains("string=6."))
  }

  @Test("bash: a login shell reads what a login shell reads, and is one")
  func bashLogin() throws {
    let talk = try ShellTalk(
      "bash",
      dots: [
        ".bash_profile": "echo profile read\n", ".bashrc": "echo rc read\n", ".profile": "echo wrong profile\n",
        ".bash_logout": "echo logout read\n",
      ], login: true)
    #expect(talk.marksToPrompt() == ["A", "B"])
    #expect(talk.text.contains("profile read"))
    #expect(!talk.text.contains("rc read") && !talk.text.contains("wrong profile"))
    _ = try talk.run("shopt login_shell; set -o | grep posix; shopt inherit_errexit; echo $HISTFILE")
    let text = talk.text
    #expect(text.contains("login_shell    \ton"))
    #expect(text.contains("posix          \toff"))
    #expect(text.contains("inherit_errexit\toff"))
    #expect(text.contains("\(talk.home.path)/.bash_history"))
    try talk.type("exit\r")
    while !talk.text.contains("logout read"), talk.readMore() {}
    #expect(talk.text.contains("logout read"))
  }

  @Test("zsh: the user's files are read from where they are, and hooks go on working")
  func zshOwn() throws {
    let home = [
      "z/.zshenv": "echo env from $ZDOTDIR\n",
      "z/.zshrc": """
      echo rc from $ZDOTDIR
      precmd() { echo "own=$?." }
      other() { echo "other=$?." }
      precmd_functions+=(other)
      preexec() { echo "pre:$1" }
      setopt ksh_arrays prompt_subst
      PROMPT='$(echo z)> '
      """,
    ]
    let parent = try ScratchFolder()
    // ZDOTDIR has to be known before the shell's home is: a link leads there.
    let link = parent.path + "/dots"
    let talk = try ShellTalk("zsh", dots: home, environment: ["ZDOTDIR=\(link)"], linkingHome: (link, "z"))
    #expect(talk.marksToPrompt() == ["A", "B"])
    #expect(talk.text.contains("env from \(link)"))
    #expect(talk.text.contains("rc from \(link)"))
    #expect(try talk.run("sh -c 'exit 5'") == ["E;sh -c 'exit 5'", "C", "D;5", "A", "B"])
    #expect(talk.text.contains("own=5."))
    #expect(talk.text.contains("other=5."))
    #expect(talk.text.contains("pre:sh -c"))
    #expect(talk.text.contains("z> "))
    _ = try talk.run("echo dots=$ZDOTDIR.")
    #expect(talk.text.contains("dots=\(link)."))
  }

  @Test("zsh: without a ZDOTDIR of their own, users' files are those of their home")
  func zshHome() throws {
    let talk = try ShellTalk(
      "zsh", dots: [".zshrc": "echo home rc\n", ".zprofile": "echo home profile\n"], login: true)
    #expect(talk.marksToPrompt() == ["A", "B"])
    #expect(talk.text.contains("home rc"))
    #expect(talk.text.contains("home profile"))
    _ = try talk.run("[[ -o login ]] && echo is=${ZDOTDIR-unset}.")
    #expect(talk.text.contains("is=unset."))
  }

  @Test("fish: the user's prompt gets the statuses, and a new prompt is marked as well")
  func fishOwn() throws {
    let talk = try ShellTalk(
      "fish",
      dots: [
        ".config/fish/config.fish": """
        function fish_prompt
            echo "own=$status/$pipestatus> "
        end
        function note --on-event fish_postexec
            echo "post=$status."
        end
        """
      ])
    #expect(talk.marksToPrompt() == ["A", "B"])
    #expect(try talk.run("sh -c 'exit 5' | true | sh -c 'exit 4'").contains("D;4"))
    #expect(talk.text.contains("own=4/5 0 4> "))
    #expect(talk.text.contains("post=4."))
    _ = try talk.run("function fish_prompt; echo 'changed> '; end")
    #expect(try talk.run("true").suffix(2) == ["A", "B"])
    #expect(talk.text.contains("changed> "))
  }

  @Test("other shells have none")
  func others() throws {
    let folder = try ScratchFolder()
    #expect(try ShellIntegration.prepare(shell: "/bin/dash", folder: folder.path, nonce: "x") == nil)
    #expect(try ShellIntegration.prepare(shell: "", folder: folder.path, nonce: "x") == nil)
  }

  @Test("the script is written once")
  func once() throws {
    let folder = try ScratchFolder()
    _ = try ShellIntegration.prepare(shell: "/bin/bash", folder: folder.path, nonce: "x")
    var before = stat()
    #expect(stat(folder.path + "/roost.bash", &before) == 0)
    _ = try ShellIntegration.prepare(shell: "/bin/bash", folder: folder.path, nonce: "y")
    var after = stat()
    #expect(stat(folder.path + "/roost.bash", &after) == 0)
    #expect(before.st_ino == after.st_ino)
    #expect(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec)
  }
}
