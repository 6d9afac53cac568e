"""A first look at somebody's data: what is in it, how a model can be asked about it, and a study to begin with."""
