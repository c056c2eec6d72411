"""The host under which a running pod's sidecar makes backups. Pure."""

import re
from typing import Any

from contract import names
from webhook.admission.pod_spec import Pod, metadata, spec

_VARIABLE = re.compile(r"\$\$|\$\(([A-Z_]+)\)")
_INDEX = "apps.kubernetes.io/pod-index"
_OVER = {"Succeeded", "Failed"}


def host(pod: Pod) -> str:
    """Return the host that the webhook chose; "" where no sidecar is at work, or not yet."""
    if (pod.get("status") or {}).get("phase") in _OVER:
        return ""
    containers = spec(pod).get("initContainers") or ()
    ours: dict[str, Any] = next((c for c in containers if c.get("name") == names.CONTAINER), {})
    env = {each["name"]: each.get("value", "") for each in ours.get("env") or ()}
    known = {
        names.ENV_POD: str(metadata(pod).get("name") or ""),
        names.ENV_POD_INDEX: (metadata(pod).get("labels") or {}).get(_INDEX, ""),
        names.ENV_NODE: spec(pod).get("nodeName") or "",
    }
    return _expanded(env.get(names.ENV_HOST, ""), known)


def _expanded(text: str, known: dict[str, str]) -> str:
    """Return the text as the kubelet expands it; "" until the pod is scheduled."""
    wanted = [match[1] for match in _VARIABLE.finditer(text) if match[1]]
    if not all(known.get(name) for name in wanted):
        return ""
    return _VARIABLE.sub(lambda match: known[match[1]] if match[1] else "$", text)
