"""What each program does before its own work: check the installation, parse arguments."""
