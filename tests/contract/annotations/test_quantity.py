"""Quantities mean what Kubernetes means by them; what it would refuse is refused here."""

from decimal import Decimal

import pytest

from contract.annotations import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("1", "1"),
        ("007", "7"),
        ("+5", "5"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("100m", "0.1"),
        ("1500m", "1.5"),
        ("250u", "0.00025"),
        ("1n", "0.000000001"),
        ("1k", "1000"),
        ("1M", "1000000"),
        ("2G", "2000000000"),
        ("1T", "1000000000000"),
        ("1P", "1000000000000000"),
        ("1E", "1000000000000000000"),
        ("1Ki", "1024"),
        ("256Mi", "268435456"),
        ("1.5Gi", "1610612736"),
        ("1Ti", "1099511627776"),
        ("1Pi", "1125899906842624"),
        ("1Ei", "1152921504606846976"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1e-3", "0.001"),
        ("2.5e+2", "250"),
        ("9999999999999999999999", "9999999999999999999999"),
    ],
)
def test_a_quantity_is_read(text: str, value: str) -> None:
    assert quantity.parse(text) == Decimal(value)


@pytest.mark.parametrize(
    ("one", "other"), [("1", "1000m"), ("1Gi", "1024Mi"), ("0.1", "100m"), ("1e3", "1k")]
)
def test_different_spellings_are_equal(one: str, other: str) -> None:
    assert quantity.parse(one) == quantity.parse(other)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", ".", "+", "-1", "-0", "m", "Mi", "e3", "1 Mi", "1,5", "1_000", "1.2.3", "1mi",
        "1KI", "1K", "1g", "1MB", "1Mib", "1MiB", "1mm", "1e", "1e3Mi", "1Mi1", "0x10", "1e1.5",
        "++1", "inf", "nan", "Infinity",
        "half", "1\n1", "1\0", "$(X)", '256Mi"}', "\u0661", "\u0967m",
        "\uff11", "1e\u0663", "1e999",
    ],
    ids=repr,
)  # fmt: skip
def test_an_invalid_quantity_of_kubernetes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 100m, 1 or 256Mi"):
        quantity.parse(text)
