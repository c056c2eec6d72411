"""The command line for people and the supervisor: parses, calls one function, prints."""
