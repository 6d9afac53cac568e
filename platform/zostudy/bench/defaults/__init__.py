"""The choice of the methods' defaults: trials around them on development tasks, judged on rows that chose nothing."""
