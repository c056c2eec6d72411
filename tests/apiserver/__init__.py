"""The webhook behind a real API server: etcd and control plane alone, no node."""
