"""What tests in a real cluster need; all else here needs none."""

from tests.cluster.conftest import cluster

__all__ = ["cluster"]
