extension ShellIntegration {
  /// Read as `--rcfile`, or as `$ENV` of a login shell in POSIX mode.
  static let bashScript = #"""
    # Roost's shell integration for bash. Reads your own files first, as bash would have.
    __roost_nonce=${ROOST_SHELL_NONCE-}
    builtin unset ROOST_SHELL_NONCE

    if [[ -n ${ROOST_BASH_LOGIN-} ]]; then
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
      __roost_ran=0 __roost_pwd= __roost_url= __roost_history=
      __roost_a="\[\e]133;A;aid=$__roost_nonce\a\]" __roost_b="\[\e]133;B;aid=$__roost_nonce\a\]"
      # Expanded by the shell itself, so the arithmetic can set a variable; the substitution is a process of its own.
      __roost_ps0='${__roost_nonce:$((__roost_ran=1,0)):0}$(__roost_preexec)'

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

      # First of the prompt commands: nothing has been printed yet, and $? is still the command's.
      __roost_precmd() {
        builtin local code=$?
        ((__roost_ran)) && builtin printf '\e]133;D;%d;aid=%s\a' "$code" "$__roost_nonce"
        __roost_ran=0
        [[ $PWD == "$__roost_pwd" ]] || __roost_encode_pwd
        builtin printf '\e]7;file://%s%s\a' "${HOSTNAME-}" "$__roost_url"
        builtin return "$code"
      }

