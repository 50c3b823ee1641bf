"""The warnings that optviz gives of its own."""


class Hint(UserWarning):
    """Something works, but most likely not as it was meant."""
