"""Whatever a manifest or a pod holds, what the webhook's commands write steers no terminal."""

import json
import logging
from pathlib import Path

import pytest
import yaml

from tests.planted import TEXT, steering
from tests.webhook import commands
from tests.webhook.admitting import Json, answer_to
from webhook import log

PLANTED = TEXT.replace("\udcff", "")
_PLACES = ("name", "namespace", "annotation", "volume", "label", "environment", "key")


def manifest(place: str) -> Json:
    """Return a pod with a planted text in one place."""
    made: Json = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "wiki", "namespace": "prod",
                     "annotations": {"backup.enabled": "true"}, "labels": {}},
        "spec": {
            "containers": [{"name": "app", "image": "app:1", "env": [],
                            "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        },
    }  # fmt: skip
    container = made["spec"]["containers"][0]
    match place:
        case "name" | "namespace":
            made["metadata"][place] = PLANTED
        case "annotation":
            named = ("schedule", "timezone", "volumes", "secret", "name", "run-as", "exclude",
                     "restore-as-of", "restore-from", "restore", "typo")  # fmt: skip
            made["metadata"]["annotations"] |= {f"backup.{each}": PLANTED for each in named}
        case "volume":
            made["spec"]["volumes"][0]["name"] = container["volumeMounts"][0]["name"] = PLANTED
        case "label":
            made["metadata"]["labels"][PLANTED] = PLANTED
        case "environment":
            container["env"] = [{"name": PLANTED, "value": PLANTED}]
        case _:
            made["metadata"]["annotations"][f"backup.{PLANTED}"] = PLANTED
    return made


@pytest.mark.parametrize("place", _PLACES)
def test_text_of_a_manifest_does_not_control_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: str
) -> None:
    file = tmp_path / "wiki.yaml"
    file.write_text(yaml.safe_dump(manifest(place)))

    injected = commands.inject(capsys, file)
    linted = commands.run(capsys, "lint", "-f", str(file))
    for_programs = commands.run(capsys, "lint", "-f", str(file), "--output", "json")

    assert injected.status == 0
    assert injected.documents()[0]["metadata"]["name"] == manifest(place)["metadata"]["name"]
    for ran in (injected, linted, for_programs):
        assert (steering(ran.out), steering(ran.err)) == ([], [])


def test_inject_prints_equivalent_manifests_alike(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    given = {**manifest("label"), "data": {"text": f"größer {PLANTED}"}}
    file = tmp_path / "wiki.yaml"
    file.write_text(yaml.safe_dump(given, allow_unicode=True))

    (found,) = commands.inject(capsys, file).documents()

    assert found["data"] == given["data"]


@pytest.mark.parametrize("text", ["kind: !{x} a", "{{x: [", "'{x}", "kind: [{x}]\n- a"])
def test_an_invalid_manifest_does_not_control_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    file = tmp_path / PLANTED.replace("/", "").replace("\0", "")
    file.write_text(text.replace("{x}", PLANTED))

    for command in ("inject", "lint"):
        ran = commands.run(capsys, command, "-f", str(file))
        assert (ran.status, steering(ran.out + ran.err)) == (2, [])


@pytest.mark.parametrize("words", [[PLANTED], ["inject", PLANTED], ["lint", "--output", PLANTED]])
def test_arguments_do_not_control_the_terminal(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    ran = commands.run(capsys, *words)

    assert (ran.status, steering(ran.err)) == (2, [])


@pytest.mark.parametrize("place", _PLACES)
def test_warnings_that_kubectl_shows_do_not_control_the_terminal(asked: Json, place: str) -> None:
    asked["request"]["object"] = manifest(place)

    for line in answer_to(asked).warnings:
        assert steering(line, kept="") == []


def test_a_log_line_keeps_its_meaning_and_does_not_control_the_terminal() -> None:
    record = logging.LogRecord("webhook", logging.INFO, "", 0, PLANTED, None, None)
    record.fields = {"pod": PLANTED, "größer": "ü"}

    line = log.JsonFormatter().format(record)

    assert steering(line, kept="") == []
    assert json.loads(line)["pod"] == json.loads(line)["message"] == PLANTED
    assert '"größer":"ü"' in line
