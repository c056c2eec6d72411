"""Folders of database servers on volumes."""
