"""The webhook's view of the cluster. The only Kubernetes client."""
