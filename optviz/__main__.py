"""python -m optviz."""

from optviz.cli.app import main

if __name__ == "__main__":
    main()
