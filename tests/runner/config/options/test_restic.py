"""Options of restic in the Secret: every spelling of those that are handled, kept or left out."""

import pytest

from runner.config.model import Config
from tests.runner.config.workload import SECRET, configured

KEPT = {
    "--exclude '*.tmp'": ("--exclude", "*.tmp"),
    "--exclude=*.tmp": ("--exclude=*.tmp",),
    "-e *.tmp": ("-e", "*.tmp"),
    "-e*.tmp": ("-e*.tmp",),
    "-e=*.tmp": ("-e=*.tmp",),
    "-xe *.tmp": ("-x", "-e", "*.tmp"),
    "-vx": ("-v", "-x"),
    "-vv": ("-v", "-v"),
    "--verbose": ("--verbose",),
    "--verbose=2": ("--verbose=2",),
    "-v=2": ("-v=2",),
    "--exclude -n": ("--exclude", "-n"),  # a value, and no option
    "-e -n": ("-e", "-n"),
    "--tag one,two --tag=three": ("--tag", "one,two", "--tag=three"),
    "--tag dumped": ("--tag", "dumped"),
    "--force --no-scan": ("--force", "--no-scan"),
    "-f": ("-f",),
    "--read-concurrency 4": ("--read-concurrency", "4"),
    "--exclude-larger-than=1G": ("--exclude-larger-than=1G",),
    "--files-from /etc/backup/list": ("--files-from", "/etc/backup/list"),
    "--with-atime --ignore-inode": ("--with-atime", "--ignore-inode"),
    "--skip-if-unchanged": ("--skip-if-unchanged",),
    "--skip-if-unchanged=true": ("--skip-if-unchanged",),
    "--skip-if-unchanged=1 -x": ("--skip-if-unchanged", "-x"),
    "--skip-if-unchanged --skip-if-unchanged=false": (),
    "--json -q --quiet": (),
    "-qx": ("-x",),
    "--dry-run=false": (),
    "-n=0": (),
    "--dry --no-such": ("--dry", "--no-such"),  # for restic to refuse
    "-Z": ("-Z",),
    "/srv/more": ("/srv/more",),
    "-- -x": ("-x",),
}
REFUSED = {
    "--dry-run": "--dry-run",
    "--dry-run=true": "--dry-run=true",
    "-n": "--dry-run",
    "-n=1": "--dry-run=1",
    "-vn": "--dry-run",
    "-nv": "--dry-run",
    "-xnv": "--dry-run",
    "-- -n": "--dry-run",
    "--help": "--help",
    "-h": "--help",
    "--version": "--version",
    "--host other": "--host=other",
    "--host=other": "--host=other",
    "-H other": "--host=other",
    "-Hother": "--host=other",
    "-xH other": "--host=other",
    "--hostname other": "--hostname=other",
    "--group-by paths": "--group-by=paths",
    "-g paths": "--group-by=paths",
    "--time '2020-01-01 00:00:00'": "--time=2020-01-01 00:00:00",
    "--parent latest": "--parent=latest",
    "--stdin": "--stdin",
    "--stdin-filename x": "--stdin-filename",
    "--stdin-from-command": "--stdin-from-command",
    "--no-lock": "--no-lock",
    "--insecure-no-password": "--insecure-no-password",
    "--cache-dir /tmp": "--cache-dir",
    "--repo rest:http://me:pa55word@there/": "--repo",
    "-r rest:http://me:pa55word@there/": "--repo",
    "-rrest:http://me:pa55word@there/": "--repo",
    "--repository-file /x": "--repository-file",
    "--password-file=/x": "--password-file",
    "-p /x": "--password-file",
    "--password-command 'echo pa55word'": "--password-command",
    "--tag doubtful": "--tag",
    "--tag mine,dump=mysql": "--tag",
    "--tag=ns=other": "--tag",
    "--exclude": "--exclude",  # it would take our --host for its value
    "-e": "--exclude",
    "--tag": "--tag",
    "--limit-upload": "--limit-upload",
    "--limit-upload fast": "--limit-upload",
    "--pack-size=1000": "--pack-size",
    "--compression=most": "--compression",
    "-o mistyped.connections=3": "--option",
    "-o s3.connections": "--option",
    "--retry-lock 5": "--retry-lock",
}
FOR_ALL = {
    "-o s3.connections=2": ("--option=s3.connections=2",),
    "-os3.connections=2": ("--option=s3.connections=2",),
    "--option s3.connections=2": ("--option=s3.connections=2",),
    "--option=sftp.args='-p 22 -i /key'": ("--option=sftp.args=-p 22 -i /key",),
    "--limit-upload 500 --limit-download=600": ("--limit-upload=500", "--limit-download=600"),
    "--insecure-tls": ("--insecure-tls",),
    "--insecure-tls=true": ("--insecure-tls",),
    "--insecure-tls=false": (),
    "--cacert /ca.pem --tls-client-cert=/c.pem": ("--cacert=/ca.pem", "--tls-client-cert=/c.pem"),
    "--pack-size 64 --compression max": ("--pack-size=64", "--compression=max"),
    "--http-user-agent 'me 1'": ("--http-user-agent=me 1",),
    "--key-hint abcd": ("--key-hint=abcd",),
    "--no-cache --cleanup-cache --no-extra-verify": (
        "--no-cache", "--cleanup-cache", "--no-extra-verify",
    ),
    "--stuck-request-timeout 10m": ("--stuck-request-timeout=10m",),
}  # fmt: skip