      # Last of them: by now the prompt is what it will be.
      __roost_mark() {
        builtin local code=$?
        if [[ ${PS1-} != "$__roost_a"*"$__roost_b" ]]; then
          PS1=${PS1-}
          PS1=${PS1//"$__roost_a"/}
          PS1=$__roost_a${PS1//"$__roost_b"/}$__roost_b
        fi
        [[ ${PS0-} == *__roost_preexec* ]] || PS0=$__roost_ps0${PS0-}
        __roost_history=$(HISTTIMEFORMAT= builtin history 1)
        builtin return "$code"
      }

      __roost_preexec() {
        builtin local LC_ALL=C text entry
        if builtin shopt -qo history; then
          entry=$(HISTTIMEFORMAT= builtin history 1)
          # The same entry as before: the line was a repetition, or the history did not want it and its text is unknown.
          if [[ $entry != "$__roost_history" || ( -z ${HISTIGNORE-} &&
            :${HISTCONTROL-}: != *:ignorespace:* && :${HISTCONTROL-}: != *:ignoreboth:* ) ]] &&
            [[ $entry =~ ^\ *[0-9]+.\ (.*)$ ]]; then
            text=${BASH_REMATCH[1]:0:8192}
            text=${text//\\/\\\\}
            text=${text//;/\\x3b}
            text=${text//$'\n'/\\x0a}
            text=${text//$'\t'/\\x09}
            text=${text//$'\e'/\\x1b}
            text=${text//[[:cntrl:]]/ }
            builtin printf '\e]633;E;%s;%s\a' "$text" "$__roost_nonce"
          fi
        fi
        builtin printf '\e]133;C;aid=%s\a' "$__roost_nonce"
      }

      if ((BASH_VERSINFO[0] > 5 || BASH_VERSINFO[0] == 5 && BASH_VERSINFO[1] >= 1)); then
        # Each element gets the command's own $?.
        [[ -n ${PROMPT_COMMAND[*]-} ]] || PROMPT_COMMAND=()
        PROMPT_COMMAND=(__roost_precmd "${PROMPT_COMMAND[@]}" __roost_mark)
      else
        PROMPT_COMMAND="__roost_precmd
    ${PROMPT_COMMAND-}
    __roost_mark"
      fi
    fi

    """#

  /// `.zshenv` of a ZDOTDIR of ours: the first of the user's files that zsh reads. It puts the user's ZDOTDIR back, so
  /// that all others are read from there.
  static let zshScript = #"""
    # Roost's shell integration for zsh. Your own files are read from where they are.
    if [[ -n ${ROOST_ZDOTDIR+x} ]]; then
      builtin export ZDOTDIR=$ROOST_ZDOTDIR
      builtin unset ROOST_ZDOTDIR
    else
      builtin unset ZDOTDIR
    fi
    typeset -g _roost_nonce=${ROOST_SHELL_NONCE-}
    builtin unset ROOST_SHELL_NONCE

    if [[ -o interactive ]]; then
      typeset -gi _roost_ran=0
      typeset -g _roost_a=$'%{\e]133;A;aid='$_roost_nonce$'\a%}' _roost_b=$'%{\e]133;B;aid='$_roost_nonce$'\a%}'
      typeset -g _roost_sp=

      _roost_precmd() {
        builtin local code=$?
        builtin emulate -L zsh -o no_multibyte -o extended_glob
        (( _roost_ran )) && builtin printf '\e]133;D;%d;aid=%s\a' $code $_roost_nonce
        # What zsh would have printed before this: the mark of an output without a line's end, and the way to the next line.
        [[ -n $_roost_sp ]] && builtin print -Pn -- '%B%S%#%s%b'${(l:COLUMNS-1:: :):-}$'\r \r'
        _roost_ran=0
        builtin local url= char
        for char in ${(s::)PWD}; do
          case $char in
          ([a-zA-Z0-9/._~-]) url+=$char ;;
          (*) builtin printf -v char '%%%02X' $(( #char & 255 )); url+=$char ;;
          esac
        done
        builtin printf '\e]7;file://%s%s\a' ${HOST-} $url
      }

      _roost_mark() {
        builtin emulate -L zsh
        [[ $PS1 == ${_roost_a}*${_roost_b} ]] && return
        PS1=$_roost_a${${PS1//$_roost_a/}//$_roost_b/}$_roost_b
      }

      _roost_preexec() {
        builtin emulate -L zsh -o no_multibyte
        # $1 is empty when the history is switched off.
        builtin local text=${${1:-$3}[1,8192]}
        text=${text//\\/\\\\}
        text=${text//;/\\x3b}
        text=${text//$'\n'/\\x0a}
        text=${text//$'\t'/\\x09}
        text=${text//$'\e'/\\x1b}
        text=${text//[[:cntrl:]]/ }
        builtin print -rn -- $'\e]633;E;'$text';'$_roost_nonce$'\a\e]133;C;aid='$_roost_nonce$'\a'
        _roost_ran=1
      }

      # The end of a command is to be marked before anything else is printed, so PROMPT_SP's work is done by _roost_precmd, unless
      # the user has made it something of their own. Not a function with local options, which would undo it.
      _roost_take_sp() {
        if [[ -o prompt_sp && -z ${PROMPT_EOL_MARK+x} ]]; then
          _roost_sp=yes
          unsetopt prompt_sp
        fi
      }

      # At the first prompt, when all files have been read: ours before everybody's, the marks after.
      _roost_install() {
        builtin emulate -L zsh
        precmd_functions=(_roost_precmd ${precmd_functions:#_roost_install} _roost_mark)
        typeset -ga preexec_functions
        preexec_functions+=(_roost_take_sp _roost_preexec)
        builtin unfunction _roost_install
        _roost_precmd
        _roost_mark
      }
      typeset -ga precmd_functions
      precmd_functions+=(_roost_install)
    fi

    if [[ -r ${ZDOTDIR-$HOME}/.zshenv ]]; then
      builtin source ${ZDOTDIR-$HOME}/.zshenv
    fi

    """#

  /// Read with `--init-command`, after the user's configuration.
  static let fishScript = #"""
    # Roost's shell integration for fish.
    if status is-interactive; and not set -q __roost_nonce
        set -g __roost_nonce "$ROOST_SHELL_NONCE"
        # From version 4 on, fish writes the marks A, C and D by itself.
        set -g __roost_marks (string match -qr '^[0-3]\.' -- $version; and echo yes)
        # Signed only where all marks are ours.
        set -g __roost_aid (test -n "$__roost_marks"; and echo ";aid=$__roost_nonce")

        function __roost_prompt --on-event fish_prompt
            test -n "$__roost_marks"; and printf '\e]133;A%s\a' $__roost_aid
            printf '\e]7;file://%s%s\a' (hostname) (string escape --style=url -- $PWD)
            # Again after every change of theme. The original comes first in it and so gets the command's statuses.
            if not functions fish_prompt | string match -q '*__roost_original_prompt*'
                functions -e __roost_original_prompt
                functions -c fish_prompt __roost_original_prompt
                function fish_prompt
                    __roost_original_prompt
                    printf '\e]133;B%s\a' $__roost_aid
                end
            end
        end

        function __roost_preexec --on-event fish_preexec
            set -l text (string sub -l 8192 -- $argv[1] | string collect)
            set text (string replace -a -- '\\' '\\\\' $text | string collect)
            set text (string replace -a -- ';' '\\x3b' $text | string collect)
            set text (string replace -a -- \t '\\x09' $text | string collect)
            set text (string replace -a -- \e '\\x1b' $text | string collect)
            set text (string replace -a -- \n '\\x0a' $text | string collect)
            set text (string replace -ar -- '[[:cntrl:]]' ' ' $text)
            printf '\e]633;E;%s;%s\a' $text $__roost_nonce
            test -n "$__roost_marks"; and printf '\e]133;C%s\a' $__roost_aid
        end

        if test -n "$__roost_marks"
            function __roost_postexec --on-event fish_postexec
                printf '\e]133;D;%d%s\a' $status $__roost_aid
            end
        end
    end
    set -e ROOST_SHELL_NONCE

    """#
}
