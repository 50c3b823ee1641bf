"""What optviz can show: a file a study, with its settings, its computation and its picture."""
