import ArgumentParser

/// The script that teaches a shell to complete snap's command line.
///
/// It is ArgumentParser's, with what that does not know of: how bash and zsh divide words.
enum CompletionScript {
    private static let option = "--generate-completion-script"

    /// The script, where the arguments ask for one; nil otherwise, or for an unknown shell.
    static func requested(by arguments: [String]) -> String? {
        let first = arguments.first ?? ""
        guard first == option || first.hasPrefix(option + "=") else { return nil }
        let value =
            first == option
            ? arguments.dropFirst().first : String(first.dropFirst(option.count + 1))
        let shell = value.map { CompletionShell(rawValue: $0) } ?? .autodetected()
        return shell.map(script)
    }

    private static func script(for shell: CompletionShell) -> String {
        let script = Snap.completionScript(for: shell)
        switch shell {
        case .bash: return script + "\n\n" + wholeWords
        case .zsh: return joiningValues(script)
        default: return script
        }
    }

    /// Has zsh complete `--store=DIR`, too, not only `--store DIR`.
    ///
    /// Its `_arguments` wants a `=` behind the name of an option with a value. A flag has none, and
    /// its line ends with the description.
    private static func joiningValues(_ script: String) -> String {
        let lines = script.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let text = line.drop { $0 == " " }
            guard text.hasPrefix("'--") || text.hasPrefix("'*--"), !text.hasSuffix("]'"),
                let bracket = line.firstIndex(of: "[")
            else { return String(line) }
            return "\(line[..<bracket])=\(line[bracket...])"
        }
        return lines.joined(separator: "\n")
    }

    /// What bash needs: to it `web1:7` is three words, and so are `web1@latest` and
    /// `--guest=web1`.
    ///
    /// To take these characters out of `COMP_WORDBREAKS` would change how other commands complete.
    private static let wholeWords = #"""
        # Readline breaks words at : = and @, too. _snap gets them whole, and what it offers loses
        # the part that readline will not replace.
        __snap_whole_words() {
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
            trap - RETURN  # _snap leaves it behind: options of the shell would jump back later on
            COMPREPLY=("${COMPREPLY[@]/#/"${option}"}")
            COMPREPLY=("${COMPREPLY[@]#"${head}"}")
        }

        __snap_cursor_index_in_current_word() {
            printf %s "${#cur}"
        }

        # Only a file is quoted as one, and gets a slash where it is a directory; a guest may be
        # called like a directory. What snap offers is in the order that it is to be shown in.
        __snap_add_completions() {
            if [[ "${1}" = -W ]]; then compopt -o nosort; else compopt -o filenames; fi 2>/dev/null
            local completion
            while IFS='' read -r completion; do
                COMPREPLY+=("${completion}")
            done < <(IFS=$'\n' compgen "${@}" -- "${cur}")
        }

        complete -F __snap_whole_words snap
        """#
}
