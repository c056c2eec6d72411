"""The sidecar's own folders: whose they are, what is scratch, how much they may hold."""
