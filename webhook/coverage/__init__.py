"""`coverage`: which pods are backed up, and which are not."""
