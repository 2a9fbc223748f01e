# Completion of secalloc for bash: source it, or install it as
# /usr/share/bash-completion/completions/secalloc.
#
# Commands, options and values are read from the command's own --help, so there is no second list.
# shellcheck shell=bash

# _secalloc_help [COMMAND]: options with their values, "--scope=modules|all|api".
_secalloc_help() {
  "${COMP_WORDS[0]}" "$@" --help 2>/dev/null | sed -n 's/^  \(--\?[a-z][^ ]*\).*/\1/p'
}

_secalloc_commands() {
  "${COMP_WORDS[0]}" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'
}

# _secalloc_values COMMAND OPTION: what --help names; words in capitals stand for anything.
_secalloc_values() {
  _secalloc_help "$1" | sed -n "s/^$2=//p" | tr '|' '\n' | sed 's/[A-Z].*//'
}

# _secalloc_offer CANDIDATE...: those that the present word begins; "--scope=" goes on.
_secalloc_offer() {
  mapfile -t COMPREPLY < <(compgen -W "$*" -- "$_secalloc_word")
  [[ ${COMPREPLY[*]} != *[=:] ]] || compopt -o nospace 2>/dev/null
}

_secalloc_files() {
  mapfile -t COMPREPLY < <(compgen -f -- "$_secalloc_word")
  compopt -o filenames 2>/dev/null
}

# The index of the program that `run` is to run, 0 if there is none before the present word.
_secalloc_program() {
  local at
  for ((at = 2; at < COMP_CWORD; at++)); do
    case ${COMP_WORDS[at]} in
      --) echo $((at + 1)) && return ;;
      --library | -o) ((at++)) ;;
      -* | =) ;;
      *) [[ ${COMP_WORDS[at - 1]} == = ]] || { echo "$at" && return; } ;;
    esac
  done
  echo 0
}

_secalloc_run() {
  local program
  program=$(_secalloc_program)
  if ((program > 0 && program < COMP_CWORD)) && declare -F _command_offset >/dev/null; then
    _command_offset "$program"
  elif ((program > 0 && program < COMP_CWORD)); then
    _secalloc_files
  else
    mapfile -t COMPREPLY < <(compgen -c -- "$_secalloc_word")
  fi
}

_secalloc_argument() {
  case $1 in
    run) _secalloc_run ;;
    scan)
      _secalloc_files
      mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(
        compgen -W "$(cd /proc && echo [0-9]*)" -- "$_secalloc_word")
      ;;
    stats) _secalloc_offer "$(cd /proc && echo [0-9]*)" ;;
    help) _secalloc_offer "$(_secalloc_commands)" ;;
  esac
}

_secalloc() {
  local _secalloc_word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} previous
  previous=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _secalloc_offer "$(_secalloc_commands)" --help --version
    return
  fi
  # Bash takes "--scope=all" for three words.
  if [[ $_secalloc_word == = ]]; then
    _secalloc_word=""
    previous="$previous="
  elif [[ $previous == = ]]; then
    previous="${COMP_WORDS[COMP_CWORD - 2]}="
  fi
  case $previous in
    --key* | --raw* | --library*) _secalloc_files ;;
    --*=) _secalloc_offer "$(_secalloc_values "$command" "${previous%=}")" ;;
    *)
      if [[ $_secalloc_word == -* && $command != run ]] ||
        [[ $_secalloc_word == -* && $(_secalloc_program) == 0 ]]; then
        _secalloc_offer "$(_secalloc_help "$command" | sed 's/=.*/=/')"
      else
        _secalloc_argument "$command"
      fi
      ;;
  esac
}

complete -F _secalloc secalloc
