extension ShellIntegration {
  /// Read as `--rcfile`, or as `$ENV` of a login shell in POSIX mode.
  ///
  /// Marks are expansions of PS0, PS1 and PS2 wherever that will do, since an expansion runs no command: nothing traces it, no trap fires for it,
  /// `set -e` cannot end the shell in it. What must be a command is in a group whose redirections are made first, so that a trace (`set -x`) or
  /// a DEBUG trap that fires in it prints to nowhere. Nothing forks on the way of a `run`.
  static let bashScript = #"""
    # Roost's shell integration for bash.
    # Arrays, all of them: bash exports none, whatever `set -a` says.
    builtin declare -a __roost_nonce __roost_file
    __roost_nonce=${ROOST_SHELL_NONCE-}
    __roost_file=${ROOST_SHELL_RUN-}
    builtin unset ROOST_SHELL_NONCE ROOST_SHELL_RUN

    # PS0 came with 4.4.
    if [[ $- == *i* ]] && ((BASH_VERSINFO[0] > 4 || BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4)); then
      # n counts the prompts, run is the number of the run that the line editor was given, ran tells that a command has begun, free that the
      # prompt has come since: `read -e` has a line editor with the same keys.
      # Locals have names of ours too: no read-only variable of yours stands in their way.
      # ok tells that `builtin` is what it was, said what Roost was told last of the marks.
      builtin declare -a __roost_ok __roost_free __roost_n __roost_run __roost_ran __roost_none __roost_bang __roost_saved __roost_pwd __roost_url \
        __roost_was __roost_point __roost_flag __roost_which __roost_next __roost_lists __roost_first __roost_last __roost_both __roost_said \
        __roost_armed __roost_sign __roost_a __roost_b __roost_c __roost_x __roost_0 __roost_names __roost_end __roost_more __roost_ps0 __roost_refill
      __roost_ok= __roost_free=0 __roost_n=0 __roost_run=0 __roost_ran=0 __roost_none= __roost_bang= __roost_saved= __roost_pwd= __roost_url= __roost_was= __roost_point=0
      __roost_flag=("" 1) __roost_which=("P;" "D;") __roost_next= __roost_said= __roost_armed=1 __roost_refill=
      __roost_lists=$((BASH_VERSINFO[0] > 5 || BASH_VERSINFO[0] == 5 && BASH_VERSINFO[1] >= 1))

      # A redirection comes before the command's own trace and traps.
      # Marks go to the terminal itself: `exec >file` takes standard output away.
      __roost_first='{ __roost_precmd "$?"; } 9>/dev/tty >/dev/null 2>&1'
      __roost_last='{ __roost_mark "$?"; } 9>/dev/tty >/dev/null 2>&1'
      # Where nobody else has a prompt command: a redirection costs as much as what it redirects.
      __roost_both='{ __roost_precmd "$?" both; } 9>/dev/tty >/dev/null 2>&1'

      # What stands in PS0, PS1 and PS2 is names alone. Somebody may have exported those, and a shell that a command starts finds nothing behind
      # the names then; nor does `echo "$PS1"` show what a mark is believed by.
      # Index 0 is the empty word: the arithmetic is done, and nothing is printed.
      __roost_names=('${__roost_a-}' '${__roost_b-}' '${__roost_c-}' '${__roost_x-}' '${__roost_end:+${__roost_end@P}}')
      __roost_ps0='${__roost_0:+${__roost_0@P}}'
      __roost_0='${__roost_flag[__roost_run==0]:+$({ __roost_preexec >&9; } 9>&1 >/dev/null 2>&1)}'
      __roost_0+='\e]133;C;aid='$__roost_nonce';n=${__roost_n};run=${__roost_run}\a${__roost_flag[__roost_ran=1,__roost_free=0]}'
      # If nobody has told how the command ended (PROMPT_COMMAND was replaced), the prompt does. It changes nothing: bash expands it for each
      # line of a command of several, too. Other shells do not know such an expansion: a prompt that is exported goes without.
      __roost_end='\[\e]133;${__roost_which[__roost_ran]}$?;${__roost_sign};run=${__roost_run}\a${__roost_flag[__roost_free=1,0]}'
      # Unset or emptied, PROMPT_COMMAND is filled again by the prompt itself. A pattern prints nothing.
      __roost_end+='${__roost_refill:+${__roost_none#${PROMPT_COMMAND:=$__roost_both}}}\]'
      __roost_more='${__roost_flag[__roost_free=0]}'

