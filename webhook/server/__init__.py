"""The HTTPS server. The only package that imports FastAPI."""
