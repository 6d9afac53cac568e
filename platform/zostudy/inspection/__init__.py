"""A first look at a data file: its facts, a template and label words, and a study to begin with."""
