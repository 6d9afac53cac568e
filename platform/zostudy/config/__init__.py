"""The study file: its keys and rules, and its loading, which reports each mistake in one line."""
