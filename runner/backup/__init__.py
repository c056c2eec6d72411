"""One backup, from due to reported."""
