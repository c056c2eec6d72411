"""What the kernel is asked to forbid to processes of ours."""
