"""restic's command lines and the meaning of its answers. Pure."""
