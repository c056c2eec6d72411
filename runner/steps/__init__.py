"""The conversation between what decides and what runs commands. Pure."""
