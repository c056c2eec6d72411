"""What reads the words of others keeps its promises, also with what nobody thought of."""

from pathlib import Path

import pytest

from tests import needs
from tests.fuzz import campaign, seeds


@pytest.mark.parametrize("target", campaign.TARGETS)
def test_no_input_violates_an_invariant(target: str, tmp_path: Path) -> None:
    """Twenty seconds of each; `make fuzz` has the patience for more."""
    if why := campaign.missing():
        assert not campaign.must_be_there(), f"{why}; `make setup` installs it"
        needs.exception("fuzzer")

    found, known = tmp_path / "found", tmp_path / "known"
    found.mkdir()
    known.mkdir()
    seeds.write(target, known)

    options = ("-max_total_time=20",)
    result = campaign.run(target, options, found, known, campaign.CORPUS / target)

    assert result.code == 0, str(result)
    assert "Done " in result.said
    assert any(found.iterdir()), "no input reached new code: what is fuzzed is not instrumented"
