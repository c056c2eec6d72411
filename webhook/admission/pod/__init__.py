"""What a pod is made of, beyond the fields that all of `admission` reads: size, platform, form."""
