"""An annotated app that starts, is Ready and ends in time, whatever is wrong with us."""

import time

from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.workloads import apps

TERMINATION = 25.0  # seconds; what uses up its grace period takes 30


def app(image: str, name: str = "app") -> list[Json]:
    """Return an annotated bare pod with a claim."""
    template = apps.template([apps.container(image, "date > /data/file; " + apps.SERVE)],
                             [apps.claimed()])  # fmt: skip
    return [apps.claim(), apps.pod(name, template)]


def started(kubectl: Kubectl, image: str, name: str = "app") -> Json:
    """Create the app and return its pod, which is Ready."""
    kubectl.apply(*app(image, name))
    kubectl.wait(f"pod/{name}", "condition=Ready")
    return kubectl.get("pod", name)


def ends_in_time(kubectl: Kubectl, name: str = "app") -> None:
    """Delete the app; fail if it used up its grace period."""
    began = time.monotonic()
    kubectl("delete", "pod", name)
    assert time.monotonic() - began < TERMINATION
