"""What a database server is asked, and what it says."""
