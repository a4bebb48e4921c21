extension ShellIntegration {
  /// Read as `--rcfile`, or as `$ENV` of a login shell in POSIX mode.
  ///
  /// Marks are expansions of PS0, PS1 and PS2 wherever that will do, since an expansion runs no command: nothing traces it, no trap fires for it,
  /// `set -e` cannot end the shell in it. What must be a command is in a group whose redirections are made first, so that a trace (`set -x`) or
  /// a DEBUG trap that fires in it prints to nowhere. Nothing forks on the way of a `run`.
  static let bashScript = #"""
    # Roost's shell integration for bash. Reads your own files first, as bash would have.
    __roost_nonce=${ROOST_SHELL_NONCE-}
    __roost_file=${ROOST_SHELL_RUN-}
    builtin unset ROOST_SHELL_NONCE ROOST_SHELL_RUN

    if [[ -n ${ROOST_SHELL_ONLY-} ]]; then
      # Typed into a shell that has read its files long ago.
      builtin unset ROOST_SHELL_ONLY
    elif [[ -n ${ROOST_BASH_LOGIN-} ]]; then
      builtin unset ROOST_BASH_LOGIN
      builtin set +o posix
      # Entering POSIX mode had switched this on, and named another history file.
      builtin shopt -u inherit_errexit 2>/dev/null
      [[ ${HISTFILE-} == "${HOME-}/.sh_history" ]] && HISTFILE=${HOME-}/.bash_history
      if [[ -n ${ROOST_BASH_ENV+x} ]]; then
        builtin export ENV=$ROOST_BASH_ENV
        builtin unset ROOST_BASH_ENV
      else
        builtin unset ENV
      fi
      [[ -r /etc/profile ]] && builtin source /etc/profile
      if [[ -r ~/.bash_profile ]]; then
        builtin source ~/.bash_profile
      elif [[ -r ~/.bash_login ]]; then
        builtin source ~/.bash_login
      elif [[ -r ~/.profile ]]; then
        builtin source ~/.profile
      fi
    elif [[ -r ~/.bashrc ]]; then
      # The system's own bashrc, where bash was built with one, has been read already.
      builtin source ~/.bashrc
    fi

    # PS0 came with 4.4.
    if [[ $- == *i* ]] && ((BASH_VERSINFO[0] > 4 || BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4)); then
      # n counts the prompts, run is the number of the run that the line editor was given, ran tells that a command has begun, free that the
      # prompt has come since: `read -e` has a line editor with the same keys.
      # ok tells that `builtin` is what it was.
      __roost_ok= __roost_free=0 __roost_n=0 __roost_run=0 __roost_ran=0 __roost_none= __roost_bang= __roost_saved= __roost_pwd= __roost_url= __roost_was= __roost_point=0
      __roost_flag=("" 1) __roost_which=("P;" "D;") __roost_next=
      __roost_lists=$((BASH_VERSINFO[0] > 5 || BASH_VERSINFO[0] == 5 && BASH_VERSINFO[1] >= 1))

      # A redirection comes before the command's own trace and traps.
      # Marks go to the terminal itself: `exec >file` takes standard output away.
      __roost_first='{ __roost_precmd "$?"; } 9>/dev/tty >/dev/null 2>&1'
      __roost_last='{ __roost_mark "$?"; } 9>/dev/tty >/dev/null 2>&1'
      # Where nobody else has a prompt command: a redirection costs as much as what it redirects.
      __roost_both='{ __roost_precmd "$?" both; } 9>/dev/tty >/dev/null 2>&1'

      # Index 0 is the empty word: the arithmetic is done, and nothing is printed.
      __roost_ps0='${__roost_flag[__roost_run==0]:+$({ __roost_preexec >&9; } 9>&1 >/dev/null 2>&1)}'
      __roost_ps0+='\e]133;C;aid='$__roost_nonce';n=${__roost_n};run=${__roost_run}\a${__roost_flag[__roost_ran=1,__roost_free=0]}'
      # If nobody has told how the command ended (PROMPT_COMMAND was replaced), the prompt does. It changes nothing: bash expands it for each
      # line of a command of several, too.
      __roost_a='\[\e]133;${__roost_which[__roost_ran]}$?;aid='$__roost_nonce';n=${__roost_n};run=${__roost_run}\a'
      __roost_a+='\e]133;A;aid='$__roost_nonce';n=${__roost_n}\a${__roost_flag[__roost_free=1,0]}\]'
      __roost_b='\[\e]133;B;aid='$__roost_nonce';n=${__roost_n}\a\]'
      __roost_c='\[\e]133;P;k=s;aid='$__roost_nonce';n=${__roost_n}\a${__roost_flag[__roost_free=0]}\]'
      if [[ ${PROMPT_COMMAND@a} != *r* ]]; then
        # Unset or emptied, PROMPT_COMMAND is filled again by the prompt itself. A pattern prints nothing.
        __roost_a+='\[${__roost_none#${PROMPT_COMMAND:=$__roost_both}}\]'
      fi

      __roost_encode_pwd() {
        builtin local LC_ALL=C i char code
        __roost_pwd=$PWD __roost_url=
        for ((i = 0; i < ${#PWD}; i++)); do
          char=${PWD:i:1}
          case $char in
          [a-zA-Z0-9/._~-]) __roost_url+=$char ;;
          *)
            builtin printf -v code %d "'$char"
            builtin printf -v char '%%%02X' $((code & 255))
            __roost_url+=$char
            ;;
          esac
        done
      }

      # First of the prompt commands: nothing has been printed yet, and $1 is the command's status. No assignment is an argument: IFS and
      # `set -k` would have their part in it.
      __roost_precmd() {
        # Where it is not, the prompt tells how the command ended: it needs no command.
        __roost_ok=
        builtin eval __roost_ok=1
        if [[ -z $__roost_ok ]]; then
          if [[ ${PS1-} != *roost=none* ]]; then PS1='\[\e]133;P;roost=none;aid='$__roost_nonce';n='$__roost_n'\a\]'${PS1-}; fi
          return 0
        fi
        builtin local code told end
        code=$1 end=
        if ((__roost_ran || __roost_run)); then
          # What was no command at all has left $? alone; what could not be parsed has made it 2.
          told=$code
          if ((!__roost_ran && code != 2)); then told=; fi
          end=$'\e]133;D;'$told';aid='$__roost_nonce';n='$__roost_n';run='$__roost_run$'\a'
        fi
        __roost_ran=0 __roost_run=0
        if [[ -n $__roost_bang ]]; then
          __roost_bang=
          builtin set -H
        fi
        if [[ $PWD != "$__roost_pwd" ]]; then __roost_encode_pwd; fi
        builtin printf '%s\e]7;file://%s%s\a' "$end" "${HOSTNAME-}" "$__roost_url" >&9
        if [[ -n ${2-} ]]; then __roost_mark "$code"; fi
        # Where each prompt command gets the status anew, a failure of ours would only set off somebody's ERR trap.
        if ((!__roost_lists)) && [[ $- != *e* ]]; then builtin return "$code"; fi
        builtin return 0
      }

      # bash copies a function each time before it runs it: that all is as it was left is seen without calling this.
      __roost_install() {
        __roost_put_marks
        if [[ ${PS0@a} != *r* && ${PS0-} != *"$__roost_ps0" ]]; then
          # Last: what a PS0 of your own prints is no output of the command.
          PS0=${PS0-}
          PS0=${PS0//"$__roost_ps0"/}$__roost_ps0
        fi
        __roost_was=${PS1-}${PS2-}${PS0-}${PROMPT_COMMAND[*]-}
      }

      # Puts the marks back wherever they have been taken out, but for PS0: bash holds on to the value that it had when it printed the prompt,
      # and expands that before the command. It must not be set while a prompt stands.
      __roost_put_marks() {
        if [[ ${PS1@a} != *r* && ${PS1-} != "$__roost_a"*"$__roost_b" ]]; then
          PS1=${PS1-}
          PS1=${PS1//"$__roost_a"/}
          PS1=$__roost_a${PS1//"$__roost_b"/}$__roost_b
        fi
        if [[ ${PS2@a} != *r* && ${PS2-} != "$__roost_c"* ]]; then
          PS2=${PS2-}
          PS2=$__roost_c${PS2//"$__roost_c"/}
        fi
        if [[ ${PROMPT_COMMAND@a} == *r* ]]; then builtin return 0; fi
        if ((__roost_lists)); then
          if [[ ${#PROMPT_COMMAND[@]} == 1 && $PROMPT_COMMAND == "$__roost_both" ]]; then builtin return 0; fi
          if [[ ${PROMPT_COMMAND[0]-} != "$__roost_first" || ${PROMPT_COMMAND[-1]-} != "$__roost_last" ]]; then
            builtin local each
            builtin local -a others
            others=()
            for each in "${PROMPT_COMMAND[@]}"; do
              each=${each//"$__roost_both"/}
              each=${each//"$__roost_first"/}
              each=${each//"$__roost_last"/}
              if [[ $each == *[![:space:]\;]* ]]; then others+=("$each"); fi
            done
            if ((${#others[@]})); then
              PROMPT_COMMAND=("$__roost_first" "${others[@]}" "$__roost_last")
            else
              PROMPT_COMMAND=("$__roost_both")
            fi
          fi
        elif [[ ${PROMPT_COMMAND-} != "$__roost_both" && ${PROMPT_COMMAND-} != "$__roost_first"*"$__roost_last" ]]; then
          PROMPT_COMMAND=${PROMPT_COMMAND-}
          PROMPT_COMMAND=${PROMPT_COMMAND//"$__roost_both"/}
          PROMPT_COMMAND=${PROMPT_COMMAND//"$__roost_first"/}
          PROMPT_COMMAND=${PROMPT_COMMAND//"$__roost_last"/}
          if [[ $PROMPT_COMMAND == *[![:space:]\;]* ]]; then
            PROMPT_COMMAND=$__roost_first$'\n'$PROMPT_COMMAND$'\n'$__roost_last
          else
            PROMPT_COMMAND=$__roost_both
          fi
        fi
        builtin return 0
      }

      # Last of the prompt commands: by now the prompt is what it will be.
      __roost_mark() {
        builtin local code
        code=$1
        if [[ ${PS1-}${PS2-}${PS0-}${PROMPT_COMMAND[*]-} != "$__roost_was" ]]; then __roost_install; fi
        __roost_next=${HISTCMD-}
        ((__roost_n += 1, __roost_free = 1))
        if [[ ${PS1@a} == *r* ]]; then
          # No place in the prompt: it is marked before it is printed.
          builtin printf '\e]133;A;aid=%s;n=%d\a\e]133;B;aid=%s;n=%d\a' \
            "$__roost_nonce" "$__roost_n" "$__roost_nonce" "$__roost_n" >&9
        fi
        if ((!__roost_lists)) && [[ $- != *e* ]]; then builtin return "$code"; fi
        builtin return 0
      }

      # What was typed, as the history has it. In a process of its own.
      __roost_preexec() {
        builtin local LC_ALL=C text entry again=
        builtin shopt -qo history || builtin return 0
        # No new entry: the line repeats the one before, or the history did not want it. What is on the screen tells which.
        if [[ ${HISTCMD-} == "$__roost_next" ]]; then again='again;'; fi
        entry=$(builtin fc -ln -0 -0)
        entry=${entry#$'\t'}
        text=${entry:1:8192}
        text=${text//\\/\\\\}
        text=${text//;/\\x3b}
        text=${text//$'\n'/\\x0a}
        text=${text//$'\t'/\\x09}
        text=${text//$'\e'/\\x1b}
        text=${text//[[:cntrl:]]/ }
        if [[ -n $text ]]; then builtin printf '\e]633;E;%s;%s%s\a' "$text" "$again" "$__roost_nonce"; fi
      }

      # Bound to a key that no keyboard has: the line editor's line becomes the command that Roost was asked to run.
      __roost_take() {
        __roost_ok=
        builtin eval __roost_ok=1
        if [[ -z $__roost_ok ]]; then
          READLINE_LINE=
          return 0
        fi
        builtin local id text saved
        saved=
        IFS= builtin read -r -d '' text <"$__roost_file" || builtin :
        id=${text%%$'\n'*}
        text=${text#*$'\n'}
        if [[ ! $id =~ ^[0-9]+$ ]]; then builtin return 0; fi
        # Where the prompt is not seen, the marks in it are not either.
        if [[ ! -t 8 ]]; then builtin printf '\e]133;P;roost=none;aid=%s;n=%d\a' "$__roost_nonce" "$__roost_n" >&9; fi
        if [[ ! -t 8 ]] || ((!__roost_free)); then
          builtin printf '\e]133;P;roost=busy;aid=%s;n=%d;run=%d\a' "$__roost_nonce" "$__roost_n" "$id" >&9
          READLINE_LINE=$READLINE_LINE
          builtin return 0
        fi
        if [[ -n $READLINE_LINE ]]; then __roost_saved=$READLINE_LINE __roost_point=$READLINE_POINT; fi
        if [[ ${PS0-} != *"$__roost_ps0" ]]; then
          # An empty line brings a prompt before which it is put back.
          __roost_put_marks
          READLINE_LINE= READLINE_POINT=0
          if [[ ${PS0@a} == *r* || ${PROMPT_COMMAND[*]-} != *__roost_mark* && ${PROMPT_COMMAND[*]-} != "$__roost_both" ]]; then
            builtin printf '\e]133;P;roost=none;aid=%s;n=%d\a' "$__roost_nonce" "$__roost_n" >&9
          fi
          builtin printf '\e]133;P;roost=again;aid=%s;n=%d;run=%d\a' "$__roost_nonce" "$__roost_n" "$id" >&9
          builtin return 0
        fi
        if [[ -n $__roost_saved ]]; then saved=';saved=1'; fi
        __roost_run=$id READLINE_LINE=$text READLINE_POINT=${#text}
        # '!', and '^' at the beginning of a line, mean what they mean in a script.
        if [[ $- == *H* && $text == *[\!\^"${histchars:+${histchars:0:2}}"]* ]]; then
          __roost_bang=1
          builtin set +H
        fi
        if [[ ${PS1-}${PS2-}${PS0-}${PROMPT_COMMAND[*]-} != "$__roost_was" ]]; then __roost_put_marks; fi
        builtin printf '\e]133;P;roost=taken;aid=%s;n=%d;run=%d%s\a' "$__roost_nonce" "$__roost_n" "$id" "$saved" >&9
        builtin return 0
      }

      # No end of the run's command was told. With the hooks in place no prompt has come: the command edits a line (`read -e`).
      __roost_report() {
        if ((!__roost_free)) && [[ ${PS1-} == *"$__roost_a"* || ${PROMPT_COMMAND[*]-} == *__roost_precmd* ]]; then
          builtin printf '\e]133;P;roost=reads;aid=%s;n=%d;run=%d\a' "$__roost_nonce" "$__roost_n" "$__roost_run" >&9
          builtin return 0
        fi
        __roost_precmd "$1"
        __roost_put_marks
        ((__roost_n += 1, __roost_free = 1))
        builtin printf '\e]133;A;aid=%s;n=%d\a\e]133;B;aid=%s;n=%d\a' \
          "$__roost_nonce" "$__roost_n" "$__roost_nonce" "$__roost_n" >&9
        builtin return 0
      }

      # What somebody had half typed is there again.
      __roost_put_back() {
        if [[ -z $READLINE_LINE ]]; then READLINE_LINE=$__roost_saved READLINE_POINT=$__roost_point; fi
        __roost_saved=
        builtin return 0
      }

      __roost_bind() {
        builtin local map
        for map in emacs-standard vi-insert vi-command; do
          builtin bind -m "$map" -x '"\e[777;2~": { __roost_take; } 8>&2 9>/dev/tty >/dev/null 2>&1'
          builtin bind -m "$map" '"\e[777;3~": accept-line'
          builtin bind -m "$map" '"\e[777;1~": "\e[777;2~\e[777;3~"'
          if [[ $map == emacs* ]]; then
            # Somebody's Escape or ctrl+x waits for its second key.
            builtin bind -m "$map" '"\e\e[777;1~": "\e[777;2~\e[777;3~"'
            builtin bind -m "$map" '"\C-x\e[777;1~": "\e[777;2~\e[777;3~"'
          fi
          builtin bind -m "$map" -x '"\e[777;4~": { __roost_put_back; } >/dev/null 2>&1'
          # How the last command ended, where nobody has told, and the marks again.
          builtin bind -m "$map" -x '"\e[777;5~": { __roost_report "$?"; } 9>/dev/tty >/dev/null 2>&1'
          # Only fish needs it, before a run.
          builtin bind -m "$map" '"\e[777;7~": ""'
        done
      } 2>/dev/null

      __roost_install
      __roost_next=${HISTCMD-}
      if [[ -n $__roost_file ]]; then __roost_bind; fi
      if [[ ${PS0@a} == *r* || ${PS1@a} == *r* && ${PROMPT_COMMAND@a} == *r* ]]; then
        builtin printf '\e]133;P;roost=none;aid=%s;n=0\a' "$__roost_nonce"
      else
        builtin printf '\e]133;P;roost=here;aid=%s;n=0\a' "$__roost_nonce"
      fi
    fi

    """#
}
