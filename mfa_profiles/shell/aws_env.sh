# shellcheck shell=bash
# What bash (3.2 or newer) and zsh have in common. `mfa-profiles shell-init` prints it before what only one of them has.
#
#   aws_env [NAME]      switches this terminal to a profile; aws_env --help says more
#   aws_env_precmd      sets $aws_env_segment to the profile and the time left, such as "smce-veda-mfa 11h59m"
#   aws_env_prompt      prints that, for prompts that are built by command substitution
#
# With these in ~/.bashrc or ~/.zshrc, below the line that evaluates this, the segment costs neither a process nor a fork:
#
#   bash:  PROMPT_COMMAND="aws_env_precmd;${PROMPT_COMMAND-}"
#          PS1='${aws_env_segment:+($aws_env_segment) }'$PS1
#   zsh:   precmd_functions+=(aws_env_precmd)
#          setopt prompt_subst
#          PROMPT='${aws_env_segment:+($aws_env_segment) }'$PROMPT
#
# Commands with a backslash are those for which people have aliases: it keeps the alias out. What a person sets otherwise
# (set -u, IFS, zsh's options) must not matter either. What this remembers is in variables that are not exported:
# _mfa_profiles_name     the NAME this terminal was switched to
# _mfa_profiles_profile  what AWS_PROFILE was then: empty after --keys
# _mfa_profiles_regions  that the next two are known: the regions before the first switch, each as "=VALUE" or nothing
# _mfa_profiles_region, _mfa_profiles_default_region

# The lists in _mfa_profiles_cleared and _mfa_profiles_switched are printed above this.
# shellcheck disable=SC2154

function _mfa_profiles_aws_env {
    local action=--by-profile name='' names=0 options=on
    while (($#)); do
        case $options$1 in
        on--) options=off ;;
        on-h | on--help)
            _mfa_profiles_help
            return 0
            ;;
        on--keys | on--clear)
            if [[ $action != --by-profile && $action != "$1" ]]; then
                _mfa_profiles_usage '--keys and --clear exclude each other'
                return
            fi
            action=$1
            ;;
        on-*)
            _mfa_profiles_usage "unknown option $1"
            return
            ;;
        *)
            name=$1
            names=$((names + 1))
            ;;
        esac
        shift
    done
    if ((names > 1)); then
        _mfa_profiles_usage 'one NAME is enough'
    elif [[ $action == --clear && $names != 0 ]]; then
        _mfa_profiles_usage '--clear takes no NAME'
    elif ! _mfa_profiles_can_switch; then
        return 1
    elif [[ $action == --clear ]]; then
        _mfa_profiles_clear
    elif [[ $names == 0 && -n ${AWS_PROFILE+set}${AWS_DEFAULT_PROFILE+set} ]]; then
        _mfa_profiles_switch "$action" # the tool decides which profile they name
    else
        # After --keys there is no AWS_PROFILE to go by.
        ((names)) || name=${_mfa_profiles_name:-default}
        _mfa_profiles_switch "$action" "$name"
    fi
}

# Fails if the person made a variable readonly: half a switch would leave keys of one profile with the token of another.
function _mfa_profiles_can_switch {
    local fixed settings
    _mfa_profiles_settings
    fixed=$(_mfa_profiles_readonly "${_mfa_profiles_switched[@]}" ${settings[@]+"${settings[@]}"})
    [[ -n $fixed ]] || return 0
    \printf '%s\n' "aws_env: nothing is changed, as this shell has made readonly: ${fixed# }" \
        'hint: open a terminal in which it is not; a startup file may have the line that says readonly or declare -r' >&2
    return 1
}

function _mfa_profiles_usage {
    \printf 'aws_env: %s\nusage: aws_env [--keys] [NAME]\n       aws_env --clear\n' "$1" >&2
    return 2
}

function _mfa_profiles_help {
    \printf '%s\n' \
        'usage: aws_env [--keys] [NAME]' \
        '       aws_env --clear' \
        '' \
        'Switches this terminal to an AWS profile. NAME is the base or the derived profile;' \
        'if not given, AWS_PROFILE or AWS_DEFAULT_PROFILE, else the last NAME, else default.' \
        'If its session is missing or expired, a new one is requested first, which may ask for an' \
        'MFA code.' \
        '' \
        '  --keys   export the keys of the session, for tools that know no profiles;' \
        '           without it AWS_PROFILE is set, and later refreshes reach this terminal' \
        '  --clear  forget profile and keys in this terminal'
}

