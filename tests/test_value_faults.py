"""Slips in the value or the name of a setting."""

import pytest

from mfa_profiles.value_faults import fault_of_value, right_name

QUOTES = "write it without quotation marks"
COMMENT = "put the comment on a line of its own"
INVISIBLE = "delete the line and type it anew"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ARN = "arn:aws:iam::123456789012:role/r"


@pytest.mark.parametrize(
    ("key", "value", "advice"),
    [
        ("region", SECRET, "write another value"),
        ("role_arn", SECRET, "write another value"),
        ("region", '"us-west-2"', QUOTES),
        ("region", "'us-west-2'", QUOTES),
        ("region", "“us-west-2”", QUOTES),
        ("region", "„us-west-2“", QUOTES),
        ("region", "«us-west-2»", QUOTES),
        ("region", '"us-west-2",', QUOTES),
        ("region", '"us-west-2', QUOTES),
        ("region", "us-west-2'", QUOTES),
        ("role_arn", f"'{ARN}'", QUOTES),
        ("external_id", '"a # b"', QUOTES),
        ("source_profile", '"default"', QUOTES),
        ("ca_bundle", '"/etc/ca.pem"', QUOTES),
        ("endpoint_url", "'https://localhost'", QUOTES),
        ("other_role", f"'{ARN}'", QUOTES),
        ("aws_secret_access_key", f"'{SECRET}'", QUOTES),
        ("region", "us-west-2 # c", COMMENT),
        ("region", "us-west-2\t; c", COMMENT),
        ("region", "us-west-2#c", COMMENT),
        ("region", '"us-west-2" # c', COMMENT),
        ("mfa_serial", "GAHT12345678 # c", COMMENT),
        ("duration_seconds", "3600 ; one hour", COMMENT),
        ("source_profile", "default # c", COMMENT),
        ("aws_secret_access_key", f"{SECRET} # c", COMMENT),
        ("sso_start_url", "https://d-1.awsapps.com/start # c", COMMENT),
        ("role", f"{ARN} # c", COMMENT),
        ("region", "us-\u200bwest-2", INVISIBLE),
        ("region", "us-west-2\ufeff", INVISIBLE),
        ("aws_secret_access_key", f"{SECRET}\u00a0", INVISIBLE),
        ("role_arn", f"{ARN}\u2060", INVISIBLE),
        ("region", "us-west-2,", "delete the comma"),
        ("region", "us-west-2;", "delete the semicolon"),
        ("aws_access_key_id", "AKIAIOSFODNN7EXAMPLE,", "delete the comma"),
        ("aws_secret_access_key", f"{SECRET}aws_session_token=x", "put aws_session_token on a line of its own"),
        ("aws_secret_access_key", f"{SECRET}[work]", "put [work] on a line of its own"),
        ("region", "us-west-2 [profile work]", "put [profile work] on a line of its own"),
        ("region", "us-west-2[wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY]", "put a header on a line of its own"),
        ("aws_access_key_id", "AKIAaws_secret_access_key=ab", "put aws_secret_access_key on a line of its own"),
        ("region", "us-west-2 Output = json", "put output on a line of its own"),
        ("region", "us-west-2 region = us-west-1", "delete one of the two"),
        ("region", "us-west-2\noutput = json", "begin that line without blanks"),
        ("region", "us-west-2\nregion = us-west-1", "delete one of the two"),
        ("region", "us-west-2\nmore", "delete that line, or make it a comment with # as its first character"),
        ("aws_secret_access_key", "ENC[AES256_GCM,data:abcd,type:str]", "decrypt the file first: sops decrypt"),
    ],
)
def test_faults_of_values(key: str, value: str, advice: str) -> None:
    fault = fault_of_value(key, value)

    assert fault is not None
    assert fault.advice == advice
    assert value.split()[0] not in " ".join(fault)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("region", "us-west-2"),
        ("region", ""),
        ("mfa_serial", "arn:aws:iam::123456789012:mfa/a,b=c@d+e"),
        ("mfa_serial", "arn:aws:iam::123456789012:mfa/john,"),
        ("role_arn", "arn:aws-us-gov:iam::123456789012:role/a/b+=,.@-_"),
        ("role_session_name", "a=b,c.d@e-f,"),
        ("external_id", "a+b=c,d.e@f:g/h-i,"),
        ("source_profile", "john's profile"),
        ("sso_session", "a b"),
        ("aws_secret_access_key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY=="),
        ("aws_secret_access_key", "of;another#service,"),
        ("aws_secret_access_key", "pass,word[part]"),
        ("external_id", SECRET),
        ("aws_secret_access_key", 'pass"word"'),
        ("aws_secret_access_key", "pass #word"),
        ("aws_session_token", "pass,word[part]"),
        ("sso_start_url", "https://d-1.awsapps.com/start/#/"),
        ("endpoint_url", "http://[::1]:4566"),
        ("endpoint_url", "http://[::1]"),
        ("ca_bundle", "/home/j/my certs # 1/ca,[1]"),
        ("web_identity_token_file", "/a;b"),
        ("credential_process", 'sh -c "echo # x"'),
        ("credential_process", "\"/opt/a b/c\" --d 'e'"),
        ("mfa_process", "'ykman' oath"),
        ("cli_pager", "less # x"),
        ("s3", "\nmax_concurrent_requests = 20\naddressing_style = path"),
        ("session_tags", "a=b, c=d # e"),
        ("description", "'mine' # c"),
    ],
)
def test_values_without_faults(key: str, value: str) -> None:
    assert fault_of_value(key, value) is None


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("export aws_access_key_id", "", "aws_access_key_id"),
        ("set aws_secret_access_key", "", "aws_secret_access_key"),
        ("declare -x aws_session_token", "", "aws_session_token"),
        ("access_key_id", "", "aws_access_key_id"),
        ("aws_access_key", "", "aws_access_key_id"),
        ("accesskeyid", "", "aws_access_key_id"),
        ("aws_secret_key", "", "aws_secret_access_key"),
        ("aws-secret-access-key", "", "aws_secret_access_key"),
        ("secret access key", "", "aws_secret_access_key"),
        ('"aws_access_key_id"', "", "aws_access_key_id"),
        ("$env", 'AWS_SECRET_ACCESS_KEY="abcd"', "aws_secret_access_key"),
        ("$env", "PATH=abcd", None),
        ("aws_access_key_id", "", None),
        ("aws_secret_access_key", "", None),
        ("aws_session_token", "", None),
        ("aws_security_token", "", None),
        ("region", "", None),
        ("secret_key_of_okta", "", None),
    ],
)
def test_right_names_of_keys(key: str, value: str, name: str | None) -> None:
    assert right_name(key, value) == name