      __roost_encode_pwd() {
        builtin local LC_ALL=C __r_i __r_char __r_code
        __roost_pwd=$PWD __roost_url=
        for ((__r_i = 0; __r_i < ${#PWD}; __r_i++)); do
          __r_char=${PWD:__r_i:1}
          case $__r_char in
          [a-zA-Z0-9/._~-]) __roost_url+=$__r_char ;;
          *)
            builtin printf -v __r_code %d "'$__r_char"
            builtin printf -v __r_char '%%%02X' $((__r_code & 255))
            __roost_url+=$__r_char
            ;;
          esac
        done
      }

      # What stands behind the names from here on, as the line editor is told that a text has no width.
      __roost_number() {
        __roost_sign="aid=$__roost_nonce;n=$__roost_n"
        __roost_a=$'\001\e]133;A;'$__roost_sign$'\a\002'
        __roost_b=$'\001\e]133;B;'$__roost_sign$'\a\002'
        __roost_c=$'\001\e]133;P;k=s;'$__roost_sign$'\a\002'
      }

      # First of the prompt commands: nothing has been printed yet, and $1 is the command's status. No assignment is an argument: IFS and
      # `set -k` would have their part in it.
      __roost_precmd() {
        # Where it is not, the prompt tells how the command ended: it needs no command.
        __roost_ok=
        builtin eval __roost_ok=1
        if [[ -z $__roost_ok ]]; then
          __roost_x=$'\001\e]133;P;roost=none;'$__roost_sign$'\a\002' __roost_said=none
          if [[ ${PS1-} != *"${__roost_names[3]}"* ]]; then PS1=${__roost_names[3]}${PS1-}; fi
          return 0
        fi
        builtin local __r_code __r_told __r_end
        __r_code=$1 __r_end=
        if ((__roost_ran || __roost_run)); then
          # What was no command at all has left $? alone; what could not be parsed has made it 2.
          __r_told=$__r_code
          if ((!__roost_ran && __r_code != 2)); then __r_told=; fi
          # Somebody has sent off a line of his own: what was half typed before is gone.
          if ((__roost_ran && !__roost_run)); then __roost_saved=; fi
          __r_end=$'\e]133;D;'$__r_told';aid='$__roost_nonce';n='$__roost_n';run='$__roost_run$'\a'
        fi
        # A server that has come since does not know of it.
        if [[ -n $__roost_saved ]]; then __r_end+=$'\e]133;P;roost=saved;aid='$__roost_nonce';n='$__roost_n$'\a'; fi
        __roost_ran=0 __roost_run=0
        if [[ -n $__roost_bang ]]; then
          __roost_bang=
          builtin set -H
        fi
        if [[ $PWD != "$__roost_pwd" ]]; then __roost_encode_pwd; fi
        builtin printf '%s\e]7;file://%s%s\a' "$__r_end" "${HOSTNAME-}" "$__roost_url" >&9
        if [[ -n ${2-} ]]; then __roost_mark "$__r_code"; fi
        # Where each prompt command gets the status anew, a failure of ours would only set off somebody's ERR trap.
        if ((!__roost_lists)) && [[ $- != *e* ]]; then builtin return "$__r_code"; fi
        builtin return 0
      }

      # bash copies a function each time before it runs it: that all is as it was left is seen without calling this.
      __roost_install() {
        builtin local __r_said
        __roost_put_marks all
        __r_said=here
        if [[ ${PS0-} != *"$__roost_ps0" ]]; then
          __r_said=none
        elif [[ ${PS1-} != *"${__roost_names[1]}"* && ${PROMPT_COMMAND[*]-} != *__roost_mark* && ${PROMPT_COMMAND[*]-} != "$__roost_both" ]]; then
          __r_said=none
        fi
        if [[ $__r_said != "$__roost_said" ]]; then
          __roost_said=$__r_said
          builtin printf '\e]133;P;roost=%s;%s\a' "$__r_said" "$__roost_sign" >&9
        fi
        __roost_was=${PS1+${PS1@a}}${PS1-}${PS2-}${PS0-}${PROMPT_COMMAND[*]-}$BASHOPTS
      }

      # Puts the marks back wherever they have been taken out, but for PS0: bash holds on to the value that it had when it printed the prompt,
      # and expands that before the command. It must not be set while a prompt stands, and is with `all`.
      __roost_put_marks() {
        builtin local __r_flags
        __r_flags=$-
        # A variable that is not set is an error under the one, one that is set is exported under the other.
        if [[ $__r_flags == *[ua]* ]]; then builtin set +ua; fi
        __roost_put_each "${1-}"
        if [[ $__r_flags == *u* ]]; then builtin set -u; fi
        if [[ $__r_flags == *a* ]]; then builtin set -a; fi
        builtin return 0
      }

      __roost_put_each() {
        builtin local __r_each __r_text __r_before __r_behind __r_more
        __r_before= __r_behind= __r_more=
        if [[ $BASHOPTS == *promptvars* ]]; then
          __r_before=${__roost_names[0]} __r_behind=${__roost_names[1]} __r_more=${__roost_names[2]}
          if [[ ${PS1@a} != *x* ]]; then __r_before=${__roost_names[4]}$__r_before; fi
          if [[ ${PS2@a} != *x* ]]; then __r_more+=$__roost_more; fi
        fi
        if [[ ${PS1@a} != *r* ]]; then
          __r_text=${PS1-}
          for __r_each in "${__roost_names[@]}"; do __r_text=${__r_text//"$__r_each"/}; done
          __r_text=$__r_before$__r_text$__r_behind
          if [[ $__r_text != "${PS1-}" ]]; then PS1=$__r_text; fi
        fi
        if [[ ${PS2@a} != *r* ]]; then
          __r_text=${PS2-}
          for __r_each in "${__roost_names[2]}" "$__roost_more"; do __r_text=${__r_text//"$__r_each"/}; done
          __r_text=$__r_more$__r_text
          if [[ $__r_text != "${PS2-}" ]]; then PS2=$__r_text; fi
        fi
        if [[ -n $1 && ${PS0@a} != *r* ]]; then
          # Last: what a PS0 of your own prints is no output of the command.
          __r_text=${PS0-}
          __r_text=${__r_text//"$__roost_ps0"/}
          if [[ $BASHOPTS == *promptvars* ]]; then __r_text+=$__roost_ps0; fi
          if [[ $__r_text != "${PS0-}" ]]; then PS0=$__r_text; fi
        fi
        if [[ ${PROMPT_COMMAND@a} == *r* ]]; then builtin return 0; fi
        if ((__roost_lists)); then
          if [[ ${#PROMPT_COMMAND[@]} == 1 && $PROMPT_COMMAND == "$__roost_both" ]]; then builtin return 0; fi
          if [[ ${PROMPT_COMMAND[0]-} != "$__roost_first" || ${PROMPT_COMMAND[-1]-} != "$__roost_last" ]]; then
            builtin local -a __r_others
            __r_others=()
            for __r_each in "${PROMPT_COMMAND[@]}"; do
              __r_each=${__r_each//"$__roost_both"/}
              __r_each=${__r_each//"$__roost_first"/}
              __r_each=${__r_each//"$__roost_last"/}
              if [[ $__r_each == *[![:space:]\;]* ]]; then __r_others+=("$__r_each"); fi
            done
            if ((${#__r_others[@]})); then
              PROMPT_COMMAND=("$__roost_first" "${__r_others[@]}" "$__roost_last")
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
        builtin local __r_code
        __r_code=$1
        ((__roost_n += 1, __roost_free = 1))
        __roost_number
        if [[ ${PS1+${PS1@a}}${PS1-}${PS2-}${PS0-}${PROMPT_COMMAND[*]-}$BASHOPTS != "$__roost_was" ]]; then __roost_install; fi
        __roost_next=${HISTCMD-}
        if [[ ${PS1-} != *"${__roost_names[1]}"* || $BASHOPTS != *promptvars* ]]; then
          # No place in the prompt: it is marked before it is printed.
          builtin printf '\e]133;A;%s\a\e]133;B;%s\a' "$__roost_sign" "$__roost_sign" >&9
        fi
        if ((!__roost_lists)) && [[ $- != *e* ]]; then builtin return "$__r_code"; fi
        builtin return 0
      }

      # What was typed, as the history has it. In a process of its own.
      __roost_preexec() {
        builtin local LC_ALL=C __r_text __r_entry __r_again=
        builtin shopt -qo history || builtin return 0
        # No new entry: the line repeats the one before, or the history did not want it. What is on the screen tells which.
        if [[ ${HISTCMD-} == "$__roost_next" ]]; then __r_again='again;'; fi
        __r_entry=$(builtin fc -ln -0 -0)
        __r_entry=${__r_entry#$'\t'}
        __r_text=${__r_entry:1:8192}
        __r_text=${__r_text//\\/\\\\}
        __r_text=${__r_text//;/\\x3b}
        __r_text=${__r_text//$'\n'/\\x0a}
        __r_text=${__r_text//$'\t'/\\x09}
        __r_text=${__r_text//$'\e'/\\x1b}
        __r_text=${__r_text//[[:cntrl:]]/ }
        if [[ -n $__r_text ]]; then builtin printf '\e]633;E;%s;%s%s\a' "$__r_text" "$__r_again" "$__roost_nonce"; fi
      }

      # Bound to a key that no keyboard has: the line editor's line becomes the command that Roost was asked to run.
      __roost_take() {
        __roost_ok=
        builtin eval __roost_ok=1
        if [[ -z $__roost_ok ]]; then
          READLINE_LINE=
          return 0
        fi
        builtin local __r_id __r_text __r_saved
        __r_saved=
        IFS= builtin read -r -d '' __r_text <"$__roost_file" || builtin :
        __r_id=${__r_text%%$'\n'*}
        __r_text=${__r_text#*$'\n'}
        if [[ ! $__r_id =~ ^[0-9]+$ ]]; then
          __roost_disarm
          builtin return 0
        fi
        # Where the prompt is not seen, the marks in it are not either; a line that cannot be set would be run in place of the command.
        if [[ ! -t 8 || ${READLINE_LINE@a}${READLINE_POINT@a} == *r* ]]; then
          __roost_said=none
          builtin printf '\e]133;P;roost=none;%s\a' "$__roost_sign" >&9
        fi
        if [[ ! -t 8 || ${READLINE_LINE@a}${READLINE_POINT@a} == *r* ]] || ((!__roost_free)); then
          builtin printf '\e]133;P;roost=busy;%s;run=%d\a' "$__roost_sign" "$__r_id" >&9
          __roost_disarm
          builtin return 0
        fi
        if [[ -z $__roost_armed ]]; then __roost_arm accept-line; fi
        if [[ -n $READLINE_LINE ]]; then __roost_saved=$READLINE_LINE __roost_point=$READLINE_POINT; fi
        if [[ ${PS0-} != *"$__roost_ps0" ]]; then
          # An empty line brings a prompt before which it is put back.
          __roost_put_marks
          READLINE_LINE= READLINE_POINT=0
          if [[ ${PS0+${PS0@a}} == *r* || ${PROMPT_COMMAND[*]-} != *__roost_mark* && ${PROMPT_COMMAND[*]-} != "$__roost_both" ]]; then
            __roost_said=none
            builtin printf '\e]133;P;roost=none;%s\a' "$__roost_sign" >&9
          fi
          builtin printf '\e]133;P;roost=again;%s;run=%d\a' "$__roost_sign" "$__r_id" >&9
          builtin return 0
        fi
        if [[ -n $__roost_saved ]]; then __r_saved=';saved=1'; fi
        __roost_run=$__r_id READLINE_LINE=$__r_text READLINE_POINT=${#__r_text}
        # '!', and '^' at the beginning of a line, mean what they mean in a script.
        if [[ $- == *H* && $__r_text == *[\!\^"${histchars:+${histchars:0:2}}"]* ]]; then
          __roost_bang=1
          builtin set +H
        fi
        if [[ ${PS1+${PS1@a}}${PS1-}${PS2-}${PS0-}${PROMPT_COMMAND[*]-}$BASHOPTS != "$__roost_was" ]]; then __roost_put_marks; fi
        builtin printf '\e]133;P;roost=taken;%s;run=%d%s\a' "$__roost_sign" "$__r_id" "$__r_saved" >&9
        builtin return 0
      }

      # The key that follows the taking of a line sends it off. What was not taken is somebody else's, and stays.
      __roost_arm() {
        builtin local __r_map
        __roost_armed=${1#'""'}
        for __r_map in emacs-standard vi-insert vi-command; do builtin bind -m "$__r_map" '"\e[777;3~": '"$1"; done
      }
      __roost_disarm() { if [[ -n $__roost_armed ]]; then __roost_arm '""'; fi; }

      # No end of the run's command was told. With the hooks in place no prompt has come: the command edits a line (`read -e`).
      __roost_report() {
        if ((!__roost_free)) && [[ ${PS1-} == *"${__roost_names[4]}"* || ${PROMPT_COMMAND[*]-} == *__roost_precmd* ]]; then
          builtin printf '\e]133;P;roost=reads;%s;run=%d\a' "$__roost_sign" "$__roost_run" >&9
          builtin return 0
        fi
        __roost_precmd "$1"
        __roost_put_marks
        ((__roost_n += 1, __roost_free = 1))
        __roost_number
        builtin printf '\e]133;A;%s\a\e]133;B;%s\a' "$__roost_sign" "$__roost_sign" >&9
        builtin return 0
      }

      # What somebody had half typed is there again, and in it, where the cursor was, what was typed while the command ran.
      __roost_put_back() {
        if [[ -n $__roost_saved ]]; then
          READLINE_LINE=${__roost_saved:0:__roost_point}$READLINE_LINE${__roost_saved:__roost_point}
          ((READLINE_POINT += __roost_point, 1))
        fi
        __roost_saved=
        builtin return 0
      }

      # In the middle of a quote that goes on in the next line a brace is a word behind the command's words, and an error behind that: bash spoils
      # its own memory there, and aborts later. After a line's end a command begins.
      # The last word of each is what `$_` was, and so what it is afterwards.
      __roost_bind() {
        builtin local __r_map __r_line
        __r_line=$'\n'
        for __r_map in emacs-standard vi-insert vi-command; do
          builtin bind -m "$__r_map" -x '"\e[777;2~":'"$__r_line"'{ __roost_take "$_"; } 8>&2 9>/dev/tty >/dev/null 2>&1'
          builtin bind -m "$__r_map" '"\e[777;3~": accept-line'
          builtin bind -m "$__r_map" '"\e[777;1~": "\e[777;2~\e[777;3~"'
          if [[ $__r_map == emacs* ]]; then
            # Somebody's Escape or ctrl+x waits for its second key.
            builtin bind -m "$__r_map" '"\e\e[777;1~": "\e[777;2~\e[777;3~"'
            builtin bind -m "$__r_map" '"\C-x\e[777;1~": "\e[777;2~\e[777;3~"'
          fi
          builtin bind -m "$__r_map" -x '"\e[777;4~":'"$__r_line"'{ __roost_put_back "$_"; } >/dev/null 2>&1'
          # How the last command ended, where nobody has told, and the marks again.
          builtin bind -m "$__r_map" -x '"\e[777;5~":'"$__r_line"'{ __roost_report "$?" "$_"; } 9>/dev/tty >/dev/null 2>&1'
          # Only fish needs it, before a run.
          builtin bind -m "$__r_map" '"\e[777;7~": ""'
          builtin bind -m "$__r_map" '"\e[777;8~": ""'
        done
      } 2>/dev/null

      # When your own files have been read, or ctrl+c has ended that.
      __roost_begin() {
        if [[ -n $__roost_said ]]; then builtin return 0; fi
        if [[ ${PROMPT_COMMAND+${PROMPT_COMMAND@a}} != *r* ]]; then __roost_refill=1; fi
        __roost_number
        __roost_install
        __roost_next=${HISTCMD-}
        if [[ -n $__roost_file ]]; then __roost_bind; fi
        builtin return 0
      }
      __roost_start='{ __roost_begin; } 9>/dev/tty >/dev/null 2>&1'
    fi

    # Your own files, as bash would have read them. Ctrl+c ends that, and this script with it: what is left to do is done first.
    if [[ -n ${__roost_start-} && -z ${ROOST_SHELL_ONLY-} ]]; then
      # The signal is looked for before the next command: there is one behind it.
      builtin trap 'builtin eval "$__roost_start"; builtin unset __roost_start; builtin trap - INT; builtin kill -INT $$; builtin :' INT
    fi
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

    if [[ -n ${__roost_start-} ]]; then
      if [[ $(builtin trap -p INT) == *__roost_start* ]]; then builtin trap - INT; fi
      builtin eval "$__roost_start"
      builtin unset __roost_start
    fi

    """#
}
