"""Ray Tune, which runs the trials: an adapter between its words and those of the study's driver."""
