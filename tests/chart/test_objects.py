"""What the chart installs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from contract import names
from contract.annotations import settings
from runner.config import build
from tests.chart import rendering
from tests.chart.rendering import EXISTING, REGISTRY, Json, objects, of_kind, one
from tests.cluster.programs.helm import RefusedError
from tests.cluster.programs.release import NAME

CERT_MANAGER = ("certificates.mode=cert-manager",)
NO_PREPULL = ("prePull.enabled=false",)
VARIANTS = {
    "defaults": (),
    "cert-manager": CERT_MANAGER,
    "existing": EXISTING,
    "maintenance": ("maintenance.enabled=true", "networkPolicy.enabled=true"),
    "callers": ("webhook.clientCA.secretName=callers", 'webhook.clientCA.names=["kube-apiserver"]'),
    "bare": (*EXISTING, *NO_PREPULL, "follow=false", "coverage.enabled=false"),
}
SYSTEM = {"kube-system", "kube-public", "kube-node-lease", NAME}


def _webhook(*values: str) -> Json:
    (webhook,) = one("MutatingWebhookConfiguration", *values)["webhooks"]
    assert isinstance(webhook, dict)
    return webhook


def _container(*values: str, example: str = "") -> Json:
    deployment = one("Deployment", *values, example=example)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def _environment(*values: str) -> dict[str, str]:
    """Return the variables that the webhook is given, as Kubernetes expands them."""
    given = {each["name"]: each.get("value", "") for each in _container(*values)["env"]}
    assert not [text for text in given.values() if re.search(r"(?<!\$)(\$\$)*\$\(", text)]
    return {name: text.replace("$$", "$") for name, text in given.items()}


# Admission


def test_no_caBundle_is_rendered_in_mode_self() -> None:  # noqa: N802 -- the field's name
    assert "caBundle" not in _webhook()["clientConfig"]


def test_caBundle_is_rendered_as_given_in_mode_existing() -> None:  # noqa: N802 -- see above
    bundle = "certificates.existing.caBundle=LS0t"

    assert _webhook(*EXISTING, bundle)["clientConfig"]["caBundle"] == "LS0t"
    assert "caBundle" not in _webhook(*EXISTING)["clientConfig"]
    assert "caBundle" not in _webhook(bundle)["clientConfig"], "it is another mode's value"


def test_cert_manager_injects_the_ca_of_the_mounted_certificate() -> None:
    found = one("MutatingWebhookConfiguration", *CERT_MANAGER)
    deployment = one("Deployment", *CERT_MANAGER)
    (leaf,) = [c for c in of_kind("Certificate", *CERT_MANAGER) if "dnsNames" in c["spec"]]
    (volume,) = deployment["spec"]["template"]["spec"]["volumes"]

    name = leaf["metadata"]["name"]
    assert found["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": f"{NAME}/{name}"}
    assert volume["secret"]["secretName"] == leaf["spec"]["secretName"]
    assert "caBundle" not in found["webhooks"][0]["clientConfig"]
    assert f"{NAME}.{NAME}.svc" in leaf["spec"]["dnsNames"]


def test_cert_managers_leaf_is_not_its_own_issuer() -> None:
    """Were it, every renewal would be a gap in trust."""
    issuers = {each["metadata"]["name"]: each["spec"] for each in of_kind("Issuer", *CERT_MANAGER)}
    certificates = of_kind("Certificate", *CERT_MANAGER)
    by_authority = {bool(c["spec"].get("isCA")): c["spec"] for c in certificates}

    assert issuers[by_authority[False]["issuerRef"]["name"]] == {
        "ca": {"secretName": by_authority[True]["secretName"]}
    }
    assert issuers[by_authority[True]["issuerRef"]["name"]] == {"selfSigned": {}}


def test_given_issuer_signs_the_leaf_and_no_other_is_created() -> None:
    given = 'certificates.certManager.issuerRef={"kind":"ClusterIssuer","name":"internal"}'

    (leaf,) = of_kind("Certificate", *CERT_MANAGER, given)
    assert leaf["spec"]["issuerRef"] == {"kind": "ClusterIssuer", "name": "internal"}
    assert of_kind("Issuer", *CERT_MANAGER, given) == []


def test_own_and_system_namespaces_are_never_matched() -> None:
    selector = _webhook()["namespaceSelector"]
    (expression,) = selector["matchExpressions"]

    assert expression["key"] == "kubernetes.io/metadata.name"
    assert expression["operator"] == "NotIn"
    assert set(expression["values"]) == SYSTEM
    assert set(_environment()["BACKUP_WEBHOOK_EXCLUDED_NAMESPACES"].split(",")) == SYSTEM


def test_values_cannot_remove_an_exclusion() -> None:
    more = 'namespaceExcludes=["vault","kube-system"]'
    (expression,) = _webhook(more)["namespaceSelector"]["matchExpressions"]

    assert set(expression["values"]) == {*SYSTEM, "vault"}
    assert len(expression["values"]) == 5
    excluded = _environment(more)["BACKUP_WEBHOOK_EXCLUDED_NAMESPACES"]
    assert excluded.split(",") == expression["values"]


def test_only_namespaces_that_opted_in_are_matched() -> None:
    assert _webhook()["namespaceSelector"]["matchLabels"] == {"backup.enabled": "true"}


def test_only_pod_creations_are_sent_and_none_is_denied() -> None:
    webhook = _webhook()

    assert webhook["rules"] == [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE"],
            "resources": ["pods"],
            "scope": "Namespaced",
        }
    ]
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["sideEffects"] == "None", "a dry run must reach us"
    assert webhook["reinvocationPolicy"] == "IfNeeded"
    assert webhook["admissionReviewVersions"] == ["v1"]
    assert webhook["name"].count(".") >= 2


def test_conditions_read_optional_fields_safely() -> None:
    """One that fails counts by the failurePolicy."""
    for condition in _webhook()["matchConditions"]:
        first, *rest = condition["expression"].split(maxsplit=1)
        assert first.lstrip("!") == "has(object.metadata.annotations)"
        assert rest[0].startswith("||" if first.startswith("!") else "&&")


def test_webhook_configuration_names_the_service_that_selects_the_pods() -> None:
    service, container = one("Service"), _container()
    client = _webhook()["clientConfig"]["service"]
    labels = one("Deployment")["spec"]["template"]["metadata"]["labels"]

    assert client["name"] == service["metadata"]["name"] == _environment()["BACKUP_WEBHOOK_SERVICE"]
    ports = {port["name"]: port["port"] for port in service["spec"]["ports"]}
    assert ports == {"https": client["port"], "metrics": 9464}
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["https", "metrics"]
    assert [port["name"] for port in container["ports"]] == ["https", "metrics"]
    assert service["spec"]["selector"].items() <= labels.items()


def test_service_and_disruption_budget_select_only_the_webhooks_pods() -> None:
    found = objects(example="production")
    others = [
        one("DaemonSet")["spec"]["template"]["metadata"]["labels"],
        *[each["metadata"]["labels"] for each in found if each["kind"] == "Pod"],
    ]
    selectors = [
        one("Service")["spec"]["selector"],
        one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one("NetworkPolicy", example="production")["spec"]["podSelector"]["matchLabels"],
    ]

    assert len(others) == 2
    assert not [s for s in selectors for labels in others if s.items() <= labels.items()]


def test_nothing_is_a_hook_except_the_helm_test() -> None:
    """helm neither upgrades a hook nor removes it with its release."""
    hooks = [each for each in objects(example="production") if rendering.is_hook(each)]

    more = {
        "Pod": {"output-log-policy": "hook-failed"}, "Namespace": {"weight": "-1"},
        "ServiceAccount": {"weight": "-2"},
    }  # fmt: skip
    assert {each["metadata"]["name"] for each in hooks} == {f"{NAME}-test"}
    for each in hooks:
        assert each["metadata"]["annotations"] == {
            "helm.sh/hook": "test",
            "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded,hook-failed",
            **{f"helm.sh/hook-{key}": value for key, value in more.get(each["kind"], {}).items()},
        }
    (namespace,) = [each for each in hooks if each["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


# Rights


def _rules(*values: str) -> list[Json]:
    roles = of_kind("Role", *values) + of_kind("ClusterRole", *values)
    return [{**rule, "kind": role["kind"]} for role in roles for rule in role["rules"]]


def test_rights_are_name_scoped() -> None:
    """What is followed cannot be, but is only read."""
    rules = {rule["resources"][0]: rule for rule in _rules()}

    followed = rules.pop("limitranges")
    assert followed["resources"] == ["limitranges", "namespaces", "pods", "resourcequotas"]
    assert followed["verbs"] == ["list", "watch"]
    events = rules.pop("events")
    assert (events["resources"], events["verbs"]) == (["events"], ["list", "watch"])
    looked_at = rules.pop("persistentvolumeclaims")
    assert looked_at["resources"] == ["persistentvolumeclaims"]
    assert looked_at["verbs"] == ["list"]
    assert rules.keys() == {"secrets", "pods", "mutatingwebhookconfigurations"}
    assert rules["secrets"]["kind"] == rules["pods"]["kind"] == "Role"
    assert rules["secrets"]["resourceNames"] == [_environment()["BACKUP_WEBHOOK_CA_SECRET"]]
    assert rules["mutatingwebhookconfigurations"]["resourceNames"] == [
        one("MutatingWebhookConfiguration")["metadata"]["name"]
    ]
    assert set(rules["pods"]["verbs"]) == {"get", "list", "watch"}
    assert not {"*", "delete", "update"} & {
        verb for rule in rules.values() for verb in rule["verbs"]
    }


@pytest.mark.parametrize("variant", ["cert-manager", "existing"])
def test_no_right_on_secrets_and_webhook_configurations_with_external_certificates(
    variant: str,
) -> None:
    assert [rule["resources"] for rule in _rules(*VARIANTS[variant])] == [
        ["pods"],
        ["limitranges", "namespaces", "pods", "resourcequotas"],
        ["events"],
        ["persistentvolumeclaims"],
    ]
    without = ("follow=false", "coverage.enabled=false")
    assert [rule["resources"] for rule in _rules(*VARIANTS[variant], *without)] == [["pods"]]


def test_no_rights_and_no_token_without_need() -> None:
    spec = one("Deployment", *VARIANTS["bare"])["spec"]["template"]["spec"]

    assert spec["automountServiceAccountToken"] is False
    for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "DaemonSet"):
        assert of_kind(kind, *VARIANTS["bare"]) == []
    assert one("Deployment")["spec"]["template"]["spec"]["automountServiceAccountToken"] is True
    assert one("DaemonSet")["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_every_right_is_bound_to_the_webhooks_account_alone() -> None:
    account = one("Deployment")["spec"]["template"]["spec"]["serviceAccountName"]
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        assert one(kind)["subjects"] == [
            {"kind": "ServiceAccount", "name": account, "namespace": NAME}
        ]
    assert one("ServiceAccount")["metadata"]["name"] == account
    assert "serviceAccountName" not in one("DaemonSet")["spec"]["template"]["spec"]


def test_given_service_account_is_used_and_not_created() -> None:
    values = ("serviceAccount.create=false", "serviceAccount.name=theirs")

    assert of_kind("ServiceAccount", *values) == []
    assert one("RoleBinding", *values)["subjects"][0]["name"] == "theirs"


def test_secret_of_the_ca_is_created_empty() -> None:
    """So that an uninstall removes it, and an upgrade leaves alone what the webhook put in."""
    assert one("Secret").keys() == {"apiVersion", "kind", "metadata", "type"}
    for variant in ("cert-manager", "existing"):
        assert of_kind("Secret", *VARIANTS[variant]) == []


def test_helm_test_may_create_pods_only_in_its_namespace() -> None:
    """And only a dry run does."""
    hooks = {each["kind"]: each for each in objects() if rendering.is_hook(each)}

    assert hooks["Role"]["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}
    ]
    namespace = hooks["Namespace"]["metadata"]
    assert hooks["Role"]["metadata"]["namespace"] == namespace["name"] != NAME
    assert namespace["labels"]["backup.enabled"] == "true"
    (variable,) = hooks["Pod"]["spec"]["containers"][0]["env"]
    assert variable["value"] == namespace["name"]
    assert 'dry_run="All"' in hooks["Pod"]["spec"]["containers"][0]["command"][-1]


# Pods


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_pod_would_pass_restricted(variant: str) -> None:
    specs = rendering.pods(objects(*VARIANTS[variant]))

    assert len(specs) == {"bare": 2, "maintenance": 4}.get(variant, 3)
    for spec in specs:
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] > 0
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & spec.keys()
        assert all(
            volume.keys() <= {"name", "secret", "emptyDir"} for volume in spec.get("volumes", ())
        )
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert not any("hostPort" in port for port in container.get("ports", ()))


def test_every_container_has_a_memory_limit_and_requests() -> None:
    for spec in rendering.pods(objects()):
        for container in spec["containers"]:
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert container["resources"]["limits"].keys() == {"memory"}


def test_service_links_are_disabled() -> None:
    """Those of a Service named backup-webhook would look like settings."""
    assert all(spec["enableServiceLinks"] is False for spec in rendering.pods(objects()))


@pytest.mark.parametrize(("replicas", "budgets"), [(1, 0), (2, 1), (3, 1)])
def test_there_is_a_disruption_budget_for_more_than_one_replica(
    replicas: int, budgets: int
) -> None:
    found = of_kind("PodDisruptionBudget", f"replicas={replicas}")

    assert [each["spec"]["maxUnavailable"] for each in found] == [1] * budgets


def test_new_pods_are_ready_before_old_ones_terminate() -> None:
    rolling = one("Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 1, "maxUnavailable": 0}


def test_host_port_is_free_before_a_new_pod_starts() -> None:
    spec = one("Deployment", "webhook.hostNetwork=true", "webhook.port=10250")["spec"]

    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert spec["template"]["spec"]["hostNetwork"] is True
    assert spec["template"]["spec"]["dnsPolicy"] == "ClusterFirstWithHostNet"


def test_grace_period_is_longer_than_the_webhooks_shutdown() -> None:
    spec = one("Deployment")["spec"]["template"]["spec"]
    help_of_serve = _serve_help()
    found = re.search(r"BACKUP_WEBHOOK_DRAIN_SECONDS; default: ([0-9]+)", help_of_serve)

    assert found
    last_answers = 20  # seconds; webhook/server/process.py
    assert spec["terminationGracePeriodSeconds"] > int(found[1]) + last_answers


def test_port_is_the_same_everywhere() -> None:
    values = ("webhook.port=10250", "metrics.port=10251", "metrics.serviceMonitor.enabled=true")
    container = _container(*values)
    admission, watching = one("NetworkPolicy", *values)["spec"]["ingress"]
    (endpoint,) = one("ServiceMonitor", *values)["spec"]["endpoints"]
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")]

    assert _environment(*values)["BACKUP_WEBHOOK_LISTEN"] == "0.0.0.0:10250"
    assert _environment(*values)["BACKUP_WEBHOOK_METRICS_LISTEN"] == "0.0.0.0:10251"
    assert container["ports"] == [
        {"name": "https", "containerPort": 10250}, {"name": "metrics", "containerPort": 10251},
    ]  # fmt: skip
    assert (admission["ports"], watching["ports"]) == ([{"port": "https"}], [{"port": "metrics"}])
    assert {(p["port"], p.get("scheme")) for p in probes} == {("metrics", None)}
    assert (endpoint["port"], endpoint.get("scheme")) == ("metrics", None)
    assert one("Service", *values)["spec"]["ports"][1]["port"] == 10251


def test_admission_and_metrics_need_two_ports() -> None:
    with pytest.raises(RefusedError, match=r"metrics\.port: 8443 is webhook\.port too"):
        one("Deployment", "metrics.port=8443")


def _policy(*values: str) -> Json:
    spec = one("NetworkPolicy", *values)["spec"]
    assert isinstance(spec, dict)
    return spec


def test_admission_is_open_to_all_and_metrics_to_monitoring_alone_by_default() -> None:
    spec = _policy()
    admission, watching = spec["ingress"]
    labels = one("Deployment")["spec"]["template"]["metadata"]["labels"]

    assert spec["podSelector"]["matchLabels"].items() <= labels.items()
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert admission.keys() == {"ports"}, "from anywhere"
    (peer,) = watching["from"]
    (expression,) = peer["namespaceSelector"]["matchExpressions"]
    assert (expression["operator"], expression["values"]) == ("In", ["monitoring"])
    (out,) = spec["egress"]
    assert {each["port"] for each in out["ports"]} == {443, 6443, 8443, 16443, 53}


def test_network_policy_can_be_opened_part_by_part() -> None:
    some = _policy(
        'networkPolicy.metricsNamespaces=["a","b"]', "networkPolicy.apiServerPorts=[7443]"
    )
    (expression,) = some["ingress"][1]["from"][0]["namespaceSelector"]["matchExpressions"]
    everything = _policy("networkPolicy.metricsNamespaces=[]", "networkPolicy.apiServerPorts=[]")

    assert expression["values"] == ["a", "b"]
    assert {each["port"] for each in some["egress"][0]["ports"]} == {7443, 53}
    assert everything["ingress"][1].keys() == {"ports"}
    assert everything["egress"] == [{}]
    assert of_kind("NetworkPolicy", "networkPolicy.enabled=false", "maintenance.enabled=true") == []


# Client certificates


@pytest.mark.parametrize("mode", [(), EXISTING])
def test_client_certificates_are_required_where_their_ca_is_set(mode: tuple[str, ...]) -> None:
    given = ("webhook.clientCA.secretName=callers", 'webhook.clientCA.names=["kube-apiserver"]')
    spec = one("Deployment", *mode, *given)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    variables = _environment(*mode, *given)
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each["secret"] for each in spec["volumes"]}

    assert variables["BACKUP_WEBHOOK_CLIENT_CA"] == "/client-ca/ca.crt"
    assert variables["BACKUP_WEBHOOK_CLIENT_NAMES"] == "kube-apiserver"
    assert mounts == {**({"tls": "/tls"} if mode else {}), "client-ca": "/client-ca"}
    assert volumes["client-ca"] == {
        "secretName": "callers", "items": [{"key": "ca.crt", "path": "ca.crt"}],
    }  # fmt: skip
    assert not [name for name in _environment(*mode) if "CLIENT" in name]


def test_names_of_clients_without_a_ca_are_refused() -> None:
    with pytest.raises(RefusedError, match=r"webhook\.clientCA\.secretName: empty"):
        one("Deployment", 'webhook.clientCA.names=["kube-apiserver"]')


# Images


@pytest.mark.parametrize(
    "values",
    [
        ("registry=",),
        ("registry=", "image.repository=registry.example.com/webhook"),
        ("registry=", "sidecar.image.repository=localhost:5000/sidecar"),
        ("registry=", "image.repository=team/webhook", "sidecar.image.repository=team/sidecar"),
        ("registry=", "image.repository=library.example", "sidecar.image.repository=a.b/c"),
        (
            "registry=", "sidecar.dumps=true", "image.repository=a.b/c",
            "sidecar.image.repository=a.b/d",
        ),
    ],
)  # fmt: skip
def test_an_image_without_a_registry_is_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(RefusedError, match=r"registry: empty; write where .* --set registry="):
        rendering.text(*values)


def test_each_image_may_name_its_registry() -> None:
    own = ("registry=", "image.repository=a.example/w", "sidecar.image.repository=localhost/s")
    images = {
        each["image"] for spec in rendering.pods(objects(*own)) for each in spec["containers"]
    }

    assert images == {"a.example/w:0.1.0", "localhost/s:0.1.0"}


def test_dumps_are_allowed_only_with_their_image() -> None:
    """A cluster that does not have it must not be hurt."""
    containers = one("DaemonSet", "sidecar.dumps=true")["spec"]["template"]["spec"]["containers"]
    wanted = _environment("sidecar.dumps=true")["BACKUP_WEBHOOK_DATABASE_IMAGE"]

    assert _environment()["BACKUP_WEBHOOK_DATABASE_IMAGE"] == "none"
    assert [each["image"] for each in containers][1:] == [wanted]
    assert wanted == f"{REGISTRY}/backup-webhook-sidecar-db:0.1.0"


def test_registry_prefixes_every_image() -> None:
    values = ("registry=registry.example.com:5000/backup/", "sidecar.image.tag=v2")
    specs = rendering.pods(objects(*values))

    assert {each["image"] for spec in specs for each in spec["containers"]} == {
        "registry.example.com:5000/backup/backup-webhook:0.1.0",
        "registry.example.com:5000/backup/backup-webhook-sidecar:v2",
    }


def test_digest_outranks_the_tag() -> None:
    digest = "sha256:" + "0" * 64
    values = (f"image.digest={digest}", "image.tag=v2")

    assert _container(*values)["image"] == f"{REGISTRY}/backup-webhook@{digest}"


def test_pre_pull_keeps_the_injected_image() -> None:
    values = ("registry=registry.example.com", "sidecar.image.pullPolicy=Always")
    daemonset = one("DaemonSet", *values)
    (container,) = daemonset["spec"]["template"]["spec"]["containers"]
    variables = _environment(*values)

    assert container["image"] == variables["BACKUP_WEBHOOK_IMAGE"]
    assert container["imagePullPolicy"] == variables["BACKUP_WEBHOOK_PULL_POLICY"] == "Always"
    assert daemonset["metadata"]["name"] == variables["BACKUP_WEBHOOK_PREPULL"]
    assert container["command"] == ["sleep", "infinity"]


def test_pre_pull_reaches_every_node_that_could_run_the_image() -> None:
    """One that never could would be evidence that the image cannot be had."""
    spec = one("DaemonSet")["spec"]["template"]["spec"]
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]

    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert {each["operator"] for each in term["matchExpressions"]} == {"NotIn"}
    left_out = {each["key"]: each["values"] for each in term["matchExpressions"]}
    assert left_out["kubernetes.io/os"] == ["windows"]


def test_pull_secrets_are_for_all_pods() -> None:
    specs = rendering.pods(objects('imagePullSecrets=[{"name":"registry"}]'))

    assert all(spec["imagePullSecrets"] == [{"name": "registry"}] for spec in specs)


# Maintenance


def _job(*values: str) -> Json:
    """Return the spec of the maintenance job's pod."""
    found = one("CronJob", "maintenance.enabled=true", *values)
    spec = found["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert isinstance(spec, dict)
    return spec


def test_one_value_creates_the_job_and_disables_maintenance_in_sidecars() -> None:
    on, off = "maintenance.enabled=true", "maintenance.enabled=false"

    assert of_kind("CronJob", off) == of_kind("CronJob") == []
    assert json.loads(_environment(off)["BACKUP_WEBHOOK_DEFAULTS"]) == {}
    assert json.loads(_environment(on)["BACKUP_WEBHOOK_DEFAULTS"]) == {"maintenance": "central"}
    own = ("sidecar.defaults.maintenance=own", "sidecar.defaults.schedule=@daily")
    assert json.loads(_environment(on, *own)["BACKUP_WEBHOOK_DEFAULTS"]) == {
        "maintenance": "own", "schedule": "@daily",
    }  # fmt: skip


def test_the_job_runs_once_a_day_at_a_time_of_its_release() -> None:
    spec = one("CronJob", "maintenance.enabled=true")["spec"]
    (other,) = [
        each["spec"]
        for each in objects("maintenance.enabled=true", name="another")
        if each["kind"] == "CronJob"
    ]

    assert spec["concurrencyPolicy"] == "Forbid"
    assert re.fullmatch(r"[0-5]?[0-9] [1-4] \* \* \*", spec["schedule"])
    assert spec["schedule"] != other["schedule"]
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 21600
    assert "timeZone" not in spec


def test_the_job_gets_the_variables_that_the_runner_reads() -> None:
    given = ("maintenance.check=@monthly", "maintenance.checkSubsets=12")
    (container,) = _job(*given)["containers"]
    variables = {each["name"]: each.get("value", "x").replace("$$", "$") for each in
                 container["env"]}  # fmt: skip

    found = build.config(variables, {}, {})

    assert container["command"] == [names.RUNNER, "maintain"]
    assert found.problems == ()
    assert found.settings[settings.CHECK].text == "@monthly"
    assert found.settings[settings.FORGET].text == "@daily"
    assert found.maintenance.subsets == 12
    assert found.timing.maintenance == 21600 - 300


def test_the_floor_of_retention_reaches_the_job_and_every_sidecar() -> None:
    given = ("retention.floorWithin=14d", "retention.floorLast=5", "retention.graceDays=0")
    least = {"floor-within": "14d", "floor-last": 5, "shrink-grace": "0d"}
    (container,) = _job(*given)["containers"]
    variables = {each["name"]: each.get("value", "x").replace("$$", "$") for each in
                 container["env"]}  # fmt: skip

    found = build.config(variables, {}, {})

    assert found.problems == ()
    floor = found.maintenance.floor
    assert (floor.within, floor.last, floor.grace) == ("14d", 5, 0)
    sidecars = json.loads(_environment(*given)["BACKUP_WEBHOOK_DEFAULTS"])
    assert {key: sidecars[key] for key in least} == least | {"floor-last": "5"}


def test_the_job_has_the_secret_as_a_sidecar_has_it() -> None:
    spec = _job("maintenance.secret=shared")
    (container,) = spec["containers"]

    source = {"prefix": "BACKUP_SECRET_", "secretRef": {"name": "shared", "optional": True}}
    assert container["envFrom"] == [source]
    ours = {each["name"]: each.get("value") for each in container["env"]}
    assert ours["PATH"] == names.PATH
    assert (ours["BACKUP_STATE_DIR"], ours["BACKUP_SECRET_DIR"]) == (
        names.STATE_DIR, names.SECRET_DIR,
    )  # fmt: skip
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in spec["volumes"]}
    assert mounts.keys() == {names.SECRET_DIR, names.STATE_DIR}
    assert volumes[mounts[names.SECRET_DIR]]["secret"] == {"secretName": "shared", "optional": True}
    assert volumes[mounts[names.STATE_DIR]]["emptyDir"] == {}
    assert container["image"] == _environment()["BACKUP_WEBHOOK_IMAGE"]
    assert spec["automountServiceAccountToken"] is False


