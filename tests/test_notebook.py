"""%mfa in real Jupyter kernels, as front ends and nbclient drive them, and in the IPython of a terminal."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pexpect
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.code_programs import add_program, with_oathtool
from tests.home import BASE, DERIVED, Home, add_temporary_keys
from tests.local_aws import LocalAWS, MFADevice, User
from tests.processes import PATIENCE
from tests.test_python import let_end

EXAMPLE = Path(__file__).parent.parent / "examples" / "notebook.ipynb"
PROMPT = "MFA code for arn:aws:iam::123456789012:mfa/john.doe: "
WHO = 'import boto3; print(boto3.client("sts").get_caller_identity()["Arn"])'
VALID = re.compile(rf"{DERIVED} is valid until (\d{{4}}-\d\d-\d\d )?\d\d:\d\d \((12 h|11 h 59 m)\)\n")

# What a hub may have put into the environment of its kernels.
OUTRANKING = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "of-somebody-else",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
}


@dataclass
class Cell:
    """What became of a cell: its text on both streams, its error, and the questions it asked."""

    stdout: str = ""
    stderr: str = ""
    error: str | None = None
    questions: list[tuple[str, bool]] = field(default_factory=list)
    """With each question, whether the answer is hidden."""


class Kernel:
    """A kernel of Jupyter in a home, and its front end."""

    def __init__(self, home: Home, client: BlockingKernelClient) -> None:
        self.home = home
        self.client = client

    def run(self, code: str, *answers: str, stdin: bool = True) -> Cell:
        """Run a cell, and type the answers to its questions."""
        cell, left = Cell(), iter(answers)

        def show(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                setattr(cell, content["name"], getattr(cell, content["name"]) + content["text"])
            elif message["msg_type"] == "error":
                cell.error = "\n".join(content["traceback"])

        def answer(message: dict[str, Any]) -> None:
            cell.questions.append((message["content"]["prompt"], message["content"]["password"]))
            self.client.input(next(left))

        self.client.execute_interactive(
            code, allow_stdin=stdin, stop_on_error=False, output_hook=show, stdin_hook=answer, timeout=PATIENCE
        )
        assert [] == list(left)
        # A traceback is one of IPython's own here, which check_for_secrets knows nothing of.
        self.home.check_for_secrets((cell.stdout + cell.stderr + (cell.error or "")).replace("Traceback", ""))
        return cell


@pytest.fixture
def kernel(base: Home) -> Iterator[Kernel]:
    """A kernel that was started before there is a session, in an environment with keys."""
    manager = KernelManager(connection_file=str(base.path / "kernel.json"))
    manager.start_kernel(env=base.environment(OUTRANKING), cwd=str(base.path))
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=120)
        yield Kernel(base, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_mfa_asks_below_the_cell(kernel: Kernel, base: Home, user: User, device: MFADevice) -> None:
    """Hidden, as notebooks are saved; then boto3, the environment and commands use the session."""
    wrong = device.wrong_code()
    base.secrets.append(wrong)
    kernel.run("%load_ext mfa_profiles\nimport boto3; boto3.client('sts', 'us-west-2')")  # with the hub's keys

    cell = kernel.run(f"%mfa {BASE}", wrong, base.code(device))

    assert ([(PROMPT, True)] * 2, None) == (cell.questions, cell.error)
    assert VALID.fullmatch(cell.stdout)
    refused, unset = cell.stderr.splitlines()
    assert refused.startswith(
        "mfa-profiles: warning: AWS did not accept the token code; if mistyped, the right one still works"
    )
    assert (
        "unset here, since it would outrank AWS_PROFILE: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
        "AWS_CONTAINER_CREDENTIALS_FULL_URI" == unset
    )
    assert Cell(stdout=f"{user.arn}\n") == kernel.run(WHO)
    assert Cell(stdout=f"{user.arn}\r\n{DERIVED}\r\n") == kernel.run(
        f"!{sys.executable} -c '{WHO}'; echo $AWS_PROFILE"
    )
    again = kernel.run("_mfa = get_ipython().run_line_magic('mfa', ''); print(_mfa)")
    assert (None, [], "") == (again.error, again.questions, again.stderr)
    assert again.stdout.endswith(")\nNone\n")


def test_a_kernel_outlives_the_session(kernel: Kernel, base: Home, user: User, device: MFADevice) -> None:
    """A client that was made before a refresh in another process goes on after it."""
    kernel.run("import datetime, mfa_profiles, boto3; boto3.client('sts', 'us-west-2')")  # which takes its time
    base.run("refresh", BASE, "--token-code", base.code(device))
    wait_for_its_end = let_end(base)
    kernel.run(f"sts = mfa_profiles.session('{BASE}', min_remaining=datetime.timedelta(0)).client('sts')")
    who = 'print(sts.get_caller_identity()["Arn"])'

    before = kernel.run(who)
    wait_for_its_end()
    ended = kernel.run(who)
    base.run("refresh", BASE, "--token-code", base.code(device))
    after = kernel.run(who)

    assert (f"{user.arn}\n", f"{user.arn}\n") == (before.stdout, after.stdout)
    assert ended.error is not None
    assert f"hint: get it with `mfa-profiles refresh {BASE}` in a terminal, `%mfa {BASE}`" in ended.error
    assert [] == before.questions + ended.questions + after.questions


def test_what_goes_wrong_is_a_line_and_hints(kernel: Kernel, aws: LocalAWS) -> None:
    """No traceback; but an error all the same, so that the cells below are not run with other credentials."""
    kernel.run("%load_ext mfa_profiles")

    unknown = kernel.run("%mfa smce-vega")
    too_many = kernel.run(f"%mfa {BASE} 123456")
    alone = kernel.run(f"%mfa {BASE}", stdin=False)

    assert unknown.error is not None
    assert ["mfa-profiles: error: there is no profile smce-vega", f"hint: did you mean {BASE}?"] == (
        unknown.error.splitlines()[:2]
    )
    assert "mfa-profiles: error: %mfa takes one profile\nhint: the token code is asked for" == too_many.error
    assert alone.error is not None
    assert (
        "mfa-profiles: error: a token code is needed, and there is nobody to ask for it"
        == (alone.error.splitlines()[0])
    )
    assert alone.error.splitlines()[1].startswith("hint: run mfa-profiles refresh before this")
    assert [] == aws.requests


def test_temporary_keys_are_used_as_they_are(kernel: Kernel, base: Home) -> None:
    """With a warning that says why, and hints on lines of their own."""
    add_temporary_keys(base)

    cell = kernel.run(f"%load_ext mfa_profiles\n%mfa {BASE}")

    why, *hints, unset = cell.stderr.splitlines()
    assert why.startswith(f"mfa-profiles: warning: {BASE} is used as it is, without an MFA session: ")
    assert hints
    assert all(hint.startswith("hint: ") for hint in hints)
    assert unset.startswith("unset here, since")


def test_names_are_completed(kernel: Kernel) -> None:
    """Behind %mfa."""
    kernel.run("%config Completer.use_jedi = False\n%load_ext mfa_profiles")  # without jedi it takes less time

    reply = kernel.client.complete("%mfa smce-ve", reply=True, timeout=120)

    assert [BASE] == reply["content"]["matches"]


def execute_example(home: Home) -> "subprocess.CompletedProcess[str]":
    """Have nbclient execute the example, with nobody there, and save it into the home."""
    shutil.copy(EXAMPLE, home.path / "notebook.ipynb")
    done = subprocess.run(
        [Path(sys.executable).parent / "jupyter-execute", "notebook.ipynb", "--inplace"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=home.environment(),
        cwd=home.path,
        start_new_session=True,
        timeout=120,
        check=False,
    )
    home.check_for_secrets((done.stdout + done.stderr).replace("Traceback", ""))
    return done


@with_oathtool
def test_the_example(base: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """mfa_process gives the code; what is saved then holds no secrets."""
    base.config.write_text(f"{base.config.read_text()}mfa_process = {add_program(base, 'code', device)}\n")
    aws.create_bucket("disaster-imagery", require_mfa=True)

    assert 0 == execute_example(base).returncode

    saved = (base.path / "notebook.ipynb").read_text()
    base.check_for_secrets(saved)
    cells = json.loads(saved)["cells"]
    first, *others = (text_of(cell["outputs"]) for cell in cells if cell["cell_type"] == "code")
    assert VALID.search(first)
    assert [f"'{user.arn}'", "['disaster-imagery']", "'123456789012'"] == others
    assert "GetSessionToken" in aws.actions


def test_the_example_without_anybody_to_ask(base: Home, aws: LocalAWS) -> None:
    """It ends at %mfa, and says what to do."""
    done = execute_example(base)

    assert 1 == done.returncode
    assert "mfa-profiles: error: a token code is needed, and there is nobody to ask for it\nhint: run " in done.stderr
    assert "GetSessionToken" not in aws.actions


def test_the_example_is_as_it_was_written() -> None:
    """Valid, with no outputs, and without a trace of the machine it was written on."""
    notebook = nbformat.read(EXAMPLE, as_version=4)  # type: ignore[no-untyped-call]

    nbformat.validate(notebook)
    assert {"kernelspec", "language_info"} == set(notebook.metadata)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [([], None)] * len(code) == [(cell.outputs, cell.execution_count) for cell in code]


def text_of(outputs: Iterable[dict[str, Any]]) -> str:
    """The text of a cell's outputs: streams, and its value."""
    return "".join("".join(output.get("text") or output["data"]["text/plain"]) for output in outputs)


def test_ipython_in_a_terminal(base: Home, user: User, device: MFADevice) -> None:
    """There the code is asked for where it is typed, and seen, as everywhere in a terminal."""
    ipython = str(Path(sys.executable).parent / "ipython")
    arguments = ["--simple-prompt", "--no-banner", "--no-confirm-exit", "--colors=NoColor"]
    child = pexpect.spawn(ipython, arguments, env=base.environment(), encoding="utf-8", timeout=120, echo=False)
    child.expect_exact("In [1]: ")
    child.sendline("%load_ext mfa_profiles")
    child.expect_exact("In [2]: ")
    child.sendline(f"%mfa {BASE}")
    child.expect_exact(PROMPT)
    child.sendline(base.code(device))
    child.expect(f"{DERIVED} is valid until ")
    child.expect_exact("In [3]: ")
    child.sendline(WHO)
    child.expect_exact(user.arn)
    child.expect_exact("In [4]: ")
    child.sendline("%mfa nobody")
    child.expect(r"mfa-profiles: error: there is no profile nobody\r\nhint: there are ")
    assert "Traceback" not in str(child.before)
    child.sendline("exit")
    child.expect(pexpect.EOF)
    child.close()
