# Readline also splits words at the characters : = @. This function joins them, passes complete
# words to _snap, and removes from its completions the prefix that readline does not replace.
__snap_join_words() {
    local -a words=()
    local -i index cword=0 start=0
    local word rest="${COMP_LINE}" last=''
    for index in "${!COMP_WORDS[@]}"; do
        word="${COMP_WORDS[index]}"
        if [[ "${rest}" != [[:blank:]]* &&
            ("${word}" = [:=@]* || "${last}" = *[:=@]) ]]; then
            words[-1]+="${word}"
        else
            words+=("${word}")
            rest="${rest#"${rest%%[![:blank:]]*}"}"
            ((index > COMP_CWORD)) || start=${#COMP_LINE}-${#rest}
        fi
        ((index > COMP_CWORD)) || cword=${#words[@]}-1
        rest="${rest#"${word}"}"
        last="${word}"
    done

    local -r whole="${COMP_LINE:start:COMP_POINT > start ? COMP_POINT - start : 0}"
    local current="${2}" head='' option=''
    if [[ "${whole}" = *[:=@]* && "${whole}" = *"${2}" ]]; then
        head="${whole%"${2}"}"
        current="${whole}"
        if [[ "${whole}" = --*=* ]]; then
            option="${whole%%=*}="
            current="${whole#*=}"
            words=("${words[@]::cword}" "${option%=}" "${words[cword]#*=}"
                "${words[@]:cword + 1}")
            cword+=1
        fi
    fi

    local -a COMP_WORDS=("${words[@]}")
    local -i COMP_CWORD=cword
    _snap "${1}" "${current}" "${words[cword - 1]}"
    trap - RETURN  # _snap's trap stays set and would later reset shell options
    COMPREPLY=("${COMPREPLY[@]/#/"${option}"}")
    COMPREPLY=("${COMPREPLY[@]#"${head}"}")
}

__snap_cursor_index_in_current_word() {
    # shellcheck disable=SC2154  # _snap, the caller, sets cur
    printf %s "${#cur}"
}

# Only completions that are files get a file name's quoting, and a slash after a directory: a guest
# may have the same name as a directory. snap's own completions are shown in the order it prints.
__snap_add_completions() {
    if [[ "${1}" = -W ]]; then compopt -o nosort; else compopt -o filenames; fi 2>/dev/null
    local completion
    while IFS='' read -r completion; do
        COMPREPLY+=("${completion}")
    done < <(IFS=$'\n' compgen "${@}" -- "${cur}")
}

complete -F __snap_join_words snap