function _mfa_profiles_switch {
    local by_profile="$1" name="${2-${AWS_PROFILE:-${AWS_DEFAULT_PROFILE-}}}" code
    shift
    [[ $by_profile == --by-profile ]] || by_profile=
    # In the subshell the region of the profile before is gone, so that it is not taken for what the next one wants.
    code=$(
        _mfa_profiles_restore_regions
        \command mfa-profiles export --format env ${by_profile:+"$by_profile"} -- "$@"
    ) || return
    if [[ -n ${_mfa_profiles_regions-} ]]; then
        _mfa_profiles_restore_regions
    else
        _mfa_profiles_regions=known
        _mfa_profiles_region="${AWS_REGION+=$AWS_REGION}"
        _mfa_profiles_default_region="${AWS_DEFAULT_REGION+=$AWS_DEFAULT_REGION}"
    fi
    _mfa_profiles_eval "$code" || return
    _mfa_profiles_name=$name
    _mfa_profiles_profile=${AWS_PROFILE-}
    local left words
    if _mfa_profiles_left; then
        ((left <= 0)) || words="$words left"
        \printf '%s: %s\n' "${_mfa_profiles_profile:-$name}" "$words" >&2
    fi
}

function _mfa_profiles_clear {
    local settings
    _mfa_profiles_settings
    _mfa_profiles_restore_regions
    \unset -v "${_mfa_profiles_cleared[@]}" ${settings[@]+"${settings[@]}"} _mfa_profiles_name _mfa_profiles_profile \
        _mfa_profiles_regions _mfa_profiles_region _mfa_profiles_default_region
}

# Sets the caller's `settings` to the names of those variables that were set beside keys, for settings of the profile.
function _mfa_profiles_settings {
    local left="${_MFA_PROFILES_SETTINGS-}" name
    settings=()
    while [[ -n $left ]]; do
        name=${left%%,*}
        [[ $name != AWS_* || $name == *[!ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_]* ]] || settings+=("$name")
        left=${left#"$name"}
        left=${left#,}
    done
}

function _mfa_profiles_restore_regions {
    [[ -n ${_mfa_profiles_regions-} ]] || return 0
    \unset -v AWS_REGION AWS_DEFAULT_REGION
    [[ -z $_mfa_profiles_region ]] || \export "AWS_REGION$_mfa_profiles_region"
    [[ -z $_mfa_profiles_default_region ]] || \export "AWS_DEFAULT_REGION$_mfa_profiles_default_region"
}

# Sets the caller's `left` to the seconds until AWS_CREDENTIAL_EXPIRATION and `words` to what people say, such as
# "11 h 59 m"; fails unless that is a time as 2026-11-24T21:05:00Z.
function _mfa_profiles_left {
    local expiration="${AWS_CREDENTIAL_EXPIRATION-}" digits year month day now
    digits=${expiration//[-T:Z]/}
    # Not [0-9], which in some locales are more than ten.
    [[ $expiration == ????-??-??T??:??:??Z && ${#digits} == 14 && $digits != *[!0123456789]* ]] || return 1
    year=$((10#${digits:0:4})) month=$((10#${digits:4:2})) day=$((10#${digits:6:2}))
    # Years that begin in March have the leap day at their end: then this is all there is to the Gregorian calendar.
    if ((month < 3)); then
        year=$((year - 1)) month=$((month + 12))
    fi
    day=$((365 * year + year / 4 - year / 100 + year / 400 + (153 * month - 457) / 5 + day - 719469))
    _mfa_profiles_clock
    left=$(((day * 24 + 10#${digits:8:2}) * 3600 + 10#${digits:10:2} * 60 + 10#${digits:12:2} - now))
    local minutes=$(((left + 30) / 60)) # rounded, as `mfa-profiles status` does
    if ((left <= 0)); then
        words=expired
    elif ((left < 60)); then
        words="$left s"
    elif ((minutes < 60)); then
        words="$minutes m"
    else
        words="$((minutes / 60)) h $((minutes % 60)) m"
        words=${words% 0 m}
    fi
}

# shellcheck disable=SC2034 # the segment is for the prompt
function aws_env_precmd {
    local result=$? # which others may want to show in the prompt
    [[ -z ${ZSH_VERSION-} ]] || emulate -L zsh
    local name="${AWS_PROFILE-}" left words=''
    # The time is that of the switch: not that of an AWS_PROFILE which was set by hand since.
    if [[ $name == "${_mfa_profiles_profile-$name}" ]] && _mfa_profiles_left; then
        words=" ${words// /}"
    fi
    if [[ -z $name && -z ${_mfa_profiles_profile-none} && -n ${AWS_ACCESS_KEY_ID-} ]]; then
        name=$_mfa_profiles_name # of --keys
    fi
    name=${name//[[:cntrl:]]/?}
    [[ -z ${ZSH_VERSION-} ]] || name=${name//\%/%%} # which zsh expands in prompts
    aws_env_segment=${name:+$name$words}
    return "$result"
}

function aws_env_prompt {
    local aws_env_segment
    aws_env_precmd
    \printf '%s' "$aws_env_segment"
}

# The tool completes a command line itself, by the protocol that typer made for fish: a line for each candidate, which
# may have a tab and a description. COLUMNS keeps descriptions from being broken into lines.
function _mfa_profiles_candidates {
    _MFA_PROFILES_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS="$1" COLUMNS=9999 \
        \command mfa-profiles </dev/null 2>/dev/null
}
