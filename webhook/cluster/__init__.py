"""What the webhook knows of the cluster. The only Kubernetes client."""
