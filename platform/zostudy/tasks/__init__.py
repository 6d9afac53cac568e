"""Texts and labels: their files and data sets, the wordings of a task, and the imbalance draws."""
