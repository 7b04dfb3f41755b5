# What `mfa-profiles shell-init fish` prints.
#
#   aws_env [NAME]      switches this terminal to a profile; aws_env --help says more
#   aws_env_prompt      prints the profile and the time left, such as "smce-veda-mfa 11h59m"; it starts no process
#
# In ~/.config/fish/config.fish, below the line that sources this:
#
#   function fish_right_prompt; aws_env_prompt; end
#
# What this remembers is in variables that are not exported:
# __mfa_profiles_name     the NAME this terminal was switched to
# __mfa_profiles_profile  what AWS_PROFILE was then: empty after --keys
# __mfa_profiles_regions  the regions before the first switch, as a list of NAME=VALUE

function aws_env --description 'Switch this terminal to an AWS profile'
    set -l fish_trace # which would show the keys
    set -l action --by-profile
    set -l names
    set -l options on
    for argument in $argv
        switch $options$argument
            case on--
                set options off
            case on-h on--help
                __mfa_profiles_help
                return 0
            case on--keys on--clear
                if not contains -- $action --by-profile $argument
                    __mfa_profiles_usage '--keys and --clear exclude each other'
                    return
                end
                set action $argument
            case 'on-*'
                __mfa_profiles_usage "unknown option $argument"
                return
            case '*'
                set -a names $argument
        end
    end
    if set -q names[2]
        __mfa_profiles_usage 'one NAME is enough'
    else if test $action != --clear
        # The tool decides which profile these two name. After --keys there is neither to go by.
        set -q names[1]; or set -q AWS_PROFILE; or set -q AWS_DEFAULT_PROFILE
        or set names (string match -rv '^$' -- $__mfa_profiles_name default)
        __mfa_profiles_switch $action $names[1]
    else if set -q names[1]
        __mfa_profiles_usage '--clear takes no NAME'
    else
        __mfa_profiles_clear
    end
end

function __mfa_profiles_usage --argument-names message
    printf '%s\n' "aws_env: $message" 'usage: aws_env [--keys] [NAME]' '       aws_env --clear' >&2
    return 2
end

function __mfa_profiles_help
    printf '%s\n' \
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
end

function __mfa_profiles_switch
    set -l action $argv[1]
    set -l name $argv[2..]
    set -l named $name $AWS_PROFILE $AWS_DEFAULT_PROFILE
    set -l regions $__mfa_profiles_regions
    if not set -q __mfa_profiles_regions
        for variable in AWS_REGION AWS_DEFAULT_REGION
            set -q $variable; and set -a regions "$variable=$$variable"
        end
    end
    # Here the region of the profile before is gone, so that it is not taken for what the next one wants. This is not
    # a command substitution, as a redirection of this function's stderr would not reach into that.
    command env -u AWS_REGION -u AWS_DEFAULT_REGION $regions \
        mfa-profiles export --format fish (string match -- --by-profile $action) -- $name | read --null --local code
    set -l result $pipestatus[1]
    test $result -eq 0; or return $result
    set -l before
    for variable in AWS_REGION AWS_DEFAULT_REGION
        set -qg $variable; and set -a before "$variable=$$variable"
    end
    __mfa_profiles_set_regions $regions
    if not printf '%s' $code | source
        __mfa_profiles_set_regions $before
        return 1
    end
    set -g __mfa_profiles_regions $regions
    set -g __mfa_profiles_name $named[1]
    set -g __mfa_profiles_profile $AWS_PROFILE
    set -l words (__mfa_profiles_left); or return 0
    test $words = expired; or set words "$words left"
    set -l profile $AWS_PROFILE $named[1]
    printf '%s: %s\n' $profile[1] $words >&2
end

# Universal variables are settings of all terminals: those stay, and are seen again.
function __mfa_profiles_clear
    set -q __mfa_profiles_regions; and __mfa_profiles_set_regions $__mfa_profiles_regions
    # The names of those variables that were set beside keys, for settings of the profile.
    for variable in (string split -n , -- $_MFA_PROFILES_SETTINGS | string match -r '^AWS_[A-Z0-9_]+$') \
            $__mfa_profiles_cleared __mfa_profiles_name __mfa_profiles_profile __mfa_profiles_regions
        set -eg $variable
    end
    true
end

