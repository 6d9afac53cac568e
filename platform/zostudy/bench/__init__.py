"""The benchmark: the cost of an evaluator, a pool and a replica, measured beside peers in one run."""
