"""kubectl as the tests use it: arguments in, text or parsed JSON out, waits instead of sleeps."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class KubectlError(Exception):
    """kubectl ended with another status than 0; the text holds what it said."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl with a kubeconfig and, for a bound one, a namespace for all that names none."""

    program: Path
    kubeconfig: Path
    namespace: str | None = None

    def within(self, namespace: str) -> "Kubectl":
        """Return one that is bound to a namespace."""
        return replace(self, namespace=namespace)

    def __call__(
        self, *arguments: str, stdin: str | None = None, check: bool = True, timeout: float = 300
    ) -> str:
        """Run kubectl; return its standard output (and, with check=False, its errors after it).

        Raises KubectlError, and subprocess.TimeoutExpired after `timeout` seconds.
        """
        bound = [f"--namespace={self.namespace}"] if self.namespace else []
        done = subprocess.run(
            [str(self.program), *bound, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
        )
        if check and done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout if check else done.stdout + done.stderr

    def get(self, *arguments: str) -> Json:
        """Return an object or a list of them, as `kubectl get -o json` prints it."""
        result = json.loads(self("get", *arguments, "--output=json"))
        assert isinstance(result, dict)
        return result

    def items(self, *arguments: str) -> list[Json]:
        """Return the objects of a list."""
        items = self.get(*arguments)["items"]
        assert isinstance(items, list)
        return items

    def apply(self, *objects: Json) -> None:
        """Apply objects."""
        self("apply", "--filename=-", stdin=_list(objects))

    def create(self, *objects: Json) -> None:
        """Create objects: fails where one is there, and allows generateName."""
        self("create", "--filename=-", stdin=_list(objects))

    def wait(self, what: str, condition: str, timeout: float = 240) -> None:
        """Wait until `what` (kind/name, or a kind and `--selector=…`) meets a condition.

        `condition` is what `kubectl wait --for` takes: `create`, `delete`, `condition=Ready`,
        `jsonpath={.status.phase}=Bound`. An object that is not there yet is waited for.
        """
        arguments = [*what.split(), f"--timeout={timeout:.0f}s"]
        if condition not in ("create", "delete"):
            self("wait", "--for=create", *arguments, timeout=timeout + 10)
        self("wait", f"--for={condition}", *arguments, timeout=timeout + 10)

    def rollout(self, what: str, timeout: float = 240) -> None:
        """Wait until a Deployment, StatefulSet or DaemonSet has all its pods Ready."""
        self("rollout", "status", what, f"--timeout={timeout:.0f}s", timeout=timeout + 10)

    def exec(self, pod: str, *command: str, container: str | None = None) -> str:
        """Run a command in a container of a pod (the first, unless named); return its output.

        `pod` may be `deployment/NAME` and the like.
        """
        named = [f"--container={container}"] if container else []
        return self("exec", pod, *named, "--", *command)

    def names(self, *arguments: str) -> list[str]:
        """Return the names of what is there, as `kind/name`."""
        return self("get", *arguments, "--output=name").split()


def _list(objects: Sequence[Json]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
