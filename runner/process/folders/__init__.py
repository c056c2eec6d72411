"""The sidecar's own folders: ownership, scratch, quota."""
