"""The guide that this tool began with: its Initial Setup, steps 1 to 4, by mfa-profiles alone."""

from tests.home import BASE, DERIVED, Home, base_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.screens import Screen

BUCKET = "s3://nasa-disasters/"


def test_whoever_follows_the_guide_gets_there(home: Home, aws: LocalAWS, user: User) -> None:
    """From keys on a sheet of paper to a bucket that demands MFA, without editing a file."""
    home.secrets.append(user.secret_access_key)
    aws.create_bucket("nasa-disasters", require_mfa=True).put_object("flood.tif", b"II*")

    configure_credentials_and_region(home, user)
    doctor_says_how_to_enable_mfa(home)
    device = user.add_virtual_device()
    doctor_verifies_mfa(home, device)
    authenticate_with_mfa(home, device)

    listed = home.run("s3", "ls", BUCKET, program="aws", env={"AWS_PROFILE": DERIVED})
    without_mfa = home.run("s3", "ls", BUCKET, program="aws", env={"AWS_PROFILE": BASE})
    assert (0, "flood.tif") == (listed.code, listed.stdout.split()[-1])
    assert (True, "") == (without_mfa.code > 0, without_mfa.stdout)


def configure_credentials_and_region(home: Home, user: User) -> None:
    """Steps 1 and 2: the files of the guide, with a header in the config file that the SDKs see."""
    with Screen(home, ["setup", BASE]) as screen:
        screen.wait_for(f"Access key ID for {BASE}:")
        screen.type(user.access_key_id)
        screen.wait_for("Secret access key")
        screen.type(user.secret_access_key)
        screen.wait_for("Region [us-east-1]:")
        screen.type("us-west-2")
        screen.wait_for("hint: register an authenticator app: IAM console")
        screen.wait_for(f"next, with the MFA device in place: mfa-profiles refresh {BASE}")

        assert 0 == screen.end()
    assert {
        "credentials": home.masked(base_section(user)),
        "config": f"[profile {BASE}]\nregion = us-west-2\n",
    } == home.files()


def doctor_says_how_to_enable_mfa(home: Home) -> None:
    """Step 3, for somebody who has not taken it yet."""
    with Screen(home, ["doctor", BASE]) as screen:
        screen.wait_for("1 problem")
        assert "register an authenticator app" in screen.text

        assert 1 == screen.end()


def doctor_verifies_mfa(home: Home, device: MFADevice) -> None:
    """Step 4: what the guide lists the devices for."""
    with Screen(home, ["doctor", BASE]) as screen:
        screen.wait_for("no problems")
        assert device.serial_number in screen.text

        assert 0 == screen.end()


def authenticate_with_mfa(home: Home, device: MFADevice) -> None:
    """The code from the phone; the device is found."""
    with Screen(home, ["refresh", BASE]) as screen:
        screen.wait_for(f"MFA code for {device.serial_number}:")
        screen.type(device.code())
        screen.wait_for(f"{DERIVED} is valid until")

        assert 0 == screen.end()
