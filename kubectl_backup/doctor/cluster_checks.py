"""The links of the chain that belong to the cluster: API, chart, webhook, namespace. Pure."""

import math
from collections.abc import Iterator
from shlex import quote
from typing import Any

from contract import names, units
from contract.text import counted
from kubectl_backup.doctor.findings import Facts, Finding, hint, ok, problem, unknown
from kubectl_backup.output import formats
from kubectl_backup.workload import injection

_OLDEST = (1, 29)
_SOON = 3 * 86400.0  # seconds before a certificate ends
_CANNOT_PULL = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)
_INSTALL = "install the chart: helm install backup-webhook manifests/chart, see the README"


def of_the_cluster(facts: Facts) -> Iterator[Finding]:
    """Yield a finding for each link, from the API server to a dry-run pod."""
    yield from _api(facts)
    yield from _chart(facts)
    if facts.webhook is not None:
        yield from _bundle(facts)
        yield from _deployment(facts)
        yield from _images(facts)
    yield from _namespace(facts)
    yield from _trial(facts)


def _api(facts: Facts) -> Iterator[Finding]:
    version = ".".join(map(str, facts.version))
    if facts.version < _OLDEST:
        line = f"Kubernetes {version} has no stable native sidecars"
        yield problem("API server", line, "upgrade to 1.29 or newer")
    else:
        yield ok("API server", f"{facts.server}, Kubernetes {version}")


def _chart(facts: Facts) -> Iterator[Finding]:
    if why := facts.untold.get("configurations"):
        yield unknown("chart", why)
        return
    hook = facts.webhook
    if hook is None:
        yield problem("chart", "the webhook is not installed: it has no configuration", _INSTALL)
        return
    found = [each["metadata"]["name"] for each in facts.configurations]
    if len(found) > 1:
        line = f"installed {len(found)} times: {', '.join(found)}"
        yield problem("chart", line, "uninstall all releases but one")
    elif hook.get("failurePolicy") == "Fail":
        line = "failurePolicy is Fail: no pod can be created while the webhook is down"
        yield problem("chart", line, "set webhook.failurePolicy=Ignore")
    else:
        yield ok("chart", f"webhook configuration {found[0]}")


def _bundle(facts: Facts) -> Iterator[Finding]:
    hook = facts.webhook or {}
    if not (hook.get("clientConfig") or {}).get("caBundle"):
        line = "the webhook configuration has no caBundle: the API server cannot trust the webhook"
        yield problem(
            "certificate", line, "see the webhook's log; with cert-manager, the cainjector's"
        )
    elif not facts.bundle_ends:
        yield problem(
            "certificate", "the caBundle is invalid", "remove it; the webhook restores it"
        )
    elif facts.bundle_ends <= facts.now:
        line = f"the CA expired {formats.age(facts.bundle_ends, facts.now)}"
        yield problem("certificate", line, "see the webhook's log; in mode existing, renew it")
    elif facts.bundle_ends - facts.now < _SOON:
        line = f"the CA expires {formats.ahead(facts.bundle_ends, facts.now)}"
        yield problem("certificate", line, "see the webhook's log for why it was not renewed")
    elif facts.bundle_ends == math.inf:
        yield ok("certificate", "the configuration has a caBundle")
    else:
        yield ok("certificate", f"the CA is valid for {units.span(facts.bundle_ends - facts.now)}")


def _deployment(facts: Facts) -> Iterator[Finding]:
    if why := facts.untold.get("deployment"):
        yield unknown("webhook", why)
        return
    if facts.deployment is None:
        line = "the webhook is configured, but its Deployment does not exist"
        yield problem("webhook", line, "helm upgrade recreates it")
        return
    meta = facts.deployment["metadata"]
    wanted = facts.deployment.get("spec", {}).get("replicas", 1)
    ready = (facts.deployment.get("status") or {}).get("readyReplicas") or 0
    where, line = f"-n {quote(meta['namespace'])}", f"{ready} of {counted(wanted, 'pod')} ready"
    named = quote(f"deploy/{meta['name']}")
    if not wanted:
        line = "its Deployment is scaled to 0"
        yield problem("webhook", line, f"kubectl {where} scale {named} --replicas=2")
    elif not ready:
        remedy = f"kubectl {where} describe pods; kubectl {where} logs {named}"
        yield problem("webhook", line, remedy)
    elif ready < wanted:
        yield hint("webhook", line, f"kubectl {where} get pods")
    else:
        yield ok("webhook", line)


