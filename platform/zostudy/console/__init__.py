"""The log, progress and live view of a study on a terminal, for the command line and for Python."""
