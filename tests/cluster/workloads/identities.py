"""Apps under every identity that a cluster gives them: user, group, volume, kind of workload."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.cluster.programs import images
from tests.cluster.programs.kubectl import Json
from tests.cluster.workloads import apps

UID, OTHER_UID, GROUP = 1000, 2000, 3000
LIVE_SECONDS = 2  # of a pod's grace period: apps here end at once
# The kubelet otherwise adds group permissions to every file each time that it mounts a volume.
_ONCE: Json = {"fsGroupChangePolicy": "OnRootMismatch"}
_EXACT: Json = {"cpu": "50m", "memory": "64Mi"}

# Modes, times, links, odd names; nothing is written where something is there already, which is
# then what was restored.
_FILL = """
test -e {at}/docs || {{
  umask 022; cd {at}; mkdir -p docs/deep 'with space'; chmod 710 docs
  for n in 1 2 3 4 5 6 7 8 9; do echo "$n {at}" > docs/deep/$n; done
  echo private > docs/private; chmod 600 docs/private
  echo run > docs/tool; chmod 750 docs/tool
  printf x > 'with space/ünï 漢字'; : > empty
  ln -s docs/private link; ln docs/tool same
  touch -d @1000000000.5 docs/private empty 'with space/ünï 漢字'
  {more}
}}
"""
_OF_ROOT = "echo theirs > theirs; chown 4321:1234 theirs; chmod 4755 docs/tool"
SPOIL = (
    "cd {at}; echo changed > docs/private; rm -r docs/deep/5 'with space'; chmod 777 empty; "
    "echo new > docs/new; mkdir added; echo new > added/file"
)
LISTING = (
    "cd {at}; find . -mindepth 1 ! -type d -printf '%m %U:%G %n %T@ %y %l %p\\n' | sort; "
    "find . -mindepth 1 -type d -printf '%m %U:%G %p\\n' | sort; "
    "find . -type f -exec sha256sum {{}} + | sort"
)


@dataclass(frozen=True)
class Identity:
    """An app: who it runs as, where, and on what.

    ``pod`` and ``container`` are fields of their security contexts. ``users`` own the volumes, one
    each: a number is that of a container of its own, None whoever the image says. ``given``: an
    init container of root gives the volumes to them, where no fsGroup does. ``nonroot``: the image
    has a user of its own. ``spec`` and ``more`` are fields of the pod and of its containers.
    """

    name: str
    kind: str = "Deployment"
    pod: Mapping[str, object] = field(default_factory=dict)
    container: Mapping[str, object] = field(default_factory=dict)
    users: tuple[int | None, ...] = (None,)
    given: bool = False
    nonroot: bool = False
    more: Mapping[str, object] = field(default_factory=dict)
    sub_path: str = ""
    host_path: str = ""
    level: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """How kubectl and its plugin call the workload."""
        return f"{self.kind.lower()}/app"

    @property
    def scales(self) -> bool:
        """Whether its pods can be stopped for a restore in place."""
        return self.kind in {"Deployment", "StatefulSet"}

    @property
    def volumes(self) -> tuple[str, ...]:
        """The names of its volumes."""
        return ("data", "other")[: len(self.users)]

    def claims(self) -> Iterator[str]:
        """Yield the names of the claims behind the volumes."""
        for volume in () if self.host_path else self.volumes:
            yield f"{volume}-app-0" if self.kind == "StatefulSet" else volume

    def manifests(self, image: str, annotations: Mapping[str, str]) -> list[Json]:
        """Return all that it takes to start it."""
        asked = {**apps.ENABLED, **self.annotations, **annotations}
        template = apps.template(
            [*self._containers(image, self._fill, apps.SERVE)], [*self._volumes()], asked,
            **self._pod(image),
        )  # fmt: skip
        claims = [] if self.host_path else [apps.claim(volume) for volume in self.volumes]
        if self.kind == "StatefulSet":
            template["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}]
            spec = {"serviceName": "app", "replicas": 1, "volumeClaimTemplates": claims}
            return [apps.workload("StatefulSet", "app", template, **spec)]
        if self.kind == "Job":
            template["spec"]["restartPolicy"] = "Never"
            job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "app"},
                   "spec": {"template": template}}  # fmt: skip
            return [*claims, job]
        more = {} if self.kind == "DaemonSet" else {"strategy": {"type": "Recreate"}}
        return [*claims, apps.workload(self.kind, "app", template, **more)]

    def reader(self, image: str, volume: str, claim: str) -> Json:
        """Return a pod, as the app is, that lists what a claim holds and ends."""
        (container,) = (
            each
            for each in self._containers(image, lambda _: "", LISTING.format(at="/data"))
            if each["volumeMounts"][0]["name"] == volume
        )
        volumes = [{"name": "tmp", "emptyDir": {}}, {**apps.claimed(claim), "name": volume}]
        spec = {**self._pod(image), "initContainers": [], "restartPolicy": "Never"}
        template = apps.template([container], volumes, {}, **spec)
        template["metadata"]["labels"] = {}
        return apps.pod(f"reader-{volume}", template)

    def _fill(self, user: int | None) -> str:
        root = self.pod.get("runAsUser", user) in (None, 0) and not self.nonroot
        return _FILL.format(at="/data", more=_OF_ROOT if root else "true")

    def _containers(
        self, image: str, fill: Callable[[int | None], str], then: str
    ) -> Iterator[Json]:
        for user, volume in zip(self.users, self.volumes, strict=True):
            script = fill(user) + then
            context = {**self.container, **({} if user is None else {"runAsUser": user})}
            own = images.SIDECAR if self.nonroot else image
            one = apps.container(own, script, mount=volume, securityContext=context, **self.more)
            if volume != "data":
                one["name"] = volume
            if self.sub_path:
                one["volumeMounts"][0]["subPath"] = self.sub_path
            one["volumeMounts"].append({"name": "tmp", "mountPath": "/tmp"})  # noqa: S108 -- there
            yield one

    def _volumes(self) -> Iterator[Json]:
        yield {"name": "tmp", "emptyDir": {}}
        for volume in self.volumes:
            if self.host_path:
                path = {"path": f"{self.host_path}/{volume}", "type": "DirectoryOrCreate"}
                yield {"name": volume, "hostPath": path}
            else:
                yield {**apps.claimed(volume), "name": volume}

    def _pod(self, image: str) -> Json:
        spec: Json = {"terminationGracePeriodSeconds": LIVE_SECONDS}
        if self.pod:
            spec["securityContext"] = dict(self.pod)
        if self.given:
            owned = zip(self.volumes, self.users, strict=True)
            user = self.pod.get("runAsUser")
            script = "; ".join(f"chown {own or user} /{volume}" for volume, own in owned)
            mounts = [{"name": volume, "mountPath": f"/{volume}"} for volume in self.volumes]
            spec["initContainers"] = [{
                "name": "give", "image": image, "imagePullPolicy": "IfNotPresent",
                "command": ["sh", "-c", script], "volumeMounts": mounts,
                "securityContext": {"runAsUser": 0},
            }]  # fmt: skip
        return spec


ALL = (
    Identity("root", container={"runAsUser": 0}),
    Identity("uid-with-fsgroup", pod={"runAsUser": UID, "fsGroup": GROUP, **_ONCE}),
    Identity("uid-without-fsgroup", pod={"runAsUser": UID, "runAsGroup": GROUP}, given=True),
    Identity("uid-of-the-container", users=(UID,), given=True),
    Identity("uid-of-the-container-with-fsgroup", pod={"fsGroup": GROUP, **_ONCE}, users=(UID,)),
    Identity("unknown-uid"),
    # As the warning at admission says, one of them cannot read what is the other's alone.
    Identity(
        "two-uids-on-two-volumes",
        users=(UID, OTHER_UID),
        given=True,
        annotations={"backup.run-as": "root"},
    ),
    Identity(
        "restricted",
        pod={"runAsUser": UID, "fsGroup": GROUP, **_ONCE},
        container=apps.RESTRICTED,
        level="restricted",
    ),
    Identity(
        "baseline-non-root",
        pod={"runAsNonRoot": True, "fsGroup": GROUP, **_ONCE},
        nonroot=True,
        level="baseline",
    ),
    Identity("stateful-set", kind="StatefulSet", pod={"runAsUser": UID, "fsGroup": UID, **_ONCE}),
    Identity(
        "guaranteed",
        pod={"runAsUser": UID, "fsGroup": GROUP, **_ONCE},
        more={"resources": {"requests": _EXACT, "limits": _EXACT}},
    ),
    Identity(
        "read-only-root",
        pod={"runAsUser": UID, "fsGroup": GROUP, **_ONCE},
        container={"readOnlyRootFilesystem": True},
    ),
    Identity("sub-path", pod={"runAsUser": UID, "fsGroup": GROUP, **_ONCE}, sub_path="app"),
    Identity(
        "daemon-set-with-host-path",
        kind="DaemonSet",
        container={"runAsUser": 0},
        host_path="/var/tmp/identities",  # noqa: S108 -- on the node
        annotations={"backup.volumes": "data"},
    ),
    Identity("job", kind="Job", pod={"runAsUser": UID, "fsGroup": GROUP, **_ONCE}),
)
