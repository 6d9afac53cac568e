"""From a study to finished trials: plan, proposals, the trial itself, and Ray Tune, which runs them."""
