"""``python -m zostudy``: the command line, where the console script is not on the path.

Python would look for modules in the working directory first, where a scratch file such as ``numpy.py`` would take the
place of the library; the console script does not, so neither does this, unless zostudy itself lies there.
"""

import os
import sys


def _leave_out_working_directory() -> None:
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not sys.flags.safe_path and sys.path[0] != home and _is_working_directory(sys.path[0]):
        del sys.path[0]


def _is_working_directory(folder: str) -> bool:
    try:
        return os.path.samefile(folder, os.curdir)
    except OSError:  # Python leaves a directory out that is gone, so the first folder is another one
        return False


if __name__ == "__main__":
    _leave_out_working_directory()
    from zostudy.cli import main

    main()