def test_names_of_long_releases_fit_a_cron_job() -> None:
    found = objects("maintenance.enabled=true", "networkPolicy.enabled=true", name="r" * 53)
    named = [each["metadata"]["name"] for each in found if "maint" in each["metadata"]["name"]]

    assert len(named) == 2
    assert max(map(len, named)) <= 52


# Settings


def _serve_help() -> str:
    program = Path(sys.executable).with_name("backup-webhook")
    done = subprocess.run(
        [program, "serve", "--help"], capture_output=True, text=True, check=True,
        env={"COLUMNS": "10000"},
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variable_is_one_that_serve_knows(variant: str) -> None:
    known = set(re.findall(r"\(or (BACKUP_WEBHOOK_[A-Z_]+);", _serve_help()))

    assert known
    assert set(_environment(*VARIANTS[variant])) <= known


def test_every_variable_of_serve_has_its_value() -> None:
    known = set(re.findall(r"\(or (BACKUP_WEBHOOK_[A-Z_]+);", _serve_help()))
    given = {name for values in VARIANTS.values() for name in _environment(*values)}

    assert known - given == {"BACKUP_WEBHOOK_DRAIN_SECONDS"}, "the pod's grace period goes by it"


def test_defaults_are_passed_unchanged() -> None:
    defaults = {
        "schedule": "H 3 * * *",
        "keep-daily": 14,
        "paused": False,
        "exclude": "$(HOME)\n$$<ü>",
    }
    variables = _environment("sidecar.defaults=" + json.dumps(defaults))

    assert json.loads(variables["BACKUP_WEBHOOK_DEFAULTS"]) == defaults


def test_defaults_are_valid_for_the_webhook(tmp_path: Path) -> None:
    defaults = {"schedule": "@daily", "keep-daily": 14, "paused": False, "run-as": 1000}
    text = _environment("sidecar.defaults=" + json.dumps(defaults))["BACKUP_WEBHOOK_DEFAULTS"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": []}}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod))
    program = Path(sys.executable).with_name("backup-webhook")

    done = subprocess.run(
        [program, "inject", f"--filename={tmp_path / 'pod.yaml'}"],
        capture_output=True, text=True, check=False, env={"BACKUP_WEBHOOK_DEFAULTS": text},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("given", "passed"), [("365", "365"), ("0.5", "0.5"), ("90.25", "90.25")])
def test_times_are_passed_on_as_decimal_numbers(given: str, passed: str) -> None:
    short = ("certificates.leafHours=1", "certificates.overlapHours=1")
    variables = _environment(f"certificates.caDays={given}", *short)

    assert variables["BACKUP_WEBHOOK_CA_DAYS"] == passed


@pytest.mark.parametrize(
    ("release", "name"),
    [("backup-webhook", "backup-webhook"), ("b", "b-backup-webhook"), ("r" * 53, "r" * 50)],
)
def test_everything_is_named_after_the_release(release: str, name: str) -> None:
    names = {each["metadata"]["name"] for each in objects(name=release)}

    assert {each for each in names if not each.startswith(name)} == set()
    assert max(map(len, names)) <= 63


def test_notes_show_the_next_commands() -> None:
    text = rendering.text(notes=True)

    for command in (
        "kubectl label namespace NAMESPACE backup.enabled=true",
        "create secret generic backup-env-configuration",
        '"annotations": {"backup.enabled": "true"}',
        r"jsonpath='{.metadata.annotations.backup\.status}'",
        "helm -n default test backup-webhook",
        "helm -n default uninstall backup-webhook",
    ):
        assert command in text
    assert "failurePolicy is Fail" not in text
    assert "cronjob/" not in text
    central = rendering.text("maintenance.enabled=true", notes=True)
    assert "--from=cronjob/backup-webhook-maintenance" in central
    assert "failurePolicy is Fail" in rendering.text("webhook.failurePolicy=Fail", notes=True)
