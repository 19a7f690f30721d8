"""``python -m titian`` is the command line."""

from titian.cli import main

main()
