"""The protocol between code that decides and the executor. Pure."""
