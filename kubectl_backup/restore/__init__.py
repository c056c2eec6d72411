"""`restore`: to this machine, to a new claim, in place."""
