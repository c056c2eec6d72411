"""As whom the pod that restores runs: as root only where the namespace is known to allow it."""

import pytest

from tests.kubectl_backup.conftest import Run
from tests.kubectl_backup.restore import test_dangerous
from tests.kubectl_backup.restore.test_dangerous import IN_PLACE
from tests.kubectl_backup.world import OTHERS, PODS, World

clock = test_dangerous.clock  # nobody waits
STAYS = f"DELETE {PODS}/restore"  # the pod, to be looked at
NAMESPACE = "/api/v1/namespaces/prod"
ENFORCE = "pod-security.kubernetes.io/enforce"


@pytest.mark.parametrize(
    ("labels", "is_root"),
    [({}, True), ({ENFORCE: "baseline"}, True), ({ENFORCE: "restricted"}, False), (None, False)],
    ids=["without a level", "baseline", "restricted", "a namespace that nobody may read"],
)
def test_the_helper_pod_is_root_where_that_is_known_to_be_allowed(
    run: Run, monkeypatch: pytest.MonkeyPatch, labels: dict[str, str] | None, *, is_root: bool
) -> None:
    """Elsewhere Pod Security would refuse it, and the workload would stay scaled down."""
    if labels is None:
        monkeypatch.delitem(OTHERS, NAMESPACE)
    else:
        monkeypatch.setitem(OTHERS, NAMESPACE, {"metadata": {"name": "prod", "labels": labels}})
    world = World(forbidden=(STAYS,))

    said = run(world, *IN_PLACE)

    assert said.code == 0, said.err
    (helper,) = world.helpers()
    (container,) = helper["spec"]["containers"]
    assert (container.get("securityContext", {}).get("runAsUser") == 0) is is_root
