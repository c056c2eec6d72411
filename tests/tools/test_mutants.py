"""The table of faults fits the code: each can be planted, and its tests exist."""

from collections import Counter

import pytest

from tests.mutants.table import Fault, faults, misfit

FAULTS = tuple(faults())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.id)
def test_a_fault_fits_the_code_exactly_once_and_names_its_tests(fault: Fault) -> None:
    assert misfit(fault) == ""
    assert fault.old != fault.new


def test_no_two_faults_have_one_id() -> None:
    assert [name for name, count in Counter(each.id for each in FAULTS).items() if count > 1] == []


def test_there_are_at_least_two_hundred_faults() -> None:
    assert len(FAULTS) >= 200
