"""``python -m adcore script.py [argument ...]`` runs a program of MindSpore on adcore.

``python -m adcore -m module`` runs a module, as Python does; without a program it prints the configuration.
"""

import os
import runpy
import sys

from adcore import show_config
from adcore.mindspore import activate


def main():
    arguments = sys.argv[1:]
    if not arguments:
        show_config()
    elif arguments[0] in ("-h", "--help"):
        print(__doc__)
    elif arguments[0] == "-m":
        if len(arguments) == 1:
            sys.exit("python -m adcore -m: the name of a module is missing.")
        sys.argv = arguments[1:]
        sys.path[0] = os.getcwd()
        activate()
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    elif arguments[0].startswith("-"):
        sys.exit(f"python -m adcore: there is no option {arguments[0]!r}. See python -m adcore --help.")
    else:
        sys.argv = arguments
        sys.path[0] = os.path.dirname(os.path.realpath(arguments[0]))
        activate()
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
