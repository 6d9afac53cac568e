"""Studies of zeroth-order prompt tuning for frozen language models on imbalanced text, on Ray."""
