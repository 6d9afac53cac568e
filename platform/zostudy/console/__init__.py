"""What a study shows on a terminal as it runs, for the command line and for Python alike."""
