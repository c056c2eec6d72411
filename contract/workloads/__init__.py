"""Which workload pods and snapshots belong to, under this name and earlier ones. Pure."""
