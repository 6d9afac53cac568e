"""Replicas of the frozen model as Ray actors, and the pool that spreads queries over them."""
