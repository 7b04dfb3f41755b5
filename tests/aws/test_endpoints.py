"""Where calls go: partitions, regions, endpoints, proxies and CAs, as botocore honours them for the base profile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.home import BASE, DERIVED, Home, session_section
from tests.local_aws import LocalAWS, MFADevice, PrivateCA, User
from tests.proxy import ConnectProxy

HOSTS = (
    "sts.us-west-2.amazonaws.com",
    "sts-fips.us-west-2.amazonaws.com",
    "sts.us-west-2.api.aws",
    "sts-fips.us-west-2.api.aws",
    "sts.eu-south-1.amazonaws.com",
    "sts.us-gov-west-1.amazonaws.com",
    "sts.us-gov-east-1.amazonaws.com",
    "sts.cn-north-1.amazonaws.com.cn",
    "sts.us-east-1.amazonaws.com",
    "sts.amazonaws.com",
    "iam.amazonaws.com",
    "iam.us-gov.amazonaws.com",
    "iam.cn-north-1.amazonaws.com.cn",
)


@pytest.fixture(scope="module")
def authority() -> PrivateCA:
    """A CA that nobody trusts of their own accord, and that has signed for AWS's own names."""
    return PrivateCA(*HOSTS)


@pytest.fixture
def tls_aws(authority: PrivateCA) -> Iterator[LocalAWS]:
    """A local AWS over TLS."""
    with LocalAWS(authority=authority) as aws:
        yield aws


class World:
    """A home directory from which AWS is reached through a proxy, under AWS's own names."""

    def __init__(self, home: Home, proxy: ConnectProxy, ca_bundle: Path) -> None:
        self.home = home
        self.proxy = proxy
        self.ca_bundle = ca_bundle

    def refresh(self, device: MFADevice, **environment: str) -> int:
        """Refresh the base profile, and return the exit code."""
        through = {"HTTPS_PROXY": self.proxy.url, "AWS_ENDPOINT_URL": "", "AWS_CA_BUNDLE": str(self.ca_bundle)}
        env = {**through, **environment}
        if not env["AWS_CA_BUNDLE"]:  # to botocore an empty one is one
            del env["AWS_CA_BUNDLE"]
        return self.home.run_warm("refresh", BASE, "--token-code", self.home.code(device), env=env).code


@pytest.fixture
def world(tmp_path: Path, tls_aws: LocalAWS, authority: PrivateCA) -> Iterator[World]:
    """A proxy before the local AWS, and the CA's certificate in a file."""
    bundle = tmp_path / "ca.pem"
    authority.write_pem(bundle)
    with ConnectProxy(tls_aws.port) as proxy:
        yield World(Home(tmp_path, tls_aws), proxy, bundle)


SETTINGS = {
    "a region": ("aws", "region = us-west-2\n", ["sts.us-west-2.amazonaws.com"]),
    "fips": ("aws", "region = us-west-2\nuse_fips_endpoint = true\n", ["sts-fips.us-west-2.amazonaws.com"]),
    "dual stack": ("aws", "region = us-west-2\nuse_dualstack_endpoint = true\n", ["sts.us-west-2.api.aws"]),
    "both": (
        "aws",
        "region = us-west-2\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\n",
        ["sts-fips.us-west-2.api.aws"],
    ),
    "legacy": (
        "aws",
        "region = us-west-2\nsts_regional_endpoints = legacy\n",
        ["sts.amazonaws.com"],
    ),
    "a region of GovCloud": ("aws-us-gov", "region = us-gov-east-1\n", ["sts.us-gov-east-1.amazonaws.com"]),
    "no region, GovCloud": ("aws-us-gov", "", ["sts.us-gov-west-1.amazonaws.com"]),
    "no region, China": ("aws-cn", "", ["sts.cn-north-1.amazonaws.com.cn"]),
    "no region": ("aws", "", ["sts.us-east-1.amazonaws.com"]),
}


