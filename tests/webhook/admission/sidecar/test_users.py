"""As whom containers run: a container's own user counts before its pod's."""

from contract.annotations.values import RunAs
from webhook.admission.sidecar import processes


def test_a_containers_user_outranks_the_pods() -> None:
    container = {"name": "app", "securityContext": {"runAsUser": 1000}}
    spec = {
        "shareProcessNamespace": True, "securityContext": {"runAsUser": 33},
        "containers": [container],
    }  # fmt: skip

    assert processes.warnings({"spec": spec}, RunAs(33, None), chosen=True) == ()
    (line,) = processes.warnings({"spec": spec}, RunAs(1000, None), chosen=True)
    assert "containers that run as user 1000" in line
