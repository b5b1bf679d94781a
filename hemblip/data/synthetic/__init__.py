"""Drawn cells: who has which attributes, and how they look."""
