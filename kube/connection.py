"""How to reach the API server: as the pod's account, or by kubeconfig."""

import ssl
from typing import Any

from kubernetes import client, config


def connection() -> client.ApiClient:
    """Connect as the pod's account, or outside of a cluster by kubeconfig.

    Raises ConfigException. Certificates are verified as Go's clients do it: an API server's may
    lack key identifiers, which Python 3.13 would refuse.
    """
    settings = client.Configuration()
    load: Any = config  # its functions have no annotations
    try:
        load.load_incluster_config(settings)
    except config.ConfigException:
        load.load_kube_config(client_configuration=settings)
    api = client.ApiClient(settings)
    if settings.verify_ssl:
        context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        api.rest_client.pool_manager.connection_pool_kw["ssl_context"] = context
    return api
