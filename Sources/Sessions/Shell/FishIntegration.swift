extension ShellIntegration {
  /// Read with `--init-command`, after the user's configuration.
  static let fishScript = #"""
    # Roost's shell integration for fish.
    if status is-interactive; and not set -q __roost_n
        # In the bodies of functions rather than in a variable, which `set` would print.
        function __roost_nonce --inherit-variable ROOST_SHELL_NONCE
            echo -n $ROOST_SHELL_NONCE
        end
        set -g __roost_file "$ROOST_SHELL_RUN"
        set -g __roost_n 0
        set -g __roost_run 0
        set -g __roost_saved
        # Whether a command runs: `read` has a line editor with the same keys.
        set -g __roost_busy
        # From version 4 on, fish writes the marks A, C and D by itself.
        set -g __roost_marks (string match -qr '^[0-3]\.' -- $version; and echo yes)

        # Signed only where all marks are ours.
        function __roost_sign
            test -n "$__roost_marks"; and printf ';aid=%s;n=%s;run=%s' (__roost_nonce) $__roost_n $__roost_run
        end

        function __roost_prompt --on-event fish_prompt
            set __roost_n (math $__roost_n + 1)
            set __roost_busy
            if test $__roost_run != 0
                # The line was given up before it ran.
                printf '\e]133;D;130%s\a' (__roost_sign)
                set __roost_run 0
            end
            test -n "$__roost_marks"; and printf '\e]133;A%s\a' (__roost_sign)
            printf '\e]7;file://%s%s\a' (hostname) (string escape --style=url -- $PWD)
            # Again after every change of theme. The original comes first in it and so gets the command's statuses.
            if not functions fish_prompt | string match -q '*__roost_original_prompt*'
                functions -e __roost_original_prompt
                functions -c fish_prompt __roost_original_prompt
                function fish_prompt
                    __roost_original_prompt
                    printf '\e]133;B%s\a' (__roost_sign)
                end
            end
        end

        function __roost_preexec --on-event fish_preexec
            set __roost_busy yes
            set -l text (string sub -l 8192 -- $argv[1] | string collect)
            set text (string replace -a -- '\\' '\\\\' $text | string collect)
            set text (string replace -a -- ';' '\\x3b' $text | string collect)
            set text (string replace -a -- \t '\\x09' $text | string collect)
            set text (string replace -a -- \e '\\x1b' $text | string collect)
            set text (string replace -a -- \n '\\x0a' $text | string collect)
            set text (string replace -ar -- '[[:cntrl:]]' ' ' $text)
            printf '\e]633;E;%s;%s\a' $text (__roost_nonce)
            test -n "$__roost_marks"; and printf '\e]133;C%s\a' (__roost_sign)
        end

        if test -n "$__roost_marks"
            function __roost_postexec --on-event fish_postexec
                printf '\e]133;D;%d%s\a' $status (__roost_sign)
                set __roost_run 0
            end
        end

        # Bound to a key that no keyboard has: the command line becomes the command that Roost was asked to run.
        function __roost_take
            read -z -l text <$__roost_file 2>/dev/null
            set -l id (string match -r '^[0-9]+' -- $text)[1]
            test -n "$id"; or return
            if test -n "$__roost_busy"; or commandline --search-mode; or commandline --paging-mode
                # Where the line is another's, or a search's: what is put into it would not be what runs.
                set __roost_run $id
                printf '\e]133;P;roost=busy%s\a' (__roost_sign)
                set __roost_run 0
                return
            end
            set text (string replace -r '^[0-9]+\n' '' -- $text | string collect -N)
            set -l saved
            set -l before "$(commandline | string collect -N)"
            set __roost_run $id
            commandline -r -- $text
            commandline --is-valid
            set -l valid $status
            if test $valid -eq 2
                # fish would only begin another line: the line stays what it was.
                commandline -r -- $before
                printf '\e]133;P;roost=incomplete%s\a' (__roost_sign)
                set __roost_run 0
                return
            end
            if test -n "$before"
                set __roost_saved $before
                set saved ';saved=1'
            end
            set -l go
            test $valid -eq 0; and set go ';go=1'
            printf '\e]133;P;roost=taken%s%s\a' (__roost_sign) "$saved$go"
            switch $valid
                case 1
                    # It would say what is wrong and leave the line where it is.
                    commandline -r ''
                    printf '\n'
                    printf '\e]133;C%s\a' (__roost_sign)
                    printf '%s\n' $text | command fish --no-config --no-execute 2>&1
                    printf '\e]133;D;127%s\a' (__roost_sign)
                    set __roost_run 0
                    commandline -f repaint
                case '*'
                    set -g __roost_text $text
            end
        end

        # Sent once the line is said to be taken: a search that was under way may have had the last word.
        function __roost_go
            test $__roost_run != 0; or return
            if commandline --search-mode; or commandline --paging-mode
                or test "$(commandline | string collect)" != "$(printf %s $__roost_text | string collect)"
                printf '\e]133;P;roost=busy%s\a' (__roost_sign)
                set __roost_run 0
                commandline -r -- $__roost_saved
                return
            end
            commandline -f execute
        end

        # What somebody had half typed is there again.
        function __roost_put_back
            test -z "$(commandline | string collect)"; and commandline -r -- $__roost_saved
            set __roost_saved
        end

        function __roost_bind --on-variable fish_key_bindings
            for mode in default insert visual replace replace_one
                # What a search or a menu has put into the line goes first.
                bind -M $mode \e\[777\;7~ cancel
                bind -M $mode \e\[777\;1~ __roost_take
                bind -M $mode \e\[777\;8~ __roost_go
                bind -M $mode \e\[777\;4~ __roost_put_back
            end
        end
        if test -n "$__roost_file" -a -n "$__roost_marks"
            __roost_bind
        end
        test -n "$__roost_marks"; and printf '\e]133;P;roost=here%s\a' (__roost_sign)
    end
    set -e ROOST_SHELL_NONCE
    set -e ROOST_SHELL_RUN

    """#
}
