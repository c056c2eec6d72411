"""Which folders of a pod are backed up."""
