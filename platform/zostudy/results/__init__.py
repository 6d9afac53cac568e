"""The results of studies: the Parquet ledger, and reading and comparing it without Ray or torch."""
