"""Optimizers on functions: one path, a race, a million ends, the fair choice of a rate."""
