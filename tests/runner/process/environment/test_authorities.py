"""Own authorities: in each spelling, whole or not at all, beside the system's."""

import os
import ssl
from pathlib import Path

import pytest
import trustme

from contract.annotations.settings import Problem
from runner.config.network.routes import AUTHORITIES, Authorities, Network
from runner.process.environment import authorities
from runner.process.log import Log

ONE, TWO = (trustme.CA().cert_pem.bytes().decode() for _ in range(2))
_, *DAMAGED = ONE.splitlines()
KEY = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWtleQ==\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of all kinds."""
    (tmp_path / "one.pem").write_text(ONE)
    (tmp_path / "both.pem").write_text(f"# ours\n{ONE}\n{TWO}")
    (tmp_path / "with-key.pem").write_text(KEY + ONE)
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "key.pem").write_text(KEY)
    (tmp_path / "noise.pem").write_bytes(bytes(range(256)))
    (tmp_path / "der.pem").write_bytes(ssl.PEM_cert_to_DER_cert(ONE))
    (tmp_path / "damaged.pem").write_text("-----BEGIN CERTIFICATE-----\n" + "\n".join(DAMAGED[1:]))
    (tmp_path / "half.pem").write_text(ONE + ONE.replace("M", "N", 1))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a.0").write_text(ONE)
    (tmp_path / "folder/readme").write_text("no certificate")
    (tmp_path / "folder/sub").mkdir()
    (tmp_path / "nothing").mkdir()
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def known(found: Authorities) -> int:
    """Return how many certificates there are in it."""
    assert found.problems == ()
    return found.pem.count("BEGIN CERTIFICATE")


@pytest.mark.parametrize("key", AUTHORITIES[:3])
@pytest.mark.parametrize(
    ("name", "number"), [("one.pem", 1), ("both.pem", 2), ("with-key.pem", 1), (" one.pem\n", 1)]
)
def test_a_ca_may_be_a_file(folder: Path, key: str, name: str, number: int) -> None:
    found = authorities.read({key: name.replace(name.strip(), f"{folder}/{name.strip()}")})

    assert known(found) == number
    assert "PRIVATE" not in found.pem


@pytest.mark.parametrize("key", AUTHORITIES[:2])
@pytest.mark.parametrize(
    "text",
    [ONE, f"\n {ONE}\n\n", ONE.replace("\n", "\r\n"), ONE.replace("\n", "\\n"), f"# a\n{ONE}",
     KEY + ONE],
)  # fmt: skip
def test_a_ca_may_be_text(key: str, text: str) -> None:
    found = authorities.read({key: text})

    assert known(found) == 1
    assert (found.for_all, "PRIVATE" in found.pem) == (True, False)


def test_a_ca_may_be_folders_and_several_files(folder: Path) -> None:
    of_folders = {"SSL_CERT_DIR": f"{folder}/none:{folder}/folder"}
    assert known(authorities.read(of_folders)) == 1
    of_restic = {"RESTIC_CACERT": f"{folder}/one.pem,{folder}/both.pem"}
    assert known(authorities.read(of_restic)) == 3
    assert not authorities.read(of_folders | of_restic).for_all
    assert known(authorities.read({"BACKUP_CACERT": ONE, **of_folders})) == 2
    assert known(authorities.read(dict.fromkeys(AUTHORITIES, " \n"))) == 0


@pytest.mark.parametrize("key", AUTHORITIES)
@pytest.mark.parametrize(
    ("name", "why"),
    [("empty.pem", "contains no certificate"), ("key.pem", "contains no certificate"),
     ("noise.pem", "contains no certificate"), ("der.pem", "contains no certificate"),
     ("damaged.pem", "a damaged certificate"), ("half.pem", "a damaged certificate"),
     ("none.pem", "No such file"), ("nothing", "is not a file"), ("pipe", "is not a file"),
     ("one.pem/x", "Not a directory"), ("a\udcff\0b", "is not a path"), ("x" * 300, "too long")],
)  # fmt: skip
def test_an_invalid_ca_is_named_and_no_part_is_trusted(
    folder: Path, key: str, name: str, why: str
) -> None:
    """Whatever else of the same Secret is right, counts."""
    path = f"{folder}/{name}"
    if key == "SSL_CERT_DIR":
        (folder / "d").mkdir()
        if why == "a damaged certificate":
            (folder / name).rename(folder / "d" / name)
        path, why = (
            f"{folder}/d",
            "a damaged certificate"
            if why == "a damaged certificate"
            else "contains no certificate",
        )

    found = authorities.read({key: path})
    right = dict.fromkeys(AUTHORITIES, f"{folder}/one.pem") | {"SSL_CERT_DIR": f"{folder}/folder"}
    beside = authorities.read({**right, key: path})

    (problem,) = found.problems
    assert isinstance(problem, Problem)
    assert (problem.key, found.pem, found.for_all) == (key, "", False)
    assert why in str(problem)
    assert beside.problems == (problem,)


@pytest.mark.parametrize("text", [ONE.replace("M", "N", 1), "-----BEGIN CERTIFICATE-----\nx",
                                  KEY, ONE + ONE.replace("M", "N", 1)])  # fmt: skip
def test_an_invalid_ca_text_is_not_quoted(text: str) -> None:
    """It may be a key that stands in the wrong place."""
    (problem,) = authorities.read({"BACKUP_CACERT": text}).problems

    assert str(problem).startswith("Secret variable BACKUP_CACERT: contains ")
    assert "secret" not in str(problem)
    assert "c2VjcmV0" not in str(problem)


def test_system_cas_stay_trusted() -> None:
    plain = authorities.context(Authorities()).cert_store_stats()["x509_ca"]
    own = authorities.context(authorities.read({"BACKUP_CACERT": ONE})).cert_store_stats()

    assert plain > 0
    assert own["x509_ca"] == plain + 1


def test_the_bundle_is_readable_by_every_user_and_written_once(tmp_path: Path) -> None:
    given = authorities.read({"BACKUP_CACERT": KEY + ONE})
    path = Path(authorities.bundle(given, str(tmp_path / "tmp")))
    was = path.stat()

    again = authorities.bundle(given, str(tmp_path / "tmp"))

    text = path.read_text()
    assert ONE.strip() in text
    assert text.count("BEGIN CERTIFICATE") > 1
    assert "PRIVATE" not in text
    assert (Path(again), path.stat()) == (path, was)
    assert was.st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_restic_gets_the_bundle(tmp_path: Path) -> None:
    """Its own variable where it names a file; a text that stands there is no file."""
    made = {"TMPDIR": str(tmp_path)}

    def given(**variables: str) -> dict[str, str]:
        network = Network(authorities.read(variables))
        return authorities.environment(network, made | variables, Log())

    (tmp_path / "own.pem").write_text(TWO)
    own = {"RESTIC_CACERT": str(tmp_path / "own.pem")}
    ours = given(BACKUP_CACERT=ONE)
    assert ours["RESTIC_CACERT"] == ours["SSL_CERT_FILE"] != ""
    assert given(RESTIC_CACERT=ONE) == ours
    both = given(BACKUP_CACERT=ONE, **own)
    assert both["RESTIC_CACERT"] == own["RESTIC_CACERT"]
    assert TWO.strip() in Path(both["SSL_CERT_FILE"]).read_text()
    assert given(**own) == {}
    assert given(BACKUP_CACERT="none") == {}


def test_a_bundle_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tmp").write_text("a file")
    network = Network(authorities.read({"BACKUP_CACERT": ONE}))

    assert authorities.environment(network, {"TMPDIR": str(tmp_path / "tmp")}, Log()) == {}

    assert "own CAs are not used" in capsys.readouterr().out
