"""The chart, rendered by helm itself."""
