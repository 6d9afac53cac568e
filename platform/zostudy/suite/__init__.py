"""The suite: a fixed set of studies that any method enters, and its leaderboard."""
