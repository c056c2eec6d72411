"""How long certificates of our own live, by flags in days and hours."""

import argparse
from datetime import timedelta

from webhook.config import model


def test_lifetimes_are_in_the_units_that_their_flags_name() -> None:
    parser = argparse.ArgumentParser()
    model.add_server(parser, {})
    words = ("--cert-mode=self", "--ca-days=30", "--leaf-hours=12", "--overlap-hours=6")

    times = model.server(parser.parse_args(words)).certificates.times

    assert (times.ca, times.leaf, times.overlap) == (
        timedelta(days=30), timedelta(hours=12), timedelta(hours=6),
    )  # fmt: skip
