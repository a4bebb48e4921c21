extension ShellIntegration {
  /// Read with `--init-command`, after the user's configuration.
  static let fishScript = #"""
    # Roost's shell integration for fish. A command substitution costs as much as ten commands: there are few.
    if status is-interactive; and not set -q __roost_n
        set -g __roost_file "$ROOST_SHELL_RUN"
        set -g __roost_n 0
        set -g __roost_run 0
        set -g __roost_asked 0
        set -g __roost_begun
        set -g __roost_saved
        set -g __roost_text
        set -g __roost_pwd
        set -g __roost_url
        # The number of the prompt is counted up without arithmetic: the first digits, and a list of the last two.
        set -g __roost_high 0
        set -g __roost_low
        # From version 4 on, fish writes the marks A, C and D by itself.
        set -g __roost_marks (string match -qr '^[0-3]\.' -- $version; and echo yes)

        # The nonce is in the bodies of functions rather than in a variable, which `set` would print. Signed only where all marks are ours.
        if test -n "$__roost_marks"
            function __roost_tell --inherit-variable ROOST_SHELL_NONCE
                builtin printf '\e]133;%s;aid=%s;n=%s;run=%s%s\a' $argv[1] $ROOST_SHELL_NONCE $__roost_n $__roost_run "$argv[2]"
            end
        else
            function __roost_tell
                if string match -q B -- $argv[1]; builtin printf '\e]133;B\a'; end
            end
        end
        function __roost_line --inherit-variable ROOST_SHELL_NONCE
            builtin printf '\e]633;E;%s;%s\a' $argv[1] $ROOST_SHELL_NONCE
        end

        function __roost_prompt --on-event fish_prompt
            set -l code $status
            if not set -q __roost_low[1]
                set __roost_high (math $__roost_high + 1)
                for ten in 0 1 2 3 4 5 6 7 8 9
                    set -a __roost_low $ten{0,1,2,3,4,5,6,7,8,9}
                end
            end
            set __roost_n $__roost_high$__roost_low[1]
            set -e __roost_low[1]
            if test $__roost_run != 0
                # The line was given up before it ran, or nobody is left who tells how it ended.
                test -n "$__roost_begun"; or set code 130
                __roost_tell "D;$code"
                set __roost_run 0
            end
            # A server that has come since does not know of it.
            if set -q __roost_saved[1]; __roost_tell 'P;roost=saved'; end
            # Somebody may have taken all keys away.
            if set -q __roost_keys; and not bind -M default \e\[777\;1~ >/dev/null 2>/dev/null
                __roost_bind
            end
            __roost_tell A
            if test "$PWD" != "$__roost_pwd"
                set __roost_pwd $PWD
                set __roost_url (string escape --style=url -- $PWD)
            end
            builtin printf '\e]7;file://%s%s\a' $hostname $__roost_url
            # Again after every change of theme. The original comes first in it and so gets the command's statuses.
            if not functions fish_prompt | string match -q '*__roost_original_prompt*'
                functions -e __roost_original_prompt
                functions -c fish_prompt __roost_original_prompt
                # A ctrl+c that comes as a command ends takes the hooks of its end and of the prompt away: then this tells. `set`
                # leaves the statuses that the original finds as they are.
                function fish_prompt
                    set -g __roost_code $status
                    __roost_original_prompt
                    __roost_tell B ";by=$_;status=$__roost_code"
                end
            end
        end

        function __roost_preexec --on-event fish_preexec
            if test $__roost_run != 0; and test -z "$__roost_begun"; and test "$argv[1]" != "$__roost_text"; and test -z "$(abbr --list)"
                # No abbreviation: a search that was under way has put another line in the place of the run's, or something came behind it.
                if test -n "$__roost_text"; and string replace -q -- "$__roost_text" '' "$argv[1]"
                    __roost_tell 'P;roost=changed'
                else
                    __roost_tell 'P;roost=busy'
                end
                set __roost_run 0
            end
            # Somebody has sent off a line of his own: what was half typed before is gone.
            if test $__roost_run = 0; set __roost_saved; end
            if string match -qr '[\\\\;[:cntrl:]]' -- $argv[1]; or string match -qr '.{8193}' -- $argv[1]
                set -l text (string sub -l 8192 -- $argv[1] | string collect)
                set text (string replace -a -- '\\' '\\\\' $text | string collect)
                set text (string replace -a -- ';' '\\x3b' $text | string collect)
                set text (string replace -a -- \t '\\x09' $text | string collect)
                set text (string replace -a -- \e '\\x1b' $text | string collect)
                set text (string replace -a -- \n '\\x0a' $text | string collect)
                __roost_line (string replace -ar -- '[[:cntrl:]]' ' ' $text | string collect)
            else
                __roost_line $argv[1]
            end
            __roost_tell C
            set __roost_begun yes
        end

        if test -n "$__roost_marks"
            function __roost_postexec --on-event fish_postexec
                __roost_tell "D;$status"
                set __roost_run 0
            end
        end

        # Makes the line what it was: where the cursor stood, and its lines.
        function __roost_type
            commandline -r -- "$argv[2]"
            for line in $argv[3..-1]
                commandline -i -- \n$line
            end
            test -n "$argv[1]"; and commandline --cursor $argv[1]
        end

        # Bound to a key that no keyboard has: the command line becomes the command that Roost was asked to run.
        function __roost_take
            read -z -d \n -l id text <$__roost_file 2>/dev/null
            string match -qr '^[0-9]+$' -- $id; or return
            set __roost_run $id
            set __roost_asked $id
            set __roost_begun
            # `read` has a line editor with the same keys; at the prompt it is fish itself that runs.
            if test "$_" != fish; or commandline --search-mode; or commandline --paging-mode
                # Where the line is another's, or a search's: what is put into it would not be what runs.
                __roost_tell 'P;roost=busy'
                set __roost_run 0
                return
            end
            set -l saved
            # Not by `read`, which may hang on to a ctrl+c that came before. A list: a line's end at the end counts.
            set -l before (commandline)
            set -l cursor (commandline --cursor)
            commandline -r -- $text
            commandline --is-valid
            set -l valid $status
            # fish calls a backslash at the end an error, and says nothing of it.
            string match -qr '(^|[^\\\\])(\\\\\\\\)*\\\\$' -- $text; and set valid 2
            if string match -qr '[[:cntrl:]]' -- $text; and not functions fish_title | string match -q '*__roost_original_title*'
                # fish writes the title as it is: control characters in it end it, and the rest would be shown.
                functions -e __roost_original_title
                functions -c fish_title __roost_original_title
                function fish_title
                    __roost_original_title (string replace -ar '[[:cntrl:]]' ' ' -- $argv)
                end
            end
            if test $valid -eq 2
                # fish would only begin another line: the line stays what it was.
                __roost_type $cursor $before
                __roost_tell 'P;roost=incomplete'
                set __roost_run 0
                return
            end
            set __roost_saved
            if test -n "$before"
                set __roost_saved $cursor $before
                set saved ';saved=1'
            end
            if test $valid -eq 0
                set __roost_text $text
                __roost_tell 'P;roost=taken' "$saved"
                return
            end
            # It would say what is wrong and leave the line where it is.
            __roost_tell 'P;roost=taken' "$saved"
            commandline -r ''
            printf '\n'
            __roost_tell C
            printf '%s\n' $text | command fish --no-config --no-execute 2>&1
            __roost_tell 'D;127'
            set __roost_run 0
            commandline -f repaint
        end

        # A key of its own, right behind that one: a search that was under way may have had the last word.
        function __roost_go
            test $__roost_run != 0; or return
            if commandline --search-mode; or commandline --paging-mode; or test "$(commandline)" != "$(builtin printf %s $__roost_text)"
                __roost_tell 'P;roost=busy'
                set __roost_run 0
                __roost_type $__roost_saved
                return
            end
            commandline -f execute
        end

        # No end of the run's command was told: either it edits a line (`read`), or somebody took the hooks out.
        function __roost_report
            set -l code $status
            # Whoever was interrupted in the middle may have forgotten it already.
            set __roost_run $__roost_asked
            test $__roost_run != 0; or return
            if test "$_" != fish
                __roost_tell 'P;roost=reads'
                return
            end
            __roost_tell "D;$code" ';late=1'
            set __roost_run 0
            __roost_tell A
            __roost_tell B
        end

        # What somebody had half typed is there again, and in it, where the cursor was, what was typed while the command ran.
        function __roost_put_back
            if set -q __roost_saved[1]
                set -l typed (commandline)
                __roost_type $__roost_saved
                test -n "$typed"; and commandline -i -- (string join -- \n $typed | string collect)
            end
            set __roost_saved
        end

        function __roost_bind --on-variable fish_key_bindings
            for mode in default insert visual replace replace_one
                # What a search or a menu has put into the line goes first.
                bind -M $mode \e\[777\;7~ cancel
                bind -M $mode \e\[777\;1~ __roost_take
                bind -M $mode \e\[777\;8~ __roost_go
                bind -M $mode \e\[777\;4~ __roost_put_back
                bind -M $mode \e\[777\;5~ __roost_report
            end
        end
        if test -n "$__roost_file" -a -n "$__roost_marks"
            set -g __roost_keys yes
            __roost_bind
        end
        __roost_tell 'P;roost=here' ';cancel=1'
    end
    set -e ROOST_SHELL_NONCE
    set -e ROOST_SHELL_RUN

    """#
}
