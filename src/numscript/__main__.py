"""`python -m numscript`: the command line."""

from numscript.cli import main

if __name__ == "__main__":
    main()
