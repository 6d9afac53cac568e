"""Texts and labels: where they come from, how a model is asked about them, and how they are made uneven."""
