"""`python -m whit`: the command line where no `whit` script is on the path."""

from whit.cli.main import main

if __name__ == "__main__":
    main()
