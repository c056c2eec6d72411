"""Annotations: names, values, order of precedence."""
