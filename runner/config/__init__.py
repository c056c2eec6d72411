"""The runner's configuration, from annotations, Secret and environment."""
