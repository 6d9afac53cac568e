"""How the methods' defaults were chosen: trials around them on development tasks, judged on rows that chose nothing."""
