"""The benchmark: what an evaluator, a pool and a replica cost, measured in one run beside what peers do."""
