import Sys

/// Variables that say what the caller's own terminal, editor or multiplexer is. In a session they are false: its terminal is Roost's, and
/// programs that believe them speak to a window that is not theirs (draw kitty's pictures, rename tmux's window, open files in an editor
/// that has long been closed).
///
/// The lists are of what those programs set, by their documentation and sources. Settings that a user makes for them (`TMUX_TMPDIR`,
/// `ZELLIJ_CONFIG_DIR`) name no terminal and stay.
package enum OuterVariables {
  /// Of the variables, those that are true in a session too. What Roost itself tells a session (`TERM`, `PWD`, `ROOST_SESSION`, …) is not
  /// among them either: to be laid over a session's own environment, as a client's variables are.
  package static func removed(from environment: [String: String]) -> [String: String] {
    var kept = environment.filter {
      !isOuter($0.key, $0.value) && !ownNames.contains($0.key) && !SecretVariables.names.contains($0.key)
    }
    // Asked for with the helper that is gone.
    if environment["SSH_ASKPASS"] != nil, kept["SSH_ASKPASS"] == nil { kept["SSH_ASKPASS_REQUIRE"] = nil }
    return kept
  }

  /// Whether the variable is about the surroundings of whoever has it, and wrong elsewhere.
  package static func isOuter(_ name: String, _ value: String) -> Bool {
    if settings.contains(name) { return false }
    if names.contains(name) || prefixes.contains(where: { name.hasPrefix($0) }) { return true }
    switch name {
    // Emacs before 25 says "t" or "…term:…"; anybody may keep the program's path in it.
    case "EMACS": return value == "t" || value.contains("term:")
    // VS Code's helpers speak to its window, by variables that are taken out here.
    case "GIT_ASKPASS": return value.hasSuffix("/git/dist/askpass.sh")
    case "SSH_ASKPASS": return value.hasSuffix("/git/dist/ssh-askpass.sh")
    case "BROWSER": return value.hasSuffix("/helpers/browser.sh") || value.hasSuffix("/helpers/browser-linux.sh")
    default: return false
    }
  }

  /// What a session is told by Roost. Secrets that its programs must not see are ``SecretVariables``.
  private static let ownNames: Set<String> = [
    "TERM", "COLORTERM", "PWD", "OLDPWD", "SHLVL", "_",
    "ROOST_CORRELATION_ID", "ROOST_SESSION", "ROOST_SESSION_ID", "ROOST_SOCKET", "ROOST_SERVER_NAME",
    "ROOST_ON", "ROOST_SHELL_NONCE",
  ]

  /// Whole names.
  private static let names: Set<String> = [
    // Any terminal: its name and version, its window, its size, its colours, its device, its own description.
    "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TERM_SESSION_ID", "TERM_FEATURES", "WINDOWID", "LINES", "COLUMNS",
    "COLORFGBG", "TERMCAP", "TERMINFO", "SSH_TTY", "GPG_TTY",
    // How the terminal was opened on the desktop; meant for one window, once.
    "DESKTOP_STARTUP_ID", "XDG_ACTIVATION_TOKEN",
    // GNU screen.
    "STY", "WINDOW",
    // Zellij, tmux and its kin, dtach, abduco and dvtm, byobu.
    "ZELLIJ", "TMUX", "TMUX_PANE", "DTACH", "ABDUCO", "ABDUCO_SESSION", "ABDUCO_SOCKET", "DVTM", "DVTM_WINDOW_ID",
    "DVTM_CMD_FIFO", "BYOBU_BACKEND", "BYOBU_TTY", "SHPOOL_SESSION_NAME",
    // VTE and those built on it: GNOME Terminal, Tilix, Terminator, Guake, Ptyxis.
    "VTE_VERSION", "TILIX_ID", "GUAKE_TAB_UUID",
    // Konsole and Yakuake; Terminology; Windows Terminal and ConEmu (through WSL); Contour; Zutty.
    "SHELL_SESSION_ID", "PROFILEHOME", "TERMINOLOGY", "WT_SESSION", "WT_PROFILE_ID", "TERMINAL_NAME",
    "TERMINAL_VERSION_STRING", "TERMINAL_VERSION_TRIPLE", "ZUTTY_VERSION",
    // Apple's Terminal and iTerm2, over ssh.
    "LC_TERMINAL", "LC_TERMINAL_VERSION", "SHELL_SESSION_FILE",
    // JetBrains, Zed, Cursor.
    "TERMINAL_EMULATOR", "__INTELLIJ_COMMAND_HISTFILE__", "ZED_TERM", "ZED_ENVIRONMENT", "CURSOR_TRACE_ID",
    // Emacs: M-x shell, term, vterm, eat.
    "INSIDE_EMACS", "EMACS_VTERM_PATH", "EAT_SHELL_INTEGRATION_DIR",
    // Neovim's and Vim's terminal windows. What they say of their own files is for their own version.
    "NVIM", "NVIM_LISTEN_ADDRESS", "VIM", "VIM_TERMINAL", "VIM_SERVERNAME", "VIMRUNTIME", "MYVIMRC", "MYGVIMRC",
    "MYVIMDIR",
    // Midnight Commander's subshell, Fig and Amazon Q, recorders.
    "MC_SID", "MC_TMPDIR", "FIG_TERM", "FIGTERM_SESSION_ID", "Q_TERM", "QTERM_SESSION_ID", "ASCIINEMA_REC",
    "ASCIINEMA_SESSION",
    // How a service manager started the server.
    "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM",
  ]

  /// Beginnings of names: all that one program sets.
  private static let prefixes = [
    "ZELLIJ_", "TMUX_", "TMATE_", "WEZTERM_", "GHOSTTY_", "KITTY_", "ALACRITTY_", "ITERM_", "ITERM2_", "KONSOLE_",
    "GNOME_TERMINAL_", "TERMINATOR_", "PTYXIS_", "WARP_", "TABBY_", "WAVETERM", "RIO_", "XTERM_", "VSCODE_", "ConEmu",
    "JEDITERM_", "DVTM_", "ABDUCO_",
  ]

  /// Exceptions: what a user sets for those programs, or for others that share the beginning.
  private static let settings: Set<String> = [
    "TMUX_TMPDIR", "ABDUCO_SOCKET_DIR", "ZELLIJ_CONFIG_DIR", "ZELLIJ_CONFIG_FILE", "ZELLIJ_AUTO_ATTACH",
    "ZELLIJ_AUTO_EXIT", "KITTY_CONFIG_DIRECTORY", "KITTY_CACHE_DIRECTORY", "RIO_CONFIG_HOME", "WARP_CACHE_PATH",
  ]
}
