"""Who is told, and what: messages, digests, metrics."""
