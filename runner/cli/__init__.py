"""What a person or the supervisor calls: parses, calls one function, prints."""
