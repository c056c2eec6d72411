"""HTTPS in. The only package that knows FastAPI."""
