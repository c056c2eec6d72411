"""The demo: a volume is backed up, lost, restored and compared."""