def _images(facts: Facts) -> Iterator[Finding]:
    for pod in facts.prepull:
        for each in (pod.get("status") or {}).get("containerStatuses") or ():
            reason = ((each.get("state") or {}).get("waiting") or {}).get("reason")
            if reason in _CANNOT_PULL:
                node = pod["spec"].get("nodeName")
                line = f"{each.get('image')} cannot be pulled on node {node}: {reason}"
                remedy = "no pod is injected until then: see the chart's imagePullSecrets"
                yield problem("image", line, remedy)
                return
    if facts.prepull:
        yield ok("image", "the nodes with a pre-pull pod have it")


def _namespace(facts: Facts) -> Iterator[Finding]:
    name = facts.namespace
    if why := facts.untold.get("labels"):
        yield unknown("namespace", why)
        return
    if _excluded(facts.webhook or {}, name):
        line = f"the chart excludes the namespace {name}"
        yield problem("namespace", line, "move the workload, or change excludedNamespaces")
        return
    value = facts.labels.get(names.ENABLED_LABEL)
    command = f"kubectl label namespace {quote(name)} --overwrite {names.ENABLED_LABEL}=true"
    if value is None:
        line = f"{name} has no label {names.ENABLED_LABEL}=true: the webhook never sees its pods"
        yield problem("namespace", line, f"{command}, then restart the workloads")
    elif value != "true":
        line = f"its label {names.ENABLED_LABEL} is {value!r} instead of 'true'"
        yield problem("namespace", line, f"{command}, then restart the workloads")
    else:
        yield ok("namespace", f"{name} has opted in")


def _excluded(hook: dict[str, Any], namespace: str) -> bool:
    return any(
        each.get("key") == "kubernetes.io/metadata.name"
        and each.get("operator") == "NotIn"
        and namespace in (each.get("values") or ())
        for each in (hook.get("namespaceSelector") or {}).get("matchExpressions") or ()
    )


def _trial(facts: Facts) -> Iterator[Finding]:
    """Yield whether a dry-run pod is injected, which involves every link so far."""
    if why := facts.untold.get("trial"):
        yield unknown("admission", f"the dry run of a pod fails: {why}")
        return
    if facts.trial is None or facts.labels.get(names.ENABLED_LABEL) != "true":
        return
    reason = injection.reason(facts.trial)
    if reason == "injected":
        yield ok("admission", "a dry-run pod is injected")
    elif reason == injection.UNSEEN:
        line = "a dry-run pod is not injected: the API server does not reach the webhook"
        remedy = "see the API server's log, NetworkPolicies, and webhook.hostNetwork"
        yield problem("admission", line, remedy)
    else:
        yield problem("admission", f"a dry-run pod is not injected: {reason}",
                      formats.plain(injection.meaning(reason)))  # fmt: skip


def trial_pod(namespace: str) -> dict[str, Any]:
    """Return a pod for a dry run that requests a backup and satisfies strict policies."""
    confined = {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    small = {"cpu": "1m", "memory": "16Mi"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "backup-doctor-trial",
            "namespace": namespace,
            "annotations": {"backup.enabled": "true", "backup.volumes": "data"},
        },
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{
                "name": "trial", "image": "trial.invalid/none", "securityContext": confined,
                "resources": {"requests": small, "limits": small},
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }],
            "volumes": [{"name": "data", "emptyDir": {}}],
        },
    }  # fmt: skip
