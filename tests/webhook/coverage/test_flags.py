"""The look for pods without a backup judges by the options of the server."""

import argparse

import pytest

from contract.annotations.namespace import Policy
from webhook.admission.model import Options
from webhook.config import model
from webhook.coverage.background import flags


@pytest.mark.parametrize("left_out", [frozenset(), frozenset({"Job", "Workflow.argoproj.io"})])
def test_the_scan_command_has_the_options_of_the_server(left_out: frozenset[str]) -> None:
    parser = argparse.ArgumentParser()
    model.add_options(parser, {})
    given = Options(
        image="registry/sidecar:1", database_image="", defaults={"schedule": "@daily"},
        excluded_namespaces=frozenset({"a", "b"}), secrets=frozenset({"one", "two"}),
        enabled=Policy.ALL, left_out=left_out,
    )  # fmt: skip

    assert model.options(parser.parse_args(flags(given))) == given
