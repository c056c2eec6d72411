"""The kubeconfig: cluster, namespace and user, or one line that says why it is invalid."""

import os
from dataclasses import dataclass
from pathlib import Path

import yaml
from kubernetes import client, config

from kubectl_backup.cluster.errors import ClusterError

_MISSHAPEN = (TypeError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True)
class Where:
    """The options of kubectl that select a cluster; "" selects what the kubeconfig has."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""


def read(where: Where, configuration: client.Configuration) -> tuple[str, str]:
    """Fill ``configuration``; return the names of the context and the namespace."""
    try:
        config.load_kube_config(  # type: ignore[no-untyped-call]
            _file(where), where.context or None, configuration
        )
        context, namespace = _chosen(where)
    except (config.ConfigException, yaml.YAMLError, OSError, ValueError, *_MISSHAPEN) as error:
        raise ClusterError(_unread(where, error)) from error
    return context, where.namespace or namespace


def _file(where: Where) -> str | None:
    return where.kubeconfig or os.environ.get("KUBECONFIG") or None


def _chosen(where: Where) -> tuple[str, str]:
    listed = config.list_kube_config_contexts(  # type: ignore[no-untyped-call]
        _file(where)
    )
    contexts, active = listed
    named = [each for each in contexts if each["name"] == where.context]
    chosen = named[0] if where.context and named else active
    return str(chosen["name"]), str((chosen.get("context") or {}).get("namespace") or "default")


def _unread(where: Where, error: Exception) -> str:
    """Return why the kubeconfig cannot be used, in one line that names the file."""
    file = _file(where) or "~/.kube/config"
    why = " ".join(str(error).split()).removeprefix("Invalid kube-config file. ").rstrip(".")
    if not any(Path(each).expanduser().exists() for each in file.split(os.pathsep)):
        why = "the file does not exist"
    elif isinstance(error, yaml.YAMLError):
        why = f"invalid YAML: {why}"
    elif isinstance(error, OSError):
        why = str(error.strerror)
    elif isinstance(error, _MISSHAPEN):
        why = "not a kubeconfig"
    return f"kubeconfig {file}: {why}; set KUBECONFIG, --kubeconfig or --context"
