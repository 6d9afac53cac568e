"""The frozen language model: where it comes from, its tokens, its subspace, its scores. Knows no Ray."""
