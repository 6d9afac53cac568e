"""``python -m zostudy``: the command line, where the console script is not on the path."""

from zostudy.cli import main

if __name__ == "__main__":
    main()
