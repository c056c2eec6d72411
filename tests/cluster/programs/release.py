"""The chart as helm installs it in the cluster under test."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.programs import helm as call
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.settings import PROJECT
from tests.cluster.work import until

NAME = "backup-webhook"
CHART = PROJECT / "manifests" / "chart"
_WAIT = ("--wait", "--timeout=10m")
CONFIGURATION = f"mutatingwebhookconfiguration/{NAME}"
DEPLOYMENT = f"deployment/{NAME}"
PREPULL = f"{NAME}-prepull"
_WEBHOOK = "--selector=app.kubernetes.io/component=webhook"


@dataclass(frozen=True)
class Release:
    """One release, of the name and in the namespace `backup-webhook`.

    Values are those of the chart; as a keyword, a dot in a value's name is two underscores.
    """

    kubectl: Kubectl  # bound to the release's namespace
    values: dict[str, str] = field(default_factory=dict)  # for every install and upgrade
    drains: bool = False  # whether pods that end serve on for their ten seconds

    def install(self, chart: Path = CHART, **values: str) -> None:
        """Install the chart and wait until the webhook is ready. Raises RefusedError."""
        self._helm("install", chart, values, "--create-namespace", *_WAIT)
        self.settle()

    def upgrade(self, chart: Path = CHART, **values: str) -> None:
        """Upgrade the release and wait until it is rolled out. Raises RefusedError."""
        self._helm("upgrade", chart, values, *_WAIT)
        self.settle()

    def upgrade_without_waiting(self, *flags: str, **values: str) -> None:
        """Upgrade the release to something that may never be rolled out. Raises RefusedError."""
        self._helm("upgrade", CHART, values, *flags)

    def uninstall(self) -> None:
        """Uninstall it, if it is there."""
        helm(self.kubectl, "uninstall", NAME, "--ignore-not-found", *_WAIT)
        self._end()

    def scale_to_zero(self) -> None:
        """Take the webhook away, and wait until none of its pods is left."""
        self.kubectl("scale", DEPLOYMENT, "--replicas=0")
        until(lambda: not self.webhook_pods(), "its pods end", 120)
        self._end()
        self.kubectl.wait(f"pod {_WEBHOOK}", "delete")

    def is_installed(self) -> bool:
        """Tell whether there is a release of this name, of whatever values."""
        return NAME in helm(self.kubectl, "list", "--short").split()

    def _helm(self, verb: str, chart: Path, values: dict[str, str], *flags: str) -> None:
        given = {**self.values, **{key.replace("__", "."): text for key, text in values.items()}}
        settings = [f"--set={key}={text}" for key, text in given.items()]
        helm(self.kubectl, verb, NAME, str(chart), *settings, *flags)

    def prepull_pods(self) -> list[Json]:
        """Return the pods of the pre-pull DaemonSet that are not going away."""
        owners = [
            (pod, pod["metadata"].get("ownerReferences", [{}])[0].get("name"))
            for pod in self.kubectl.items("pods")
        ]
        return [pod for pod, owner in owners if owner == PREPULL and _lasting(pod)]

    def webhook_pods(self) -> list[Json]:
        """Return the webhook's pods that are not going away."""
        return [pod for pod in self.kubectl.items("pods", _WEBHOOK) if _lasting(pod)]

    def settle(self) -> None:
        """Wait until every pod of before has gone and the API server can find each of now.

        A rollout that is done leaves pods that still answer for some seconds, as they were told
        before; and that a pod is Ready is heard of elsewhere a moment later.
        """
        self.kubectl.rollout(DEPLOYMENT)
        self._end()
        until(self._settled, "the webhook's pods are those of now, and known", 240)

    def _end(self) -> None:
        """Have pods that serve on end within a second."""
        pods = self.kubectl.names("pods", _WEBHOOK) if not self.drains else []
        lasting = {f"pod/{pod['metadata']['name']}" for pod in self.webhook_pods()}
        if going := [pod for pod in pods if pod not in lasting]:
            now = ("--grace-period=1", "--wait=false", "--ignore-not-found")
            self.kubectl("delete", *going, *now)

    def _settled(self) -> bool:
        pods = self.kubectl.items("pods", _WEBHOOK)
        own = f"--selector=kubernetes.io/service-name={NAME}"
        known = [
            (each["targetRef"]["name"], each["conditions"]["ready"])
            for found in self.kubectl.items("endpointslices", own)
            for each in found.get("endpoints") or ()
        ]
        there = [(each["metadata"]["name"], True) for each in pods]
        return all(map(_lasting, pods)) and sorted(known) == sorted(there)

    def restart(self) -> None:
        """Replace every webhook pod, one after the other."""
        self.kubectl("rollout", "restart", DEPLOYMENT)
        self.settle()


def _lasting(pod: Json) -> bool:
    return "deletionTimestamp" not in pod["metadata"]


def helm(kubectl: Kubectl, *arguments: str) -> str:
    """Run helm in kubectl's cluster and namespace; return what it prints. Raises RefusedError."""
    return call.helm(kubectl.kubeconfig, f"--namespace={kubectl.namespace}", *arguments)
