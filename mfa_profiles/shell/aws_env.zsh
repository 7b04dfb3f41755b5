# What only zsh has.

function aws_env {
    emulate -L zsh -o no_aliases
    # These would show the keys: `set -x`, `set -v`, a trap DEBUG, and `functions -t` for the functions below this one.
    # All but the last are restored at the end of this function, after Ctrl-C too.
    setopt no_xtrace no_verbose
    trap - DEBUG
    functions +tT -m '_mfa_profiles_*'
    _mfa_profiles_aws_env "$@"
}

# Prints those of the variables NAME... that are readonly, and of the bearer tokens.
function _mfa_profiles_readonly {
    local name
    for name in "$@" ${(k)parameters[(I)AWS_BEARER_TOKEN_*]}; do
        [[ ${(Pt)name} != *readonly* ]] || printf ' %s' "$name"
    done
}

# Its options are those of the function that calls this: no aliases.
function _mfa_profiles_eval { \eval "$1"; }

zmodload zsh/datetime

# Sets the caller's `now` to the seconds since 1970, without a process.
function _mfa_profiles_clock { now=$EPOCHSECONDS; }

# Completes as if the words before the one at the cursor were these. The options are those of zsh's completion system.
function _mfa_profiles_describe {
    local line="${(j: :)${(@qq)argv}} " candidate name
    [[ -z $PREFIX ]] || line+=${(qq)${(Q)PREFIX}}
    local -a candidates
    for candidate in "${(@f)$(_mfa_profiles_candidates "$line")}"; do
        name=${candidate%%$'\t'*}
        [[ -z $name ]] || candidates+=("${name//:/\\:}${candidate[$#name+1,-1]/$'\t'/:}")
    done
    compset -P '--*=' # which stays before what completes --format=
    (( $#candidates )) && _describe 'mfa-profiles' candidates
}

function _mfa_profiles_complete {
    _mfa_profiles_describe mfa-profiles "${(@Q)words[2,CURRENT-1]}" || _files
}

function _mfa_profiles_complete_aws_env {
    if [[ $PREFIX == -* ]]; then
        local -a options=(
            '--keys:export the keys of the session'
            '--clear:forget profile and keys in this terminal'
            '--help:show what aws_env does'
        )
        _describe 'option' options
    else
        _mfa_profiles_describe mfa-profiles export "${(@)${(@Q)words[2,CURRENT-1]}:#--keys}"
    fi
}

# Before compinit there is no completion to add to.
if [[ -n ${functions[compdef]-} ]]; then
    compdef _mfa_profiles_complete mfa-profiles
    compdef _mfa_profiles_complete_aws_env aws_env
fi
