"""etcd, API server, controller manager and scheduler: a cluster without a node."""

import ssl
import urllib.error
import urllib.request

from tests.cluster.node import pki
from tests.cluster.node.sandbox import Sandbox
from tests.cluster.programs import build
from tests.cluster.rights import audit
from tests.cluster.settings import API_SERVER, NETWORK, ROOT, TOOLS

PKI = ROOT / "pki"
_ETCD = "http://127.0.0.1:2379"  # within the sandbox
_FASTER = ("--kube-api-qps=200", "--kube-api-burst=400")  # the defaults hold back many small steps


def start(sandbox: Sandbox) -> None:
    """Start all four and return when the API server answers. Raises WorkError."""
    programs = build.kubernetes()
    sandbox.start("etcd", *_etcd())
    sandbox.start("kube-apiserver", str(programs / "kube-apiserver"), *_apiserver())
    sandbox.until(is_ready, "the API server is ready", 240)
    sandbox.start(
        "kube-controller-manager", str(programs / "kube-controller-manager"), *_controller_manager()
    )
    sandbox.start(
        "kube-scheduler",
        str(programs / "kube-scheduler"),
        f"--kubeconfig={PKI}/scheduler.conf",
        "--leader-elect=false",
        *_FASTER,
    )


def is_ready() -> bool:
    """Tell whether the API server says that it is ready."""
    if not (PKI / "ca.crt").exists():
        return False
    context = ssl.create_default_context(cafile=str(PKI / "ca.crt"))
    context.load_cert_chain(PKI / "admin.crt", PKI / "admin.key")
    try:
        with urllib.request.urlopen(f"{API_SERVER}/readyz", timeout=30, context=context) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _etcd() -> list[str]:
    own = TOOLS / "etcd"
    return [
        str(own) if own.exists() else "etcd",
        f"--data-dir={ROOT}/etcd",
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",  # the data does not outlive the cluster
        "--log-level=warn",
    ]


def _apiserver() -> list[str]:
    return [
        f"--etcd-servers={_ETCD}",
        f"--advertise-address={NETWORK.node}",
        f"--service-cluster-ip-range={NETWORK.services}",
        f"--client-ca-file={PKI}/ca.crt",
        f"--tls-cert-file={PKI}/apiserver.crt",
        f"--tls-private-key-file={PKI}/apiserver.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={PKI}/accounts.pub",
        f"--service-account-signing-key-file={PKI}/accounts.key",
        f"--kubelet-client-certificate={PKI}/apiserver-kubelet.crt",
        f"--kubelet-client-key={PKI}/apiserver-kubelet.key",
        f"--kubelet-certificate-authority={PKI}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        f"--admission-control-config-file={PKI}/{pki.ADMISSION}",
        # Webhook Services are reached at their endpoints, without a proxy of Services.
        "--enable-aggregator-routing=true",
        *audit.flags(),
    ]


def _controller_manager() -> list[str]:
    return [
        f"--kubeconfig={PKI}/controller-manager.conf",
        f"--root-ca-file={PKI}/ca.crt",
        f"--service-account-private-key-file={PKI}/accounts.key",
        f"--cluster-signing-cert-file={PKI}/ca.crt",
        f"--cluster-signing-key-file={PKI}/ca.key",
        "--use-service-account-credentials=true",
        # On a busy machine the kubelet may be late; no pod of a node that is there is to go for it.
        "--node-monitor-grace-period=5m",
        "--leader-elect=false",
        *_FASTER,
    ]
