import Testing

@testable import Sessions

@Suite("Variables of the outer terminal")
struct OuterVariablesTests {
  @Test(
    "what names another terminal, editor or multiplexer is taken out",
    arguments: [
      "ZELLIJ", "ZELLIJ_SESSION_NAME", "ZELLIJ_PANE_ID", "TMUX", "TMUX_PANE", "STY", "WINDOW", "WEZTERM_PANE",
      "WEZTERM_UNIX_SOCKET", "GHOSTTY_RESOURCES_DIR", "GHOSTTY_BIN_DIR", "KITTY_WINDOW_ID", "KITTY_LISTEN_ON",
      "KITTY_PUBLIC_KEY", "ALACRITTY_WINDOW_ID", "ALACRITTY_SOCKET", "ITERM_SESSION_ID", "ITERM_PROFILE",
      "TERM_SESSION_ID", "LC_TERMINAL", "LC_TERMINAL_VERSION", "KONSOLE_VERSION", "KONSOLE_DBUS_SESSION", "TILIX_ID",
      "VTE_VERSION", "GNOME_TERMINAL_SCREEN", "GNOME_TERMINAL_SERVICE", "TERMINATOR_UUID", "INSIDE_EMACS",
      "VSCODE_INJECTION", "VSCODE_IPC_HOOK_CLI", "NVIM", "NVIM_LISTEN_ADDRESS", "VIM_TERMINAL", "VIMRUNTIME", "MYVIMRC",
      "TERMINAL_EMULATOR", "CURSOR_TRACE_ID", "WARP_IS_LOCAL_SHELL_SESSION", "TABBY_CONFIG_DIRECTORY", "DTACH",
      "ABDUCO_SESSION", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "WT_SESSION", "COLUMNS", "LINES", "WINDOWID", "SSH_TTY",
      "GPG_TTY", "XTERM_VERSION", "COLORFGBG", "ROOST_SESSION", "ROOST_TOKEN", "TERM", "PWD",
    ])
  func taken(name: String) {
    #expect(OuterVariables.removed(from: [name: "x", "PATH": "/bin"]) == ["PATH": "/bin"])
  }

  @Test("a user's own settings stay, also those of programs that are named above")
  func kept() {
    let own = [
      "PATH": "/bin", "LANG": "C.UTF-8", "EDITOR": "vim", "TMUX_TMPDIR": "/run/tmux", "ZELLIJ_CONFIG_DIR": "/z",
      "SSH_AUTH_SOCK": "/s", "SSH_CONNECTION": "1 2 3 4", "DISPLAY": ":0", "TERMINAL": "kitty", "LC_ALL": "C",
      "NVIM_APPNAME": "mine", "VIMINIT": "set nu", "XDG_RUNTIME_DIR": "/r", "KITTYCAT": "1", "WINDOWS": "1",
      "EMACS": "/usr/bin/emacs", "GIT_ASKPASS": "/usr/bin/askpass", "BROWSER": "firefox", "TERMINFO_DIRS": "/t",
    ]
    #expect(OuterVariables.removed(from: own) == own)
  }

  @Test("helpers that speak to an editor's window go with what names the window")
  func helpers() {
    let editor = [
      "GIT_ASKPASS": "/opt/code/extensions/git/dist/askpass.sh", "SSH_ASKPASS_REQUIRE": "force",
      "SSH_ASKPASS": "/opt/code/extensions/git/dist/ssh-askpass.sh", "BROWSER": "/opt/code/bin/helpers/browser.sh",
      "EMACS": "29.1 (term:0.96)",
    ]
    #expect(OuterVariables.removed(from: editor).isEmpty)
    #expect(OuterVariables.removed(from: ["SSH_ASKPASS_REQUIRE": "never"]) == ["SSH_ASKPASS_REQUIRE": "never"])
  }
}
