"""Signed where git is set to, with real keys: GPG and SSH, and git says that the signature holds."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from scaffold.common.errors import CheckFailed
from scaffold.delivery.commit import commit
from tests.delivery.test_commit import git

FILE = PurePosixPath("docs/a.txt")
WHO = "test@example.com"


def configured(repo: Path, **values: str) -> None:
    for name, value in values.items():
        git(repo, "config", name.replace("_", "."), value)


@pytest.fixture
def gpg_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The id of a new key in a keyring of its own; its agent's socket takes no long path."""
    if shutil.which("gpg") is None:
        pytest.skip("no gpg here")
    with tempfile.TemporaryDirectory(prefix="gpg-", dir="/tmp") as home:
        monkeypatch.setenv("GNUPGHOME", home)
        make = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", f"Test <{WHO}>", "ed25519"]
        subprocess.run([*make, "sign", "never"], check=True, capture_output=True)
        listed = subprocess.run(["gpg", "--list-keys", "--with-colons"], check=True, capture_output=True, text=True)
        yield next(line.split(":")[9] for line in listed.stdout.splitlines() if line.startswith("fpr:"))
        subprocess.run(["gpgconf", "--kill", "all"], check=True, capture_output=True)


def test_a_gpg_signature_holds_and_one_that_cannot_be_made_refuses(delivery_repo: Path, gpg_key: str) -> None:
    configured(delivery_repo, commit_gpgsign="true", user_signingkey=gpg_key)
    made = commit(delivery_repo, {FILE: "a"}, "x")
    shown = subprocess.run(
        ["git", "verify-commit", made], cwd=delivery_repo, check=True, capture_output=True, text=True
    )
    assert f'Good signature from "Test <{WHO}>"' in shown.stderr
    assert git(delivery_repo, "log", "-1", "--format=%B").rstrip().endswith(f"Signed-off-by: Test Engineer <{WHO}>")
    configured(delivery_repo, user_signingkey="0" * 40)
    with pytest.raises(CheckFailed, match="gpg failed to sign"):
        commit(delivery_repo, {FILE: "b"}, "x")
    assert git(delivery_repo, "rev-parse", "HEAD").strip() == made


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")
def test_an_ssh_signature_holds(delivery_repo: Path, tmp_path: Path) -> None:
    key, signers = tmp_path / "key", tmp_path / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers.write_text(f"{WHO} {key.with_suffix('.pub').read_text()}")
    configured(delivery_repo, commit_gpgsign="true", gpg_format="ssh", user_signingkey=str(key))
    git(delivery_repo, "config", "gpg.ssh.allowedSignersFile", str(signers))
    made = commit(delivery_repo, {FILE: "a"}, "x")
    environment = {**os.environ, "LC_ALL": "C"}
    verify = ["git", "verify-commit", made]
    shown = subprocess.run(verify, cwd=delivery_repo, check=True, capture_output=True, text=True, env=environment)
    assert f'Good "git" signature for {WHO}' in shown.stderr
