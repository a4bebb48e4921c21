extension ShellIntegration {
  /// `.zshenv` of a ZDOTDIR of ours: the first of the user's files that zsh reads. It puts the user's ZDOTDIR back, so
  /// that all others are read from there.
  ///
  /// The end of a command is told by PROMPT_EOL_MARK, which zsh prints before any hook runs; what must be a command writes to the terminal
  /// itself (a theme may have taken standard output away) and has its traces and traps print to nowhere.
  static let zshScript = #"""
    # Roost's shell integration for zsh. Your own files are read from where they are.
    if [[ -n ${ROOST_SHELL_ONLY-} ]]; then
      builtin :
    elif [[ -n ${ROOST_ZDOTDIR+x} ]]; then
      builtin export ZDOTDIR=$ROOST_ZDOTDIR
      builtin unset ROOST_ZDOTDIR
    else
      builtin unset ZDOTDIR
    fi
    typeset -gH _roost_nonce=${ROOST_SHELL_NONCE-}
    typeset -g _roost_file=${ROOST_SHELL_RUN-}
    builtin unset ROOST_SHELL_NONCE ROOST_SHELL_RUN

    if [[ -o interactive ]]; then
      # n counts the prompts, run is the number of the run that the line editor was given.
      typeset -gi _roost_n=0 _roost_ran=0
      typeset -g _roost_run=0 _roost_bang= _roost_eol= _roost_said= _roost_exported=

      # Locals have names of ours too: no read-only variable of yours stands in their way.
      # Expansions of marks, as they stand now.
      _roost_sign() { REPLY="aid=$_roost_nonce;n=$_roost_n;run=$_roost_run" }

      # PROMPT_EOL_MARK is printed before precmd() and its like, and %? is the command's status. $1 takes its place where there is none.
      _roost_arm() {
        builtin emulate -L zsh
        builtin local REPLY "_r_status_text=${1-%?}"
        _roost_sign
        if [[ $PROMPT_EOL_MARK != $'%{\e]133;D;'* ]]; then
          _roost_eol=${PROMPT_EOL_MARK-%B%S%#%s%b}
        fi
        { typeset -g +x PROMPT_EOL_MARK=$'%{\e]133;D;'$_r_status_text';'$REPLY$'\a%}'$_roost_eol } always { TRY_BLOCK_ERROR=0 }
      }

      # Calls one of ours. Where you have a function that is called `builtin`, it is out of the way for so long.
      _roost_call() {
        if (( ${+functions[builtin]} )); then
          disable -f builtin
          { "$@" } always { enable -f builtin }
        else
          "$@"
        fi
      }

      # First of the hooks. Nothing of ours is outside of the braces: it would be traced.
      _roost_precmd() {
        {
          _roost_call _roost_precmd_work $?
        } 9>$TTY >/dev/null 2>&1
      }

      _roost_precmd_work() {
        # Asked before the options are ours; no subscripts, which mean something else under ksh_arrays.
        builtin local _r_eol= _r_pad=
        if [[ -o prompt_sp && -o prompt_cr ]]; then _r_eol=yes; fi
        builtin emulate -L zsh -o no_multibyte -o extended_glob
        if [[ -n $_roost_bang ]]; then histchars=$_roost_bang _roost_bang=; fi
        # A precmd() of the user's has called it already.
        if [[ -n $_roost_said ]]; then
          _roost_said=
          builtin return 0
        fi
        _roost_bare
        if [[ ${PROMPT_EOL_MARK-} != $'%{\e]133;D;'* || ${(t)PROMPT_EOL_MARK} == *readonly* ]]; then
          # The command has set another (or made it read-only), behind which zsh has printed a line of blanks.
          _r_pad=${_r_eol:+';pad=1'} _r_eol=
        fi
        builtin local REPLY
        _roost_sign
        if [[ -z $_r_eol ]] && (( _roost_ran || _roost_run )); then
          (( _roost_ran )) || 1=
          builtin print -rn -- $'\e]133;D;'$1';'$REPLY$_r_pad$'\a' >&9
        fi
        _roost_ran=0 _roost_run=0
        builtin local _r_url= _r_char
        for _r_char in ${(s::)PWD}; do
          case $_r_char in
          ([a-zA-Z0-9/._~-]) _r_url+=$_r_char ;;
          (*) builtin printf -v _r_char '%%%02X' $(( #_r_char & 255 )); _r_url+=$_r_char ;;
          esac
        done
        builtin print -rn -- $'\e]7;file://'${HOST-}$_r_url$'\a' >&9
      }

      # The marks are in the prompts while those stand, and no longer: a command, and what it starts, find the prompts that are yours. Whatever
      # number they carry.
      _roost_bare() {
        builtin emulate -L zsh -o extended_glob
        builtin local _r_old=$'%\{\e\]133;[ABP];[^\a]#aid='$_roost_nonce$'[^\a]#\a%\}'
        if [[ $PS1 == *"$_roost_nonce"* ]]; then
          { PS1=${PS1//${~_r_old}/} } always { TRY_BLOCK_ERROR=0 }
        fi
        if [[ $PS2 == *"$_roost_nonce"* ]]; then
          { PS2=${PS2//${~_r_old}/} } always { TRY_BLOCK_ERROR=0 }
        fi
        if [[ $_roost_exported == *1* ]]; then typeset -gx PS1; fi
        if [[ $_roost_exported == *2* ]]; then typeset -gx PS2; fi
        _roost_exported=
      }

      # Last of the hooks: the prompt is what it will be.
      _roost_mark() { { _roost_call _roost_mark_work } 9>$TTY >/dev/null 2>&1 }

      _roost_mark_work() {
        builtin emulate -L zsh -o extended_glob
        (( _roost_n += 1 ))
        _roost_bare
        builtin local _r_sign="aid=$_roost_nonce;n=$_roost_n"
        # What a prompt starts is told nothing of it either.
        if [[ ${(t)PS1} == *export* ]]; then
          { typeset -g +x PS1; _roost_exported+=1 } always { TRY_BLOCK_ERROR=0 }
        fi
        if [[ ${(t)PS2} == *export* ]]; then
          { typeset -g +x PS2; _roost_exported+=2 } always { TRY_BLOCK_ERROR=0 }
        fi
        { PS1=$'%{\e]133;A;'$_r_sign$'\a%}'$PS1$'%{\e]133;B;'$_r_sign$'\a%}' } always { TRY_BLOCK_ERROR=0 }
        { PS2=$'%{\e]133;P;k=s;'$_r_sign$'\a%}'$PS2 } always { TRY_BLOCK_ERROR=0 }
        if [[ ${(t)PS1} == *readonly* ]]; then
          # No place in the prompt: it is marked before it is printed.
          builtin print -rn -- $'\e]133;A;'$_r_sign$'\a\e]133;B;'$_r_sign$'\a' >&9
        fi
        _roost_bind
        _roost_arm
        _roost_sort
      }

      # Ours before everybody's, the marks after, whatever was done to the lists meanwhile.
      _roost_sort() {
        builtin emulate -L zsh
        # One that is read-only stays what it is.
        { precmd_functions=(${${precmd_functions:#_roost_precmd}:#_roost_mark}) } always { TRY_BLOCK_ERROR=0 }
        { precmd_functions=(_roost_precmd ${precmd_functions:#_roost_install} _roost_mark) } always { TRY_BLOCK_ERROR=0 }
        { preexec_functions=(${preexec_functions:#_roost_preexec} _roost_preexec) } always { TRY_BLOCK_ERROR=0 }
        {
          typeset -ga zshaddhistory_functions
          (( $zshaddhistory_functions[(I)_roost_added] )) || zshaddhistory_functions+=(_roost_added)
        } always { TRY_BLOCK_ERROR=0 }
      }
      _roost_added() { { _roost_call _roost_sort; : } >/dev/null 2>&1 }

      _roost_preexec() {
        {
          _roost_call _roost_preexec_work "$1" "$3"
        } 9>$TTY >/dev/null 2>&1
      }

      _roost_preexec_work() {
        # Asked before the options are ours; no subscripts, which mean something else under ksh_arrays.
        builtin local _r_eol=
        if [[ -o prompt_sp && -o prompt_cr ]]; then _r_eol=yes; fi
        builtin emulate -L zsh -o no_multibyte
        # $1 is empty when the history is switched off.
        builtin local _r_text=${${1:-$2}[1,8192]} REPLY
        _r_text=${_r_text//\\/\\\\}
        _r_text=${_r_text//;/\\x3b}
        _r_text=${_r_text//$'\n'/\\x0a}
        _r_text=${_r_text//$'\t'/\\x09}
        _r_text=${_r_text//$'\e'/\\x1b}
        _r_text=${_r_text//[[:cntrl:]]/ }
        _roost_bare
        _roost_sign
        builtin print -rn -- $'\e]633;E;'$_r_text';'$_roost_nonce$'\a\e]133;C;'$REPLY$'\a' >&9
        _roost_ran=1 _roost_said=
        _roost_arm
        _roost_sort
        # Without that mark at the end of lines a precmd() of the user's would print before the end is told.
        if [[ -z $_r_eol ]] && (( $+functions[precmd] )) && [[ $functions[precmd] != *_roost_precmd* ]]; then
          functions[precmd]=$'_roost_precmd; _roost_said=1\n'$functions[precmd]
        fi
      }

      # Bound to a key that no keyboard has: the line editor's line becomes the command that Roost was asked to run.
      _roost_take() { _roost_call _roost_take_work }

      _roost_take_work() {
        {
          # Asked before the options are ours.
          builtin local _r_saved= _r_id= _r_text= _r_bang=
          if [[ -o bang_hist ]]; then _r_bang=yes; fi
          builtin emulate -L zsh
          # No `read`: IFS may be read-only.
          _r_text="$(<$_roost_file)"
          _r_text=${_r_text%%$'\0'*}
          _r_id=${_r_text%%$'\n'*}
          _r_text=${_r_text#*$'\n'}
        } >/dev/null 2>&1
        if [[ -z $_r_id || $_r_id == *[!0-9]* ]]; then builtin return 0; fi
        # Without that builtin (`disable zle`) no line can be sent off.
        if ! builtin zle 2>/dev/null; then
          {
            builtin print -rn -- $'\e]133;P;roost=none;aid='$_roost_nonce';n='$_roost_n$'\a' >&9
            builtin print -rn -- $'\e]133;P;roost=busy;aid='$_roost_nonce';n='$_roost_n';run='$_r_id$'\a' >&9
          } 9>$TTY 2>/dev/null
          builtin return 0
        fi
        # `vared`, `select` and the rest of a command of several lines have the same keys.
        if [[ $CONTEXT != start ]]; then
          { builtin print -rn -- $'\e]133;P;roost=busy;aid='$_roost_nonce';n='$_roost_n';run='$_r_id$'\a' >&9 } 9>$TTY 2>/dev/null
          builtin return 0
        fi
        {
          # What is half typed comes back with the next prompt.
          if [[ -n $BUFFER ]]; then
            _r_saved=';back=1'
            builtin zle .push-line
          fi
          _roost_run=$_r_id BUFFER=$_r_text CURSOR=${#_r_text}
          # '!' means what it means in a script.
          if [[ -n $_r_bang && -z $_roost_bang && $_r_text == *[${histchars:0:2}]* ]]; then
            _roost_bang=$histchars
            histchars=$'\1\1'${histchars:2:1}
          fi
          _roost_ran=0 _roost_said=
          _roost_arm ''
          _roost_sort
          builtin print -rn -- $'\e]133;P;roost=taken;aid='$_roost_nonce';n='$_roost_n';run='$_r_id$_r_saved$'\a' >&9
        } 9>$TTY >/dev/null 2>&1
        builtin zle .accept-line
      }

      # No end of the run's command was told: either it edits a line (`vared`), or somebody took the hooks out.
      _roost_report() { _roost_call _roost_report_work $? }

      _roost_report_work() {
        builtin local _r_code=$1
        if [[ $CONTEXT != start ]]; then
          { builtin print -rn -- $'\e]133;P;roost=reads;aid='$_roost_nonce';n='$_roost_n';run='$_roost_run$'\a' >&9 } 9>$TTY 2>/dev/null
          builtin return 0
        fi
        {
          builtin print -rn -- $'\e]133;D;'$_r_code';aid='$_roost_nonce';n='$_roost_n';run='$_roost_run$'\a' >&9
          _roost_ran=0 _roost_run=0
          _roost_mark_work
        } 9>$TTY >/dev/null 2>&1
        builtin zle .reset-prompt
      }

      # Only fish needs that key, before a run.
      _roost_none() { : }

      # The prompt stands, and has no marks: a hook that came after ours made it anew. It is painted again with them.
      _roost_line_init() { _roost_call _roost_line_init_work }

      _roost_line_init_work() {
        if [[ $PS1 == *"aid=$_roost_nonce;n=$_roost_n"* || ${(t)PS1} == *readonly* ]]; then builtin return 0; fi
        { _roost_mark_work } 9>$TTY >/dev/null 2>&1
        builtin zle .reset-prompt
      }

      # At each prompt: `bindkey -d` takes them away.
      _roost_bind() {
        if [[ -z $_roost_file ]]; then builtin return 0; fi
        builtin local _r_map
        for _r_map in emacs viins vicmd visual isearch; do
          builtin bindkey -M $_r_map '\e[777;1~' _roost_take '\e[777;7~' _roost_none '\e[777;8~' _roost_none '\e[777;5~' _roost_report
        done
        # Somebody's Escape or ctrl+x waits for its second key.
        builtin bindkey -M emacs '\e\e[777;1~' _roost_take '^X\e[777;1~' _roost_take
        # An operator that waits for its motion is given up first.
        builtin bindkey -M viopp -s '\e[777;1~' '\e\e[777;1~'
        builtin return 0
      }

      # At the first prompt, when all files have been read.
      _roost_install() {
        {
          _roost_call _roost_install_work
          _roost_precmd
        } 2>/dev/null
      }

      _roost_install_work() {
        {
          builtin emulate -L zsh
          builtin local _r_map
          if [[ -n $_roost_file ]]; then
            builtin zle -N _roost_take
            builtin zle -N _roost_none
            builtin zle -N _roost_report
            _roost_bind
          fi
          _roost_sort
          builtin autoload -Uz add-zle-hook-widget
          add-zle-hook-widget line-finish _roost_added
          add-zle-hook-widget line-init _roost_line_init
          # zsh's own function for that does not work under sh_glob.
          for _r_map in line-init line-finish; do
            functions[azhw:zle-$_r_map]=$'builtin setopt local_options no_sh_glob\n'$functions[azhw:zle-$_r_map]
          done
          _r_map=none
          # With lists that are read-only and have no place for ours nothing tells of a command.
          if (( $precmd_functions[(I)_roost_mark] && $preexec_functions[(I)_roost_preexec] )); then _r_map=here; fi
          builtin print -rn -- $'\e]133;P;roost='$_r_map';aid='$_roost_nonce$';n=0\a' >&9
        } 9>$TTY >/dev/null 2>&1
        builtin unfunction _roost_install
      }
      typeset -ga precmd_functions preexec_functions
      precmd_functions+=(_roost_install)
      # What begins where your files have put others in the place of that list.
      _roost_late() { if (( ${+functions[_roost_install]} )); then _roost_install; fi }
      { builtin zmodload zsh/sched && builtin sched +0 _roost_late } 2>/dev/null
    fi

    if [[ -n ${ROOST_SHELL_ONLY-} ]]; then
      builtin unset ROOST_SHELL_ONLY
    elif [[ -r ${ZDOTDIR-$HOME}/.zshenv ]]; then
      builtin source ${ZDOTDIR-$HOME}/.zshenv
    fi

    """#
}
