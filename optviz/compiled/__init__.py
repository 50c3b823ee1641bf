"""All that is known of Numba: compilation on first use, caches, functions that vectorise."""
