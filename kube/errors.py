"""What reading the cluster raises, and how to name it without showing anything of the cluster."""

import urllib3
import yaml
from kubernetes import client, config

ERRORS = (
    client.ApiException, config.ConfigException, urllib3.exceptions.HTTPError,
    yaml.YAMLError, OSError, ValueError, KeyError, TypeError,
)  # fmt: skip


class GoneError(Exception):
    """The version to go on from is too old: list again."""


def was_answered(error: Exception) -> bool:
    """Whether it is the API server that said no."""
    return isinstance(error, client.ApiException)


def problem(error: Exception) -> str:
    """Return what went wrong in a few words that show no content of the cluster."""
    if isinstance(error, client.ApiException):
        return f"HTTP {error.status} {error.reason}"
    if isinstance(error, config.ConfigException):
        return " ".join(str(error).split()).rstrip(".")
    if isinstance(error, yaml.YAMLError):
        return "the kubeconfig is not YAML"
    return type(getattr(error, "reason", None) or error).__name__
