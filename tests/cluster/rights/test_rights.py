"""What the webhook's account may do: what the chart says, and nothing more."""

from pathlib import Path

import pytest

from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.programs.release import NAME, Release
from tests.cluster.work import until

LISTS = Path(__file__).parent


def _rights(kubectl: Kubectl, account: str) -> list[str]:
    """Return what an account may do in kubectl's namespace, beyond what every account may."""
    listed = [
        {
            _in_order(line)
            for line in kubectl(
                "auth", "can-i", "--list", "--no-headers", f"--as={user}"
            ).splitlines()
        }
        for user in (account, f"system:serviceaccount:{NAME}:somebody")
    ]
    return sorted(listed[0] - listed[1])


def _in_order(line: str) -> str:
    """Return a line of kubectl's with its verbs sorted, which come in any order."""
    resource, _, verbs = line.rpartition("[")
    return " ".join([*resource.split(), f"[{' '.join(sorted(verbs.rstrip(' ]').split()))}]"])


@pytest.mark.parametrize("where", [NAME, "default"])
def test_account_of_the_webhook_has_exactly_the_listed_rights(release: Release, where: str) -> None:
    """Only this: the lists are read by those who decide whether to install it."""
    account = f"system:serviceaccount:{NAME}:{NAME}"

    rights = _rights(release.kubectl.within(where), account)

    file = "release-namespace.txt" if where == NAME else "elsewhere.txt"
    assert rights == (LISTS / file).read_text().splitlines()


def test_account_of_the_pre_pull_pods_may_do_nothing(release: Release) -> None:
    found: list[Json] = []

    def some() -> bool:
        found[:] = release.prepull_pods()  # others may restart them
        return bool(found)

    until(some, "there are pre-pull pods", 60)
    pod, *_ = found
    account = pod["spec"]["serviceAccountName"]

    assert _rights(release.kubectl, f"system:serviceaccount:{NAME}:{account}") == []
    assert "kube-api-access" not in str(pod["spec"].get("volumes"))


def test_pods_of_the_webhook_pass_restricted(release: Release) -> None:
    """As the API server judges what runs there now."""
    label = "pod-security.kubernetes.io/enforce=restricted"
    warned = release.kubectl(
        "label", "--dry-run=server", "--overwrite", "namespace", NAME, label, check=False
    )

    assert "labeled" in warned
    assert "violate" not in warned
