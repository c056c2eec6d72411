"""Archives from a sidecar, unpacked on this machine."""
