"""Backups go on after every restore, whoever the app runs as: every identity, a user's day.

All journeys run beside each other, each in a namespace of its own; one test is one identity.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest

from tests.cluster.commands.backup_command import Said, backup, rows
from tests.cluster.conftest import Target, protect
from tests.cluster.programs.kubectl import Json, Kubectl, KubectlError
from tests.cluster.programs.release import Release
from tests.cluster.work import until
from tests.cluster.workloads import identities, sidecar
from tests.cluster.workloads.identities import LISTING, SPOIL, Identity
from tests.cluster.workloads.s3 import S3, UNENCRYPTED

pytestmark = pytest.mark.long

_AT_ONCE = 6  # journeys: they wait for pods and kubelets most of the time
_IF_EMPTY = {"backup.restore": "if-empty"}
_LONG = 600  # seconds: a dozen others are at work


class _Journey:
    """A user's day with one app. ``steps``: what was done, and how many seconds each took."""

    def __init__(self, identity: Identity, kubectl: Kubectl, image: str, s3: S3, tmp: Path) -> None:
        self._app = identity
        self._kubectl = kubectl
        self._image = image
        self._s3 = s3
        self._tmp = tmp
        self.steps: dict[str, float] = {}

    def run(self) -> dict[str, float]:
        """Go through all of it. Raises AssertionError that names the step."""
        self._protect()
        self._step("start", lambda: self._start({}))
        before = self._listing()
        self._step("first backup", self._backup)
        self._step("drill", self._drill)
        self._step("namespace lost, restored by if-empty", self._lose_everything)
        self._same(before, "after the namespace was re-created")
        self._step("backup after the restore", self._backup)
        self._step("drill after the restore", self._drill)
        self._step("in place with --delete", lambda: self._in_place(before))
        self._step("backup after in place", self._backup)
        self._step("new claim", lambda: self._to_claim(before))
        self._step("local folder", lambda: self._to_local(before))
        self._step("pod restarted", self._restart)
        self._same(before, "after the restart")
        self._step("live setting", self._live)
        self._step("last backup", self._backup)
        self._step("snapshots listed", self._snapshots)
        return self.steps

    def _step(self, name: str, work: Callable[[], None]) -> None:
        began = time.monotonic()
        try:
            work()
        except Exception as error:
            raise AssertionError(f"{self._app.name}: {name}: {error}\n{self._trouble()}") from error
        self.steps[name] = time.monotonic() - began

    def _trouble(self) -> str:
        with suppress(Exception):
            return (
                self._kubectl("get", "pods,events", check=False)[-3000:]
                + sidecar.log(self._kubectl, self._pod())[-3000:]
            )
        return ""

    def _protect(self) -> None:
        level = {"pod-security.kubernetes.io/enforce": self._app.level} if self._app.level else {}
        protect(self._kubectl, self._s3, **level)

    def _start(self, annotations: dict[str, str]) -> None:
        self._kubectl.apply(*self._app.manifests(self._image, annotations))
        self._await_ready()

    def _await_ready(self) -> None:
        def ready() -> bool:
            pods = self._pods()
            return len(pods) == 1 and any(
                each["type"] == "Ready" and each["status"] == "True"
                for each in pods[0]["status"].get("conditions", ())
            )

        until(ready, "its pod is Ready", _LONG)
        sidecar.await_first_look(self._kubectl, self._pod())

    def _pods(self) -> list[Json]:
        pods = self._kubectl.items("pods", "--selector=app=app")
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def _pod(self) -> str:
        (pod,) = self._pods()
        assert sidecar.injected(pod), sidecar.reason(pod)
        return str(pod["metadata"]["name"])

    def _listing(self) -> dict[str, str]:
        pod, script = self._pod(), LISTING.format(at="/data")
        return {
            volume: self._kubectl.exec(
                pod, "sh", "-c", script, container="app" if volume == "data" else volume
            )
            for volume in self._app.volumes
        }

    def _same(self, before: dict[str, str], when: str) -> None:
        assert self._listing() == before, f"{self._app.name}: other files {when}"

    def _plugin(self, *words: str) -> Said:
        done = backup(self._kubectl, *words, timeout=_LONG)
        assert done.code == 0, f"kubectl backup {' '.join(words)}: {done.code}: {done.all}"
        return done

    def _backup(self) -> None:
        done = self._plugin("now", self._app.target, "--wait")
        assert "success" in done.out, done.all
        (row,) = rows(self._kubectl, self._app.target)
        assert (row["status"], row["problems"]) == ("success", [UNENCRYPTED]), row

    def _drill(self) -> None:
        """Right after a backup, whose tasks may be at work still."""
        assert "verify success" in self._plugin("drill", self._app.target).all

    def _lose_everything(self) -> None:
        name = str(self._kubectl.namespace)
        if self._app.host_path:  # the node keeps it
            clear = "find /data -mindepth 1 -delete"
            self._kubectl.exec(self._pod(), "sh", "-c", clear, container="app")
        whole = Kubectl(self._kubectl.program, self._kubectl.kubeconfig)
        self._kubectl("delete", "pod", "--all", "--grace-period=1", "--wait=false")
        whole("delete", "namespace", name, timeout=_LONG)
        whole("create", "namespace", name)
        self._kubectl.wait("serviceaccount/default", "create")
        self._protect()
        self._start(_IF_EMPTY)

    def _in_place(self, before: dict[str, str]) -> None:
        pod = self._pod()
        for volume in self._app.volumes:
            container = "app" if volume == "data" else volume
            self._kubectl.exec(pod, "sh", "-c", SPOIL.format(at="/data"), container=container)
        words = ("--in-place", "--delete", "--yes")
        for volume in self._app.volumes:
            told = ("restore", self._app.target, "--volume", volume, *words)
            if not self._app.scales:
                refused = backup(self._kubectl, *told)
                assert (refused.code, "--to-local" in refused.err) == (1, True), refused.all
                self._undo()
                return
            self._plugin(*told)
            self._await_ready()
        self._same(before, "after the restore in place")

    def _undo(self) -> None:
        """Bring back by a restart what cannot be restored in place."""
        clear = "find /data -mindepth 1 -delete"
        self._kubectl.exec(self._pod(), "sh", "-c", clear, container="app")
        self._restart()

    def _to_claim(self, before: dict[str, str]) -> None:
        for volume in self._app.volumes:
            told = ("restore", self._app.target, "--volume", volume, "--to-pvc", f"new-{volume}")
            if self._app.host_path:
                refused = backup(self._kubectl, *told)
                assert (refused.code, "--to-local" in refused.err) == (1, True), refused.all
                return
            self._plugin(*told)
            reader = self._app.reader(self._image, volume, f"new-{volume}")
            self._kubectl.apply(reader)
            name = f"pod/{reader['metadata']['name']}"
            self._kubectl.wait(name, "jsonpath={.status.phase}=Succeeded", _LONG)
            assert self._kubectl("logs", name) == before[volume], "other files in the new claim"

    def _to_local(self, before: dict[str, str]) -> None:
        for volume in self._app.volumes:
            folder = self._tmp / volume
            told = ("--volume", volume, "--to-local", str(folder))
            self._plugin("restore", self._app.target, *told)
            inside = folder / self._app.sub_path
            found = {str(path.relative_to(inside)) for path in inside.rglob("*")}
            lines = (line.rsplit(" ./", 1) for line in before[volume].splitlines())
            assert found == {line[1] for line in lines}
            assert (inside / "docs/private").read_text() == "private\n"

    def _restart(self) -> None:
        old = self._pod()
        if self._app.kind == "Job":  # one whose pod ends well is over
            self._kubectl("delete", "job", "app", "--cascade=foreground", timeout=_LONG)
            self._start(_IF_EMPTY)
        else:
            self._kubectl("delete", "pod", old, "--grace-period=1", timeout=_LONG)
            self._await_ready()
        assert self._app.kind == "StatefulSet" or self._pod() != old

    def _live(self) -> None:
        pod = self._pod()
        self._kubectl("annotate", "pod", pod, "backup.exclude=*.tmp")

        def seen() -> bool:
            with suppress(KubectlError):
                file = "/etc/backup/pod/annotations"
                text = self._kubectl.exec(pod, "cat", file, container=sidecar.CONTAINER)
                return "backup.exclude" in text
            return False

        until(seen, "the annotation has reached the pod", _LONG)
        container = "app" if "data" in self._app.volumes else self._app.volumes[0]
        script = "echo scratch > /data/docs/left-out.tmp"
        self._kubectl.exec(pod, "sh", "-c", script, container=container)

    def _snapshots(self) -> None:
        """Readable by the sidecar's user to the end; what was excluded live is not there."""
        assert "data" in self._plugin("snapshots", self._app.target).out
        inside = f"data/{self._app.sub_path}".rstrip("/")
        listed = self._plugin("ls", self._app.target, "latest", f"{inside}/docs").out
        assert "private" in listed
        assert "left-out.tmp" not in listed


