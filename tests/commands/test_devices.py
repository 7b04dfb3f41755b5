"""devices: what AWS lists, what can give codes, and which one refresh takes."""

import json

import pytest

from tests.home import BASE, DERIVED, Home
from tests.local_aws import LocalAWS, MFADevice, User


def test_every_kind_of_device(home: Home, user: User, device: MFADevice) -> None:
    """With why it is of no use, or why refresh takes it."""
    passkey = user.add_passkey()
    user.add_hardware_device("GAHT12345678")
    home.add_base(user, config=f"region = us-west-2\nmfa_serial = {device.serial_number}\n")

    result = home.run_warm("devices", BASE, "--json")

    listed = {item.pop("serial_number"): item for item in json.loads(result.stdout)}
    assert {
        device.serial_number: {
            "kind": "virtual",
            "usable": True,
            "why_not": None,
            "chosen": True,
            "chosen_because": f"profile {BASE} names it",
        },
        "GAHT12345678": {
            "kind": "hardware",
            "usable": True,
            "why_not": None,
            "chosen": False,
            "chosen_because": None,
        },
        passkey.serial_number: {
            "kind": "passkey",
            "usable": False,
            "why_not": "a passkey, and AWS STS takes codes only",
            "chosen": False,
            "chosen_because": None,
        },
    } == listed


def test_the_only_device_is_taken(home: Home, user: User, device: MFADevice) -> None:
    """In a pipe, a line for each with tabs."""
    home.add_base(user)

    result = home.run_warm("devices", BASE)

    line = f"{device.serial_number}\tvirtual\tusable\tit is the only one that gives codes\n"
    assert (0, line, "") == (result.code, result.stdout, result.stderr)


def test_a_remembered_device_is_taken(home: Home, user: User, device: MFADevice) -> None:
    """Whichever of the two names is given."""
    user.add_hardware_device("GAHT12345678")
    home.add_base(user)
    home.run_warm("refresh", BASE, "--serial-number", device.serial_number, "--token-code", home.code(device))

    result = home.run_warm("devices", DERIVED)

    assert f"{device.serial_number}\tvirtual\tusable\tthe session in {DERIVED} was made with it" in result.stdout


def test_without_the_permission_to_list_what_is_known_is_shown(home: Home, user: User, device: MFADevice) -> None:
    """And a warning; without anything known it is an error."""
    user.deny("iam:ListMFADevices")
    home.add_base(user, config=f"region = us-west-2\nmfa_serial = {device.serial_number}\n")

    result = home.run_warm("devices", BASE)
    home.add_base(user)
    unknown = home.run_warm("devices", BASE)

    assert (0, 1) == (result.code, unknown.code)
    assert device.serial_number in result.stdout
    assert "mfa-profiles: warning: " in result.errors[0]
    assert "no permission iam:ListMFADevices" in unknown.errors[0]


def test_a_configured_device_that_is_not_there(home: Home, user: User, device: MFADevice) -> None:
    """A leftover of a telephone that was replaced."""
    home.add_base(user, config="region = us-west-2\nmfa_serial = arn:aws:iam::123456789012:mfa/old\n")

    result = home.run_warm("devices", BASE)

    assert 0 == result.code
    assert (
        "arn:aws:iam::123456789012:mfa/old is not a device of this user, but profile smce-veda names it"
        in (result.errors[0])
    )
    assert f"{device.serial_number}\tvirtual\tusable\t-\n" == result.stdout


def test_the_devices_behind_a_role(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """They are those of its source."""
    base.add_role("admin", aws.create_role("admin").arn)

    result = base.run_warm("devices", "admin")

    assert (0, True) == (result.code, device.serial_number in result.stdout)


def test_no_device(home: Home, user: User) -> None:
    """Nothing on stdout, and a sentence for the person."""
    home.add_base(user)

    result = home.run_warm("devices", BASE)

    assert (0, "", ["this user has no MFA device"]) == (result.code, result.stdout, result.errors)


def test_keys_of_a_credential_process(home: Home, user: User, device: MFADevice) -> None:
    """As refresh takes them."""
    keys = {"Version": 1, "AccessKeyId": user.access_key_id, "SecretAccessKey": user.secret_access_key}
    home.secrets.append(user.secret_access_key)
    (home.path / "keys").write_text(json.dumps(keys))
    home.write("", f"[profile {BASE}]\nregion = us-west-2\ncredential_process = cat {home.path}/keys\n")

    result = home.run_warm("devices", BASE)

    assert (0, True) == (result.code, device.serial_number in result.stdout)


def test_a_configured_passkey_is_shown_with_why_it_is_of_no_use(home: Home, user: User) -> None:
    """That is what the command is for."""
    passkey = user.add_passkey()
    home.add_base(user, config=f"region = us-west-2\nmfa_serial = {passkey.serial_number}\n")

    result = home.run_warm("devices", BASE)

    assert (0, f"{passkey.serial_number}\tpasskey\tunusable\t-\n") == (result.code, result.stdout)


def test_what_is_no_denial_is_an_error(home: Home, user: User, device: MFADevice) -> None:
    """Though a device is configured: keys that AWS does not know are worth an exit code."""
    home.add_base(user, config=f"region = us-west-2\nmfa_serial = {device.serial_number}\n")
    user.deactivate_access_key()

    result = home.run_warm("devices", BASE)

    assert (1, "") == (result.code, result.stdout)
    assert "mfa-profiles: error: AWS does not know the access key" in result.errors[0]


@pytest.mark.parametrize("serial", ["arn:aws:iam::1:mfa/x&#10;[evil]", "x" * 300, "a</SerialNumber><SerialNumber>b"])
def test_what_is_no_serial_number_is_not_from_aws(base: Home, aws: LocalAWS, serial: str) -> None:
    """It is neither shown nor written into a file."""
    member = f"<MFADevices><member><SerialNumber>{serial}</SerialNumber></member></MFADevices>"
    answer = f"<ListMFADevicesResponse><ListMFADevicesResult>{member}</ListMFADevicesResult></ListMFADevicesResponse>"
    aws.faults.add(action="ListMFADevices", answer=(200, answer.encode()))

    result = base.run_warm("devices", BASE, "--json")

    assert (1, "") == (result.code, result.stdout)
    assert "mfa-profiles: error: the response did not come from AWS" == result.errors[0]
