"""`restore`: to this machine, into a new claim, or in place."""
