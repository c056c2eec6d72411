"""The edges below: processes, files, signals, mounts, logs."""
