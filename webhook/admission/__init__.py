"""From a pod to its patch. Pure."""
