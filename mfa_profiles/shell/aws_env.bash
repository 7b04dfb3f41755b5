# What only bash has.

function aws_env {
    local options="$-" result=0
    # These would show the keys: `set -v`, `set -x`, and a trap DEBUG that functions inherit. They are restored by the
    # first line since bash 4.4, after Ctrl-C too, and by the last ones before that.
    local - 2>/dev/null || \:
    \set +vxT
    _mfa_profiles_aws_env "$@" || result=$?
    [[ $options != *v* ]] || \set -v
    [[ $options != *x* ]] || \set -x
    [[ $options != *T* ]] || \set -T
    return "$result"
}

# Prints those of the variables NAME... that are readonly, and of the bearer tokens. Nothing is unset outside of $(...).
function _mfa_profiles_readonly {
    local name
    for name in "$@" "${!AWS_BEARER_TOKEN_@}"; do
        \unset -v "$name" 2>/dev/null || \printf ' %s' "$name"
    done
}

function _mfa_profiles_eval {
    if shopt -q expand_aliases; then
        # No command can be interrupted here, which would leave the person without aliases.
        shopt -u expand_aliases
        \eval "$1"
        \set -- "$?"
        shopt -s expand_aliases
        return "$1"
    fi
    \eval "$1"
}

# Sets the caller's `now` to the seconds since 1970, without a process.
# shellcheck disable=SC2034 # the caller reads it
if \printf -v _mfa_profiles_epoch '%(%s)T' -1 2>/dev/null; then
    function _mfa_profiles_clock { \printf -v now '%(%s)T' -1; }
else # before bash 4.2
    _mfa_profiles_epoch=$(($(\command date +%s) - SECONDS))
    function _mfa_profiles_clock { now=$((_mfa_profiles_epoch + SECONDS)); }
fi

# Completes the command line LINE (up to the cursor), of which readline will replace the part WORD.
function _mfa_profiles_reply {
    local line="$1" word="$2" before quote dropped value
    # Words end at colons, too (COMP_WORDBREAKS): what stands before that in the name is not replaced.
    before=${line%"$word"}
    dropped=${before##*[[:blank:]]}
    quote=${dropped:$((${#dropped} ? ${#dropped} - 1 : 0))}
    [[ $quote == [\"\'] ]] || quote=
    # So that a blank at the end is seen to belong to the word.
    [[ -z $dropped$word ]] || line+=${quote:-"''"}
    dropped=${dropped//[\\\"\']/}
    [[ -n $quote ]] || word=${word//\\/}
    COMPREPLY=()
    while IFS= read -r value; do
        value=${value%%$'\t'*}
        [[ -z $dropped ]] || value=${value#*"$dropped"}
        [[ -n $value && $value == "$word"* ]] || continue
        case $quote:$value in
        :*) \printf -v value %q "$value" ;;
        \':*\'* | \":*[\"\\\$\`!]*) continue ;; # which cannot be written within these quotes
        esac
        COMPREPLY+=("$value")
    done <<<"$(_mfa_profiles_candidates "$line")"
}

function _mfa_profiles_complete {
    _mfa_profiles_reply "${COMP_LINE:0:COMP_POINT}" "$2"
}

function _mfa_profiles_complete_aws_env {
    local line="${COMP_LINE:0:COMP_POINT}" option
    if [[ $2 == -* ]]; then
        COMPREPLY=()
        for option in --keys --clear --help; do
            [[ $option != "$2"* ]] || COMPREPLY+=("$option")
        done
    else
        line=${line#*[[:blank:]]}
        _mfa_profiles_reply "mfa-profiles export ${line/--keys/}" "$2"
    fi
}

complete -o default -F _mfa_profiles_complete mfa-profiles
complete -F _mfa_profiles_complete_aws_env aws_env