def _given(text: str, key: str = "RESTIC_ADDITIONAL_BACKUP_PARAMETERS") -> Config:
    return configured(secret={key: text})


@pytest.mark.parametrize("text", KEPT)
def test_an_option_that_changes_no_output_is_kept_unchanged(text: str) -> None:
    read = _given(text)

    assert read.repository.options.backup == KEPT[text]
    assert (read.repository.options.every, read.problems) == ((), ())


@pytest.mark.parametrize("text", REFUSED)
def test_an_invalid_option_is_named_and_the_others_stay(text: str) -> None:
    """A typo never costs a backup; values that may be secret are not shown."""
    read = _given(f"--exclude-caches {text}")

    (problem,) = read.problems
    assert problem.value == REFUSED[text]
    assert str(problem).startswith("Secret variable RESTIC_ADDITIONAL_BACKUP_PARAMETERS")
    assert "pa55word" not in str(problem)
    assert set(read.repository.options.backup) - {"-v", "-x"} == {"--exclude-caches"}
    assert (read.repository.options.every, read.repository.options.excludes) == ((), ())


@pytest.mark.parametrize("key", ["RESTIC_OPTIONS", "RESTIC_ADDITIONAL_BACKUP_PARAMETERS"])
@pytest.mark.parametrize("text", FOR_ALL)
def test_a_global_option_applies_to_every_command(text: str, key: str) -> None:
    read = _given(text, key)

    options = read.repository.options
    assert (options.every, options.backup, read.problems) == (FOR_ALL[text], (), ())


@pytest.mark.parametrize(("text", "seconds"), [("5m", 300), ("1h30m", 5400), ("1.5s", 1.5)])
@pytest.mark.parametrize("key", ["RESTIC_OPTIONS", "RESTIC_ADDITIONAL_BACKUP_PARAMETERS"])
def test_the_lock_timeout_applies_to_every_command_that_waits(
    text: str, seconds: float, key: str
) -> None:
    read = _given(f"--retry-lock {text}", key)

    assert read.timing.lock_patience == seconds
    assert (read.repository.options.every, read.repository.options.backup) == ((), ())


@pytest.mark.parametrize(
    "text",
    ["--exclude x", "-e x", "--exclude-caches", "--dry-run", "-n", "--tag x", "--verbose", "word",
     "--json", "--unknown=pa55word", "-r x", "--password-command x", "--skip-if-unchanged"],
)  # fmt: skip
def test_a_backup_option_does_not_apply_to_other_commands(text: str) -> None:
    read = _given(f"--limit-upload 5 {text}", "RESTIC_OPTIONS")

    (problem,) = read.problems[:1]
    assert problem.key == "RESTIC_OPTIONS"
    assert "pa55word" not in str(problem)
    options = read.repository.options
    assert (options.every, options.backup) == (("--limit-upload=5",), ())


def test_an_option_in_both_variables_is_taken_from_the_more_specific_one() -> None:
    """Of two values restic takes the last."""
    secret = {
        "RESTIC_OPTIONS": "--limit-upload 1",
        "RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "--limit-upload 2",
    }

    every = configured(secret=secret).repository.options.every
    assert every == ("--limit-upload=1", "--limit-upload=2")


def test_the_options_variable_is_not_passed_to_restic() -> None:
    assert dict(_given("--no-cache", "RESTIC_OPTIONS").repository.environment) == SECRET


@pytest.mark.parametrize("text", ["--dry-run", "--no-lock", "--insecure-no-password"])
def test_the_name_of_an_option_is_no_secret(text: str) -> None:
    """Else the problem that names it would not."""
    (problem,) = _given(text).problems
    assert text in str(problem)
