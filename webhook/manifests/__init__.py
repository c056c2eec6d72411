"""`inject` and what `lint` reads: manifests that are not in a cluster yet."""
