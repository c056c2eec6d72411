"""Keys of the Secret: their meaning, and which programs get them."""
