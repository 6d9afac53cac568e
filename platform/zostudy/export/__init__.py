"""The tuned prompt taken away: as an adapter for PEFT, with a model card, and to label files with."""
