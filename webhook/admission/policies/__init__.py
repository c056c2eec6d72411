"""What the namespace allows: LimitRange, ResourceQuota, Pod Security. Pure."""