@pytest.mark.parametrize(("partition", "settings", "hosts"), SETTINGS.values(), ids=SETTINGS)
def test_the_host_that_is_asked(
    world: World, tls_aws: LocalAWS, partition: str, settings: str, hosts: list[str]
) -> None:
    """By the settings of the base profile and the partition of its device, through a proxy and with a private CA."""
    user = tls_aws.create_user("john.doe", partition=partition)
    device = user.add_virtual_device()
    world.home.add_base(user, config=f"{settings}mfa_serial = {device.serial_number}\n")

    code = world.refresh(device)

    assert [f"{host}:443" for host in hosts] == world.proxy.connects
    assert (0, hosts) == (code, [request.host for request in tls_aws.requests])


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "us-west-2", "iam.amazonaws.com"),
        ("aws-us-gov", "us-gov-west-1", "iam.us-gov.amazonaws.com"),
        ("aws-cn", "cn-north-1", "iam.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_devices_of_a_partition(world: World, tls_aws: LocalAWS, partition: str, region: str, host: str) -> None:
    """Each partition has an IAM of its own, and ARNs that begin with its name."""
    user = tls_aws.create_user("john.doe", partition=partition)
    device = user.add_virtual_device()
    world.home.add_base(user, config=f"region = {region}\n")

    assert 0 == world.refresh(device)
    assert host == tls_aws.requests[0].host
    assert device.serial_number.startswith(f"arn:{partition}:iam::")
    assert f"mfa_serial {device.serial_number}" in world.home.text(world.home.credentials)


@pytest.mark.parametrize("where", ["profile", "environment"])
def test_a_private_ca(world: World, tls_aws: LocalAWS, where: str) -> None:
    """ca_bundle of the profile or AWS_CA_BUNDLE; without either the certificate is not trusted."""
    user = tls_aws.create_user("john.doe")
    device = user.add_virtual_device()
    settings = f"region = us-west-2\nmfa_serial = {device.serial_number}\nendpoint_url = {tls_aws.endpoint_url}\n"
    in_profile = f"ca_bundle = {world.ca_bundle}\n" if where == "profile" else ""
    world.home.add_base(user, config=settings + in_profile)

    untrusted = world.refresh(device, AWS_CA_BUNDLE="", AWS_ENDPOINT_URL="") if where == "environment" else 1
    bundle = "" if where == "profile" else str(world.ca_bundle)
    trusted = world.refresh(device, AWS_CA_BUNDLE=bundle, HTTPS_PROXY="")

    assert (1, 0) == (untrusted, trusted)
    if where == "profile":
        assert str(world.ca_bundle) == world.home.section(f"profile {DERIVED}", world.home.config)["ca_bundle"]


@pytest.mark.parametrize(
    ("settings", "environment"),
    [("", {"AWS_CA_BUNDLE": ""}), ("", {"REQUESTS_CA_BUNDLE": ""}), ("ca_bundle =\n", {})],
    ids=["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "ca_bundle"],
)
@pytest.mark.parametrize("name", [BASE, "web"])
def test_an_empty_ca_bundle_does_not_make_all_certificates_trusted(
    tmp_path: Path, tls_aws: LocalAWS, name: str, settings: str, environment: dict[str, str]
) -> None:
    """Neither in a call of this tool nor in one that botocore makes to get credentials."""
    user = tls_aws.create_user("john.doe")
    device = user.add_virtual_device()
    home = Home(tmp_path, tls_aws)
    home.add_base(user, config=f"region = us-west-2\nmfa_serial = {device.serial_number}\n{settings}")
    token = tmp_path / "token"
    token.write_text("a token that others must not get")
    with home.config.open("a") as config:
        role = "arn:aws:iam::123456789012:role/web"
        config.write(f"\n[profile web]\nrole_arn = {role}\nweb_identity_token_file = {token}\n")
        config.write(f"region = us-west-2\n{settings}")

    env = {"MFA_PROFILES_TOKEN_CODE": home.code(device), **environment}
    result = home.run_warm("exec", name, "--", "true", env=env)

    assert (1, []) == (result.code, tls_aws.requests), result.stderr


ENDPOINTS = {
    "endpoint_url": ("endpoint_url = {url}\n", {}),
    "services": ("services = local\n\n[services local]\nsts =\n    endpoint_url = {url}\n", {}),
    "AWS_ENDPOINT_URL": ("", {"AWS_ENDPOINT_URL": "{url}"}),
    "AWS_ENDPOINT_URL_STS": ("", {"AWS_ENDPOINT_URL_STS": "{url}"}),
    "the service's outranks the general": (
        "endpoint_url = http://127.0.0.1:9\n",
        {"AWS_ENDPOINT_URL_STS": "{url}", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
    ),
}


@pytest.mark.parametrize(("settings", "environment"), ENDPOINTS.values(), ids=ENDPOINTS)
def test_an_endpoint(
    home: Home, aws: LocalAWS, user: User, device: MFADevice, settings: str, environment: dict[str, str]
) -> None:
    """Of the profile, of its services section, or of the environment."""
    own = settings.format(url=aws.endpoint_url)
    home.add_base(user, config=f"region = us-west-2\nmfa_serial = {device.serial_number}\n{own}")
    env = {"AWS_ENDPOINT_URL": ""} | {key: value.format(url=aws.endpoint_url) for key, value in environment.items()}

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device), env=env)

    assert (0, ["GetSessionToken"]) == (result.code, aws.actions)


def test_a_role_is_assumed_in_its_own_region(world: World, tls_aws: LocalAWS) -> None:
    """With the settings of the role profile, while its source is asked for with its own."""
    user = tls_aws.create_user("john.doe")
    device = user.add_virtual_device()
    role = tls_aws.create_role("admin", require_mfa=True)
    profile = f"role_arn = {role.arn}\nsource_profile = {BASE}\nregion = eu-south-1\n"
    world.home.add_base(
        user, config=f"region = us-west-2\nmfa_serial = {device.serial_number}\n\n[profile admin]\n{profile}"
    )

    code = world.refresh(device)
    env = {"HTTPS_PROXY": world.proxy.url, "AWS_ENDPOINT_URL": "", "AWS_CA_BUNDLE": str(world.ca_bundle)}
    role_code = world.home.run_warm("refresh", "admin", env=env).code

    assert (0, 0) == (code, role_code)
    assert ["sts.us-west-2.amazonaws.com", "sts.eu-south-1.amazonaws.com"] == [r.host for r in tls_aws.requests]


def test_the_partition_of_a_device_that_is_remembered(world: World, tls_aws: LocalAWS) -> None:
    """Without any region, the ARN in the derived section tells where the account is."""
    user = tls_aws.create_user("john.doe", partition="aws-cn")
    device = user.add_virtual_device()
    world.home.add_base(user, config=f"mfa_serial = {device.serial_number}\n")
    first = world.refresh(device)
    world.home.add_base(user, config="output = json\n")
    world.home.credentials.write_text(
        world.home.credentials.read_text()
        + session_section(
            DERIVED, source=f"{BASE}, mfa_serial {device.serial_number}", expires="2020-01-01T00:00:00Z"
        )
    )

    assert (0, 0) == (first, world.refresh(device))
    assert {"sts.cn-north-1.amazonaws.com.cn"} == {request.host for request in tls_aws.requests}
