"""python -m optviz."""

from optviz.cli import main

if __name__ == "__main__":
    main()
