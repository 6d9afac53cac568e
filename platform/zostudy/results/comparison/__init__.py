"""Compares methods and studies: their cells, intervals, tests, verdicts, ranks and tables."""
