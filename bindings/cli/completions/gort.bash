# Completion of gort's command line for bash.
# SPDX-License-Identifier: MIT

_gort() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i word
  COMPREPLY=()
  # From the script on, words are the script's.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      -e | -l | --procs) ((i++)) ;;
      -- | - | [!-]*)
        [ "$word" = -- ] && [ "$i" -eq $((COMP_CWORD - 1)) ] && break
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    esac
  done
  case $prev in
    -e | -l) return ;;
    --procs)
      mapfile -t COMPREPLY < <(compgen -W "1 2 4 8 $(nproc)" -- "$cur")
      return
      ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W \
      "-e -i -l -v -E -W - -- --procs --leaks --debug=contexts --help --version" -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -f -X '!*.lua' -- "$cur"
      compgen -d -- "$cur")
  fi
}

complete -o filenames -F _gort gort
