"""Pictures from results: nothing here computes a path, nothing outside imports Matplotlib."""
