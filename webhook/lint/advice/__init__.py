"""What is advised, by subject: each module yields findings about a pod that would be injected."""
