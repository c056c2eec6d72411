"""Repositories that a controller applies: overlays, canaries, serverless, other distributions.

Shapes: Argo's Rollout with a template or a reference, Knative's Service, OpenShift's
DeploymentConfig and Template, CloneSets, Lists, placeholders in place of numbers, autoscalers and
policies beside the workload, files from Windows.
"""

from collections.abc import Iterator

from tests.webhook.manifests.collections.parts import (
    EMPTY,
    SCRATCH,
    WISHES,
    App,
    Json,
    Written,
    claimed,
    container,
    every,
    mount,
    template,
    workload,
)

_KINDS = ("Deployment", "Rollout", "Service", "DeploymentConfig", "CloneSet", "Template")
_EXTRAS = ("nothing", "placeholder", "autoscaler", "policy")
_SECURITY: tuple[Json | None, ...] = (None, {"runAsNonRoot": True, "runAsUser": 10000})


def files() -> Iterator[Written]:
    """Yield each kind, extra, way to ask and security context."""
    for kind, extra, wish, security in every(_KINDS, _EXTRAS, WISHES, _SECURITY):
        app = App("podinfo", "example.com/podinfo:6", "/data", port=9898)
        resources = {"limits": {"memory": "${MEMORY}" if extra == "placeholder" else "64Mi"}}
        spec = {"serviceAccountName": "podinfo", "securityContext": security,
                "containers": [container(app, mount("data", "/data"), mount("tmp", SCRATCH),
                                         resources=resources)],
                "volumes": [claimed("data", "podinfo"), {"name": "tmp", **EMPTY}]}  # fmt: skip
        objects = [_made(kind, app, template(app, wish, spec)), *_BESIDE.get(extra, ())]
        yield Written(kind, objects, "windows")


def _made(kind: str, app: App, pods: Json) -> Json:
    if kind == "Deployment":
        return workload(kind, app, pods, minReadySeconds=3)
    version = {"Rollout": "argoproj.io/v1alpha1", "Service": "serving.knative.dev/v1",
               "DeploymentConfig": "apps.openshift.io/v1", "CloneSet": "apps.kruise.io/v1alpha1",
               "Template": "template.openshift.io/v1"}[kind]  # fmt: skip
    if kind == "Template":
        return {"apiVersion": version, "kind": kind, "metadata": {"name": app.name},
                "objects": [workload("Deployment", app, pods)],
                "parameters": [{"name": "MEMORY", "value": "64Mi"}]}  # fmt: skip
    return {"apiVersion": version, "kind": kind, "metadata": {"name": app.name},
            "spec": {"template": pods}}  # fmt: skip


_BESIDE: dict[str, tuple[Json, ...]] = {
    "autoscaler": (
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
         "metadata": {"name": "podinfo"},
         "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment",
                                     "name": "podinfo"}, "minReplicas": 2, "maxReplicas": 4,
                  "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {
                      "type": "Utilization", "averageUtilization": 99}}}]}},
    ),
    "policy": (
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
         "metadata": {"name": "deny"},
         "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}},
    ),
}  # fmt: skip