function __mfa_profiles_set_regions
    set -eg AWS_REGION
    set -eg AWS_DEFAULT_REGION
    for region in $argv
        set -l parts (string split --max 1 -- = $region)
        test "$$parts[1]" = "$parts[2]"; or set -gx $parts # which a universal variable may have by now
    end
end

# Prints the time until AWS_CREDENTIAL_EXPIRATION, such as "11 h 59 m" or "expired"; fails unless that is a time as
# 2026-11-24T21:05:00Z.
function __mfa_profiles_left
    set -l parts (string match -r '^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z\z' -- \
        "$AWS_CREDENTIAL_EXPIRATION")
    or return 1
    set -l year $parts[2]
    set -l month $parts[3]
    # Years that begin in March have the leap day at their end: then this is all there is to the Gregorian calendar.
    if test $month -lt 3
        set year (math $year - 1)
        set month (math $month + 12)
    end
    set -l days (math "365 * $year + floor($year / 4) - floor($year / 100) + floor($year / 400)" \
        "+ floor((153 * $month - 457) / 5) + $parts[4] - 719469")
    set -l left (math "($days * 24 + $parts[5]) * 3600 + $parts[6] * 60 + $parts[7]" - (__mfa_profiles_clock))
    set -l minutes (math "floor(($left + 30) / 60)") # rounded, as `mfa-profiles status` does
    if test $left -le 0
        echo expired
    else if test $left -lt 60
        echo $left s
    else if test $minutes -lt 60
        echo $minutes m
    else
        echo (math "floor($minutes / 60)") h (math $minutes % 60) m | string replace -r ' 0 m$' ''
        true # although there may have been nothing to replace
    end
end

# Prints the seconds since 1970. Of all builtins it is `path` (fish 3.5) that knows them: the root directory was
# changed so long after 1970, and so long ago.
if builtin --names | string match -q path
    function __mfa_profiles_clock
        math (path mtime /) + (path mtime --relative /)
    end
else
    function __mfa_profiles_clock
        command date +%s
    end
end

function aws_env_prompt --description 'Print the AWS profile of this terminal and the time left'
    set -l name $AWS_PROFILE
    set -l words
    # The time is that of the switch: not that of an AWS_PROFILE which was set by hand since.
    if not set -q __mfa_profiles_profile; or test "$name" = "$__mfa_profiles_profile"
        set words (__mfa_profiles_left | string replace -a ' ' '')
    end
    if test -z "$name" -a -z "$__mfa_profiles_profile" -a -n "$AWS_ACCESS_KEY_ID"
        set name $__mfa_profiles_name # of --keys
    end
    test -n "$name"; or return 0
    set name (string replace -ra '[\x00-\x1f\x7f-\x9f]' '?' -- "$name") $words
    printf '%s' "$name"
end

# The tool completes a command line itself, by the protocol that typer made for fish. Each word is quoted, so that a
# blank at its end is seen to belong to it.
function __mfa_profiles_candidates
    set -lx _MFA_PROFILES_COMPLETE complete_fish
    set -lx _TYPER_COMPLETE_FISH_ACTION get-args
    set -lx _TYPER_COMPLETE_ARGS (string escape -- $argv | string join ' ')
    set -lx COLUMNS 9999 # so that descriptions are not broken into lines
    command mfa-profiles </dev/null 2>/dev/null
end

function __mfa_profiles_complete
    set -l candidates (__mfa_profiles_candidates (commandline -cop) "$(commandline -ot)" | string match -rv '^$')
    if set -q candidates[1]
        # What completes --format= is to have that before it.
        set -l option (string match -r -- '^--[^=]*=' (commandline -ct))
        printf '%s\n' "$option"$candidates
    else
        __fish_complete_path (commandline -ct)
    end
end

function __mfa_profiles_complete_aws_env
    set -l words (commandline -cop | string match -v -- --keys)
    __mfa_profiles_candidates mfa-profiles export $words[2..] "$(commandline -ot)"
end

complete --command mfa-profiles --no-files --arguments '(__mfa_profiles_complete)'
complete --command aws_env --no-files --arguments '(__mfa_profiles_complete_aws_env)'
complete --command aws_env --long-option keys --description 'export the keys of the session'
complete --command aws_env --long-option clear --description 'forget profile and keys in this terminal'
complete --command aws_env --long-option help --short-option h --description 'show what aws_env does'
