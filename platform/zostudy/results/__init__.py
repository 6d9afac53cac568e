"""What a study found: the Parquet ledger, and reading and comparing it without Ray or torch."""