@pytest.fixture(scope="module")
def journeys(
    request: pytest.FixtureRequest,
    cluster: Target,
    release: Release,
    s3: S3,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[dict[str, float]]]]:
    """Every journey that a selected test asks about, under way."""
    del release  # it is enough that it is there
    wanted = [
        cast("Identity", item.callspec.params["identity"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module
    ]
    made: list[str] = []

    def journey(identity: Identity) -> dict[str, float]:
        name = f"test-{identity.name[:20].rstrip('-')}-{uuid4().hex[:6]}"
        cluster.kubectl("create", "namespace", name)
        made.append(name)
        bound = cluster.kubectl.within(name)
        bound.wait("serviceaccount/default", "create")
        s3.make_bucket(name)
        tmp = tmp_path_factory.mktemp(identity.name)
        return _Journey(identity, bound, cluster.app_image, s3, tmp).run()

    with ThreadPoolExecutor(_AT_ONCE) as everybody:
        yield {identity.name: everybody.submit(journey, identity) for identity in wanted}
        everybody.shutdown(cancel_futures=True)
    for name in made:
        cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
        cluster.kubectl.within(name)("delete", "pod", "--all", "--grace-period=1", "--wait=false")


@pytest.mark.parametrize("identity", identities.ALL, ids=lambda each: each.name)
def test_backups_continue_after_every_restore(
    identity: Identity, journeys: dict[str, Future[dict[str, float]]]
) -> None:
    steps = journeys[identity.name].result()
    print(identity.name, json.dumps({name: round(took, 1) for name, took in steps.items()}))
