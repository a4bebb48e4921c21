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
      typeset -g _roost_run=0 _roost_bang= _roost_eol= _roost_said=

      # Expansions of marks, as they stand now.
      _roost_sign() { REPLY="aid=$_roost_nonce;n=$_roost_n;run=$_roost_run" }

      # PROMPT_EOL_MARK is printed before precmd() and its like, and %? is the command's status. $1 takes its place where there is none.
      _roost_arm() {
        builtin emulate -L zsh
        builtin local REPLY "status_text=${1-%?}"
        _roost_sign
        if [[ $PROMPT_EOL_MARK != $'%{\e]133;D;'* ]]; then
          _roost_eol=${PROMPT_EOL_MARK-%B%S%#%s%b}
        fi
        typeset -g PROMPT_EOL_MARK=$'%{\e]133;D;'$status_text';'$REPLY$'\a%}'$_roost_eol
      }

      # First of the hooks. Nothing of ours is outside of the braces: it would be traced.
      _roost_precmd() {
        {
          _roost_precmd_work $?
          if [[ -n $_roost_bang ]]; then histchars=$_roost_bang _roost_bang=; fi
        } 9>$TTY >/dev/null 2>&1
      }

      _roost_precmd_work() {
        # A precmd() of the user's has called it already.
        if [[ -n $_roost_said ]]; then
          _roost_said=
          builtin return 0
        fi
        # Asked before the options are ours; no subscripts, which mean something else under ksh_arrays.
        builtin local eol= pad=
        if [[ -o prompt_sp && -o prompt_cr ]]; then eol=yes; fi
        builtin emulate -L zsh -o no_multibyte -o extended_glob
        if [[ ${PROMPT_EOL_MARK-} != $'%{\e]133;D;'* ]]; then
          # The command has set another, behind which zsh has printed a line of blanks.
          pad=${eol:+';pad=1'} eol=
        fi
        builtin local REPLY
        _roost_sign
        if [[ -z $eol ]] && (( _roost_ran || _roost_run )); then
          (( _roost_ran )) || 1=
          builtin print -rn -- $'\e]133;D;'$1';'$REPLY$pad$'\a' >&9
        fi
        _roost_ran=0 _roost_run=0
        builtin local url= char
        for char in ${(s::)PWD}; do
          case $char in
          ([a-zA-Z0-9/._~-]) url+=$char ;;
          (*) builtin printf -v char '%%%02X' $(( #char & 255 )); url+=$char ;;
          esac
        done
        builtin print -rn -- $'\e]7;file://'${HOST-}$url$'\a' >&9
      }

      # Last of the hooks: the prompt is what it will be. The old marks go, whatever number they carry.
      _roost_mark() { { _roost_mark_work } 9>$TTY >/dev/null 2>&1 }

      _roost_mark_work() {
        builtin emulate -L zsh -o extended_glob
        (( _roost_n += 1 ))
        builtin local old=$'%\{\e\]133;[ABP];[^\a]#aid='$_roost_nonce$'[^\a]#\a%\}' sign="aid=$_roost_nonce;n=$_roost_n"
        PS1=$'%{\e]133;A;'$sign$'\a%}'${PS1//${~old}/}$'%{\e]133;B;'$sign$'\a%}'
        PS2=$'%{\e]133;P;k=s;'$sign$'\a%}'${PS2//${~old}/}
        _roost_arm
        _roost_sort
      }

      # Ours before everybody's, the marks after, whatever was done to the lists meanwhile.
      _roost_sort() {
        builtin emulate -L zsh
        precmd_functions=(${${precmd_functions:#_roost_precmd}:#_roost_mark})
        precmd_functions=(_roost_precmd ${precmd_functions:#_roost_install} _roost_mark)
        preexec_functions=(${preexec_functions:#_roost_preexec} _roost_preexec)
        typeset -ga zshaddhistory_functions
        (( $zshaddhistory_functions[(I)_roost_added] )) || zshaddhistory_functions+=(_roost_added)
      }
      _roost_added() { { _roost_sort; builtin : } >/dev/null 2>&1 }

      _roost_preexec() {
        {
          _roost_preexec_work "$1" "$3"
        } 9>$TTY >/dev/null 2>&1
      }

      _roost_preexec_work() {
        # Asked before the options are ours; no subscripts, which mean something else under ksh_arrays.
        builtin local eol=
        if [[ -o prompt_sp && -o prompt_cr ]]; then eol=yes; fi
        builtin emulate -L zsh -o no_multibyte
        # $1 is empty when the history is switched off.
        builtin local text=${${1:-$2}[1,8192]} REPLY
        text=${text//\\/\\\\}
        text=${text//;/\\x3b}
        text=${text//$'\n'/\\x0a}
        text=${text//$'\t'/\\x09}
        text=${text//$'\e'/\\x1b}
        text=${text//[[:cntrl:]]/ }
        _roost_sign
        builtin print -rn -- $'\e]633;E;'$text';'$_roost_nonce$'\a\e]133;C;'$REPLY$'\a' >&9
        _roost_ran=1 _roost_said=
        _roost_arm
        _roost_sort
        # Without that mark at the end of lines a precmd() of the user's would print before the end is told.
        if [[ -z $eol ]] && (( $+functions[precmd] )) && [[ $functions[precmd] != *_roost_precmd* ]]; then
          functions[precmd]=$'_roost_precmd; _roost_said=1\n'$functions[precmd]
        fi
      }

      # Bound to a key that no keyboard has: the line editor's line becomes the command that Roost was asked to run.
      _roost_take() {
        builtin local saved= id= text=
        {
          IFS= builtin read -r -d '' text <$_roost_file || builtin :
          id=${text%%$'\n'*}
          text=${text#*$'\n'}
        } >/dev/null 2>&1
        # No pattern that `emulate sh` takes away.
        if [[ -z $id || $id == *[!0-9]* ]]; then builtin return 0; fi
        # `vared`, `select` and the rest of a command of several lines have the same keys.
        if [[ $CONTEXT != start ]]; then
          { builtin print -rn -- $'\e]133;P;roost=busy;aid='$_roost_nonce';n='$_roost_n';run='$id$'\a' >&9 } 9>$TTY 2>/dev/null
          builtin return 0
        fi
        {
          # What is half typed comes back with the next prompt.
          if [[ -n $BUFFER ]]; then
            saved=';back=1'
            builtin zle .push-line
          fi
          _roost_run=$id BUFFER=$text CURSOR=$#text
          # '!' means what it means in a script.
          if [[ -o bang_hist && -z $_roost_bang && $text == *[${histchars:0:2}]* ]]; then
            _roost_bang=$histchars
            histchars=$'\1\1'${histchars:2:1}
          fi
          _roost_ran=0 _roost_said=
          _roost_arm ''
          _roost_sort
          builtin print -rn -- $'\e]133;P;roost=taken;aid='$_roost_nonce';n='$_roost_n';run='$id$saved$'\a' >&9
        } 9>$TTY >/dev/null 2>&1
        builtin zle .accept-line
      }

      # No end of the run's command was told: either it edits a line (`vared`), or somebody took the hooks out.
      _roost_report() {
        builtin local code=$?
        if [[ $CONTEXT != start ]]; then
          { builtin print -rn -- $'\e]133;P;roost=reads;aid='$_roost_nonce';n='$_roost_n';run='$_roost_run$'\a' >&9 } 9>$TTY 2>/dev/null
          builtin return 0
        fi
        {
          builtin print -rn -- $'\e]133;D;'$code';aid='$_roost_nonce';n='$_roost_n';run='$_roost_run$'\a' >&9
          _roost_ran=0 _roost_run=0
          _roost_mark_work
        } 9>$TTY >/dev/null 2>&1
        builtin zle .reset-prompt
      }

      # Only fish needs that key, before a run.
      _roost_none() { builtin : }

      # The prompt stands, and has no marks: a hook that came after ours made it anew. It is painted again with them.
      _roost_line_init() {
        if [[ $PS1 == *"aid=$_roost_nonce;n=$_roost_n"* ]]; then builtin return 0; fi
        { _roost_mark_work } 9>$TTY >/dev/null 2>&1
        builtin zle .reset-prompt
      }

      # At the first prompt, when all files have been read.
      _roost_install() {
        {
          builtin emulate -L zsh
          builtin local map
          if [[ -n $_roost_file ]]; then
            builtin zle -N _roost_take
            builtin zle -N _roost_none
            builtin zle -N _roost_report
            for map in emacs viins vicmd visual isearch; do
              builtin bindkey -M $map '\e[777;1~' _roost_take '\e[777;7~' _roost_none '\e[777;5~' _roost_report
            done
            # Somebody's Escape or ctrl+x waits for its second key.
            builtin bindkey -M emacs '\e\e[777;1~' _roost_take '^X\e[777;1~' _roost_take
            # An operator that waits for its motion is given up first.
            builtin bindkey -M viopp -s '\e[777;1~' '\e\e[777;1~'
          fi
          _roost_sort
          builtin autoload -Uz add-zle-hook-widget
          add-zle-hook-widget line-finish _roost_added
          add-zle-hook-widget line-init _roost_line_init
          # zsh's own function for that does not work under sh_glob.
          for map in line-init line-finish; do
            functions[azhw:zle-$map]=$'builtin setopt local_options no_sh_glob\n'$functions[azhw:zle-$map]
          done
          builtin print -rn -- $'\e]133;P;roost=here;aid='$_roost_nonce$';n=0\a' >&9
        } 9>$TTY >/dev/null 2>&1
        builtin unfunction _roost_install
        _roost_precmd
      }
      typeset -ga precmd_functions preexec_functions
      precmd_functions+=(_roost_install)
    fi

    if [[ -n ${ROOST_SHELL_ONLY-} ]]; then
      builtin unset ROOST_SHELL_ONLY
    elif [[ -r ${ZDOTDIR-$HOME}/.zshenv ]]; then
      builtin source ${ZDOTDIR-$HOME}/.zshenv
    fi

    """#
}
